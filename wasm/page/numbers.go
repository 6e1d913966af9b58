//go:build js && wasm

package page

import (
	"strconv"
	"strings"
)

// Decimal writes n.
func Decimal(n int) string { return strconv.Itoa(n) }

// Grouped writes n with a comma every three digits, as both languages do.
func Grouped(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Exact writes v with the fewest digits that give the same float32 back.
func Exact(v float32) string {
	return strings.ReplaceAll(strconv.FormatFloat(float64(v), 'g', -1, 32), "-", "−")
}

// Milliseconds writes a time given in microseconds.
func Milliseconds(micros uint32) string {
	return strconv.FormatFloat(float64(micros)/1000, 'f', 2, 64) + " ms"
}
