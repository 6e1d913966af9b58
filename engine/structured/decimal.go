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

// amounts reads amounts from low to high, written without an exponent. high
// is nil for no limit. With whole set they have no fraction.
//
// It is the product of the automata that compare digit by digit with either
// limit: as long as all digits were the limit's the comparison is undecided.
func (g *grammar) amounts(low limit, high *limit, whole bool) frag {
	return func(next pc) pc {
		a := &amounts{g, low, high, whole, next, map[amountState]pc{}}
		var outs []pc
		first := max(len(low.whole), 1)
		for n := first; high == nil && n == first || high != nil && n <= max(len(high.whole), 1); n++ {
			outs = append(outs, a.digits(amountState{digits: n, low: n == first, high: high != nil && n == max(len(high.whole), 1)}))
		}
		if high == nil { // longer ones are all above
			loose := a.tail(amountState{})
			at := g.digits()(loose)
			for range first {
				at = g.bytes('0', '9')(at)
			}
			outs = append(outs, g.bytes('1', '9')(at))
		}
		return g.split(outs...)
	}
}

type amounts struct {
	*grammar
	low   limit
	high  *limit
	whole bool
	next  pc
	seen  map[amountState]pc
}

// amountState is what a range has to know of the digits so far.
type amountState struct {
	digits, at int  // digits before the point, and those read
	fraction   bool // at counts digits behind the point
	low, high  bool // all digits were those of the limit
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
	if s.at == s.digits {
		return a.tail(amountState{low: s.low, high: s.high})
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

// tail ends the number before the point, or reads the point and a fraction.
func (a *amounts) tail(s amountState) pc {
	s = amountState{fraction: true, low: s.low, high: s.high}
	end := pcFail
	if a.holds(s) {
		end = a.next
	}
	if a.whole {
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
	s.at = min(s.at, longest) // beyond it the limits' digits are all zero
	if p, ok := a.seen[s]; ok {
		return p
	}
	if !s.low && !s.high {
		p := a.grammar.digits()(a.next)
		a.seen[s] = p
		return p
	}
	loop := a.grow(inst{op: opSplit}) // the state may come after itself
	if a.full {
		return pcFail
	}
	a.seen[s] = loop
	outs := []pc{a.branch(s, a.fractions)}
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
	if s.low && (rest(a.low.decimal) || a.low.open) {
		return false
	}
	return !s.high || rest(a.high.decimal) || !a.high.open
}
