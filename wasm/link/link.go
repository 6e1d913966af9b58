// Package link writes what the page shows into the fragment of its address and
// reads it back: prompts, parameters, seed, token, layer, head, key and view.
// Whoever opens such a link asks the same model the same and sees the same.
//
// The fragment is a list of name=value joined by &, values percent-encoded as
// in RFC 3986. Names that this version does not know are ignored, so that an
// old page opens a newer link as far as it can.
package link

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"vitrine/visualizer/wire"
)

// State is what a link reproduces. A nil Params and an empty string say nothing.
type State struct {
	Prompts []string     // the user's messages, in order
	System  string       // system prompt
	Params  *wire.Params // parameters, with the seed that was in use
	View    string       // the open view's name
	Token   int          // the chosen position, −1 for none
	Layer   int          // −1 for none, as below
	Head    int
	Key     int
}

// Empty is the state of an address without a fragment.
func Empty() State { return State{Token: -1, Layer: -1, Head: -1, Key: -1} }

// MaxLength bounds the fragment that Parse reads, in bytes: some browsers do
// not carry longer ones.
const MaxLength = 1 << 16

// ErrLength says that a fragment is longer than [MaxLength].
var ErrLength = errors.New("link: longer than 65536 bytes")

// Error says which part of a fragment was not understood.
type Error struct {
	Name string // of the part
	Want string // what would have been right
}

// Error implements error.
func (e *Error) Error() string { return "link: " + e.Name + ": want " + e.Want }

// Fragment is the state as a fragment without the leading #.
func (s State) Fragment() string {
	var w writer
	for _, prompt := range s.Prompts {
		w.add("q", prompt)
	}
	if s.System != "" {
		w.add("system", s.System)
	}
	if p := s.Params; p != nil {
		for _, f := range numbers {
			if v := f.get(p); v != f.usual {
				w.add(f.name, strconv.FormatFloat(v, 'g', -1, f.bits))
			}
		}
		if p.HasSeed {
			w.add("seed", strconv.FormatUint(p.Seed, 10))
		}
		if p.IgnoreEOS {
			w.add("ignore-eos", "1")
		}
		w.add("n", strconv.FormatUint(uint64(p.MaxTokens), 10))
	}
	if s.View != "" {
		w.add("view", s.View)
	}
	for _, f := range s.places() {
		if *f.at >= 0 {
			w.add(f.name, strconv.Itoa(*f.at))
		}
	}
	return w.String()
}

// Parse reads a fragment, with or without its #. Parts that it understands are
// in the state even when there is an error about another; the first error is
// returned.
func Parse(fragment string) (State, error) {
	s := Empty()
	fragment = strings.TrimPrefix(fragment, "#")
	if len(fragment) > MaxLength {
		return s, ErrLength
	}
	if fragment == "" {
		return s, nil
	}
	var first error
	for part := range strings.SplitSeq(fragment, "&") {
		name, value, _ := strings.Cut(part, "=")
		text, err := unescape(value)
		if err != nil {
			err = &Error{name, err.Error()}
		} else {
			err = s.set(name, text)
		}
		if first == nil {
			first = err
		}
	}
	return s, first
}

func (s *State) set(name, text string) error {
	switch name {
	case "q":
		s.Prompts = append(s.Prompts, text)
		return nil
	case "system":
		s.System = text
		return nil
	case "view":
		s.View = text
		return nil
	case "seed":
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return &Error{name, "a whole number below 2^64"}
		}
		p := s.params()
		p.Seed, p.HasSeed = seed, true
		return nil
	case "ignore-eos":
		s.params().IgnoreEOS = text == "1"
		return nil
	case "n":
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n == 0 {
			return &Error{name, "a number of tokens from 1"}
		}
		s.params().MaxTokens = uint32(n)
		return nil
	}
	for _, f := range s.places() {
		if f.name == name {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil || n < 0 {
				return &Error{name, "a whole number from 0"}
			}
			*f.at = int(n)
			return nil
		}
	}
	for _, f := range numbers {
		if f.name == name {
			v, err := strconv.ParseFloat(text, f.bits)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return &Error{name, "a number"}
			}
			f.set(s.params(), v)
			return nil
		}
	}
	return nil
}

