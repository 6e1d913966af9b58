package view

import (
	"math"
	"strconv"
	"strings"
)

// Number writes x with four significant digits, always the same way, so that
// numbers in a column can be compared: trailing zeros stay, the minus is U+2212.
// From 0.0001 to 9999 (after rounding) the digits are written out, outside with
// a power of ten.
//
//	0.5 → 0.5000    −12.3456 → −12.35    0.00001 → 1.000·10⁻⁵    49152 → 4.915·10⁴
//	0 → 0           NaN → NaN            +Inf → ∞                −Inf → −∞
func Number(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case x < 0:
		return minus + Number(-x)
	case x == 0:
		return "0"
	case math.IsInf(x, 1):
		return "∞"
	}
	// The exponent is read from the rounded form: 9999.9 is 1.000·10⁴.
	s := strconv.FormatFloat(x, 'e', digits-1, 64)
	e := strings.IndexByte(s, 'e')
	exponent, _ := strconv.Atoi(s[e+1:]) // of FormatFloat's own making
	if exponent >= -4 && exponent < digits {
		return strconv.FormatFloat(x, 'f', digits-1-exponent, 64)
	}
	return s[:e] + "·10" + Superscript(exponent)
}

// digits is how many significant digits a number is shown with.
const digits = 4

// minus is the typographic minus sign, as wide as a digit.
const minus = "\u2212"

// operand is a number inside a product or a power: a negative one in brackets.
func operand(x float64) string {
	if x < 0 {
		return "(" + Number(x) + ")"
	}
	return Number(x)
}

// Percent writes a probability as a percentage with two decimals. What would
// be written as 0.00 % and is not nothing is "< 0.01 %", what would be written
// as 100.00 % and is not certain is "> 99.99 %"; NaN, that is unknown, is "–".
func Percent(p float64) string {
	const least, most = 0.00005, 0.99995 // where rounding to two decimals reaches 0 and 100
	switch {
	case math.IsNaN(p):
		return "–"
	case p > 0 && p < least:
		return "< 0.01 %"
	case p >= most && p < 1:
		return "> 99.99 %"
	}
	return strconv.FormatFloat(100*p, 'f', 2, 64) + " %"
}

// Bytes writes a size with one decimal in the largest binary unit of which
// there is at least one: "22.5 KiB".
func Bytes(n uint64) string {
	if n < 1<<10 {
		return strconv.FormatUint(n, 10) + " B"
	}
	units := [...]string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	unit, x := 0, float64(n)/1024
	for x >= 1023.95 { // would be written as 1024.0
		unit, x = unit+1, x/1024
	}
	return strconv.FormatFloat(x, 'f', 1, 64) + " " + units[unit]
}

// Subscript and Superscript write an integer with small digits: x₁₂, 10⁻⁵.
func Subscript(n int) string { return small(n, "₀₁₂₃₄₅₆₇₈₉", "₋") }

// Superscript is like [Subscript], above the line.
func Superscript(n int) string { return small(n, "⁰¹²³⁴⁵⁶⁷⁸⁹", "⁻") }

func small(n int, digits, sign string) string {
	of := []rune(digits)
	var s strings.Builder
	for _, c := range strconv.Itoa(n) {
		if c == '-' {
			s.WriteString(sign)
		} else {
			s.WriteRune(of[c-'0'])
		}
	}
	return s.String()
}
