package structured

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxDigits bounds the digits of a bound of numbers.
const maxDigits = 400

// decimal is the amount of a number without its sign, as digits.
type decimal struct {
	whole    string // without zeros in front; "" below 1
	fraction string // without zeros behind
}

// zero says whether it is 0.
func (d decimal) zero() bool { return d.whole == "" && d.fraction == "" }

// parseDecimal reads a number of JSON.
func parseDecimal(s string) (d decimal, negative bool, err error) {
	s, negative = strings.CutPrefix(s, "-")
	exponent := 0
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		exponent, err = strconv.Atoi(strings.TrimPrefix(s[at+1:], "+"))
		if err != nil {
			return d, negative, errors.New("has an exponent that is too large")
		}
		s = s[:at]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole)+len(fraction) > maxDigits || exponent > maxDigits || exponent < -maxDigits {
		return d, negative, fmt.Errorf("has more than %d digits", maxDigits)
	}
	digits, point := whole+fraction, len(whole)+exponent
	switch {
	case point < 0:
		digits, point = strings.Repeat("0", -point)+digits, 0
	case point > len(digits):
		digits += strings.Repeat("0", point-len(digits))
	}
	d.whole, d.fraction = strings.TrimLeft(digits[:point], "0"), strings.TrimRight(digits[point:], "0")
	return d, negative && !d.zero(), nil
}

// A limit is one end of a range of amounts.
type limit struct {
	decimal
	open bool // the limit itself is not in the range
}

// maxStep bounds the digits' number of what numbers are multiples of: an automaton
// has a state for each remainder.
const maxStep = 1000

// multiple is the step of numbers that are multiples of something.
type multiple struct {
	of     int // times 10^-digits
	digits int
}

// newMultiple reads the value of multipleOf.
func newMultiple(d decimal) (*multiple, error) {
	n, err := strconv.Atoi(strings.TrimLeft(d.whole+d.fraction, "0"))
	switch {
	case d.zero():
		return nil, errors.New("is 0, want more")
	case err != nil || n > maxStep:
		return nil, fmt.Errorf("has too many digits, want a number whose digits are at most %d, such as 5, 0.01 or 0.25", maxStep)
	}
	return &multiple{n, len(d.fraction)}, nil
}

// next is the remainder behind one more digit. A nil multiple has none.
func (m *multiple) next(remainder, digit int) int {
	if m == nil {
		return 0
	}
	return (remainder*10 + digit) % m.of
}

// holds says whether a number is a multiple that ends with so many digits behind the point.
func (m *multiple) holds(remainder, digits int) bool {
	if m == nil {
		return true
	}
	for range m.digits - digits {
		remainder = remainder * 10 % m.of
	}
	return remainder%m.of == 0
}

// amounts reads amounts from low to high, written without an exponent. high
// is nil for no limit. With whole set they have no fraction; with steps they are
// multiples.
//
// It is the product of the automata that compare digit by digit with either
// limit: as long as all digits were the limit's the comparison is undecided. And of
// one that counts remainders.
func (g *grammar) amounts(low limit, high *limit, whole bool, steps *multiple) frag {
	return func(next pc) pc {
		a := &amounts{g, low, high, whole, steps, next, map[amountState]pc{}, map[[2]int]pc{}}
		var outs []pc
		first := max(len(low.whole), 1)
		for n := first; high == nil && n == first || high != nil && n <= max(len(high.whole), 1); n++ {
			outs = append(outs, a.digits(amountState{digits: n, low: n == first, high: high != nil && n == max(len(high.whole), 1)}))
		}
		if high == nil { // longer ones are all above
			for d := 1; d < 10; d++ {
				outs = append(outs, g.bytes(byte('0'+d), byte('0'+d))(a.longer(first, a.steps.next(0, d))))
			}
		}
		return g.split(outs...)
	}
}

type amounts struct {
	*grammar
	low   limit
	high  *limit
	whole bool
	steps *multiple
	next  pc
	seen  map[amountState]pc
	above map[[2]int]pc // what longer has made
}

// amountState is what a range has to know of the digits so far.
type amountState struct {
	digits, at int  // digits before the point, and those read
	fraction   bool // at counts digits behind the point
	low, high  bool // all digits were those of the limit
	remainder  int  // of the digits so far
}