// params makes the state's parameters when the first of them is read: those
// that a link does not name have the values that switch their stage off.
func (s *State) params() *wire.Params {
	if s.Params == nil {
		s.Params = &wire.Params{}
		for _, f := range numbers {
			f.set(s.Params, f.usual)
		}
	}
	return s.Params
}

type place struct {
	name string
	at   *int
}

func (s *State) places() []place {
	return []place{{"token", &s.Token}, {"layer", &s.Layer}, {"head", &s.Head}, {"key", &s.Key}}
}

// number is a parameter that is a number; its usual value is left out of a link.
type number struct {
	name  string
	usual float64
	bits  int // 32 for a float32; 64 for a whole number, which needs more digits
	get   func(*wire.Params) float64
	set   func(*wire.Params, float64)
}

var numbers = []number{
	{"temperature", 1, 32, func(p *wire.Params) float64 { return float64(p.Temperature) }, func(p *wire.Params, v float64) { p.Temperature = float32(v) }},
	{"top-k", 0, 64, func(p *wire.Params) float64 { return float64(p.TopK) }, func(p *wire.Params, v float64) { p.TopK = int32(limit(v)) }},
	{"top-p", 1, 32, func(p *wire.Params) float64 { return float64(p.TopP) }, func(p *wire.Params, v float64) { p.TopP = float32(v) }},
	{"min-p", 0, 32, func(p *wire.Params) float64 { return float64(p.MinP) }, func(p *wire.Params, v float64) { p.MinP = float32(v) }},
	{"repetition-penalty", 1, 32, func(p *wire.Params) float64 { return float64(p.RepetitionPenalty) }, func(p *wire.Params, v float64) { p.RepetitionPenalty = float32(v) }},
	{"presence-penalty", 0, 32, func(p *wire.Params) float64 { return float64(p.PresencePenalty) }, func(p *wire.Params, v float64) { p.PresencePenalty = float32(v) }},
	{"frequency-penalty", 0, 32, func(p *wire.Params) float64 { return float64(p.FrequencyPenalty) }, func(p *wire.Params, v float64) { p.FrequencyPenalty = float32(v) }},
	{"order", 0, 64, func(p *wire.Params) float64 { return float64(p.Order) }, func(p *wire.Params, v float64) { p.Order = uint8(min(max(v, 0), 255)) }},
}

// limit brings a number into int32, where the sampler then judges it.
func limit(v float64) float64 { return min(max(v, math.MinInt32), math.MaxInt32) }

type writer struct{ strings.Builder }

func (w *writer) add(name, value string) {
	if w.Len() > 0 {
		w.WriteByte('&')
	}
	w.WriteString(name)
	w.WriteByte('=')
	escape(&w.Builder, value)
}

const hex = "0123456789ABCDEF"

// escape writes text so that it may stand in a fragment. Letters beyond ASCII
// stay themselves: the browser's address bar shows them, and a Chinese prompt
// remains readable.
func escape(w *strings.Builder, text string) {
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == ' ':
			w.WriteByte('+')
		case r > 0x9f, 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-._~!*'(),;:@/?", r):
			w.WriteRune(r)
		default:
			for _, b := range utf8.AppendRune(nil, r) {
				w.WriteByte('%')
				w.WriteByte(hex[b>>4])
				w.WriteByte(hex[b&15])
			}
		}
	}
}

var (
	errEscape = errors.New("two hexadecimal digits after %")
	errUTF8   = errors.New("text in UTF-8")
)

// unescape undoes escape, and what browsers add to it.
func unescape(text string) (string, error) {
	var w strings.Builder
	for i := 0; i < len(text); i++ {
		switch b := text[i]; b {
		case '+':
			w.WriteByte(' ')
		case '%':
			if i+2 >= len(text) {
				return "", errEscape
			}
			hi, lo := unhex(text[i+1]), unhex(text[i+2])
			if hi < 0 || lo < 0 {
				return "", errEscape
			}
			w.WriteByte(byte(hi<<4 | lo))
			i += 2
		default:
			w.WriteByte(b)
		}
	}
	if !utf8.ValidString(w.String()) {
		return "", errUTF8
	}
	return w.String(), nil
}

func unhex(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	}
	return -1
}