// digit is the digit of a limit that is compared with the next one.
func (s amountState) digit(d decimal) int {
	digits := d.fraction
	if !s.fraction {
		digits = strings.Repeat("0", s.digits-len(d.whole)) + d.whole
	}
	if s.at < len(digits) {
		return int(digits[s.at] - '0')
	}
	return 0
}

// digits reads what is left before the point.
func (a *amounts) digits(s amountState) pc {
	if s.at > 0 && !s.low && !s.high { // the digits that are left are all that matters
		s.digits, s.at = s.digits-s.at+1, 1
	}
	if s.at == s.digits {
		return a.tail(amountState{low: s.low, high: s.high, remainder: s.remainder})
	}
	if p, ok := a.seen[s]; ok {
		return p
	}
	p := a.branch(s, a.digits)
	a.seen[s] = p
	return p
}

// branch reads one digit and goes on with each by what it decides.
func (a *amounts) branch(s amountState, then func(amountState) pc) pc {
	var outs []pc
	for d := range 10 {
		if d == 0 && !s.fraction && s.at == 0 && s.digits > 1 {
			continue // no zeros in front
		}
		t := s
		t.at++
		t.remainder = a.steps.next(s.remainder, d)
		if s.low {
			least := s.digit(a.low.decimal)
			if d < least {
				continue
			}
			t.low = d == least
		}
		if s.high {
			most := s.digit(a.high.decimal)
			if d > most {
				continue
			}
			t.high = d == most
		}
		outs = append(outs, a.bytes(byte('0'+d), byte('0'+d))(then(t)))
	}
	return a.split(outs...)
}

// longer reads so many digits more and then any number of them, before the point:
// nothing is left to be compared.
func (a *amounts) longer(left, remainder int) pc {
	at := [2]int{left, remainder}
	if p, ok := a.above[at]; ok {
		return p
	}
	loop := a.grow(inst{op: opSplit}) // it may come after itself
	if a.full {
		return pcFail
	}
	a.above[at] = loop
	var outs []pc
	if left == 0 {
		outs = append(outs, a.tail(amountState{remainder: remainder}))
	}
	for d := range 10 {
		outs = append(outs, a.bytes(byte('0'+d), byte('0'+d))(a.longer(max(left-1, 0), a.steps.next(remainder, d))))
	}
	a.insts[loop].out = outs
	return loop
}

// tail ends the number before the point, or reads the point and a fraction.
func (a *amounts) tail(s amountState) pc {
	s = amountState{fraction: true, low: s.low, high: s.high, remainder: s.remainder}
	end := pcFail
	if a.holds(s) {
		end = a.next
	}
	if a.whole || a.steps != nil && a.steps.digits == 0 {
		return end
	}
	return a.split(end, a.text(".")(a.branch(s, a.fractions)))
}

// fractions reads digits behind the point, at least one of which has been read.
func (a *amounts) fractions(s amountState) pc {
	longest := len(a.low.fraction)
	if a.high != nil {
		longest = max(longest, len(a.high.fraction))
	}
	if a.steps != nil {
		longest = max(longest, a.steps.digits)
	}
	s.at = min(s.at, longest) // beyond it the limits' digits are all zero
	if p, ok := a.seen[s]; ok {
		return p
	}
	if a.steps == nil && !s.low && !s.high {
		p := a.grammar.digits()(a.next)
		a.seen[s] = p
		return p
	}
	loop := a.grow(inst{op: opSplit}) // the state may come after itself
	if a.full {
		return pcFail
	}
	a.seen[s] = loop
	var outs []pc
	if a.steps == nil || s.at < a.steps.digits {
		outs = append(outs, a.branch(s, a.fractions))
	}
	if a.holds(s) {
		outs = append(outs, a.next)
	}
	a.insts[loop].out = outs
	return loop
}

// holds says whether a number that ends here is in the range: a comparison that
// is undecided is decided by the limit's digits that are left.
func (a *amounts) holds(s amountState) bool {
	rest := func(d decimal) bool { // is there more than zeros?
		return s.at < len(d.fraction)
	}
	if s.low && (rest(a.low.decimal) || a.low.open) || !a.steps.holds(s.remainder, s.at) {
		return false
	}
	return !s.high || rest(a.high.decimal) || !a.high.open
}
