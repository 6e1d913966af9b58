// Package link writes what the page shows into the fragment of its address and
// reads it back: model, prompts, tokens that were put in the place of drawn
// ones, parameters, seed, token, layer, head, key and view.
// Whoever opens such a link asks the same model the same and sees the same.
//
// The fragment is a list of name=value joined by &, values percent-encoded as
// in RFC 3986. Names that this version does not know are told and passed over, so
// that an old page opens a newer link as far as it can.
package link

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"vitrine/visualizer/wire"
)

// State is what a link reproduces. A nil Params and an empty string say nothing.
type State struct {
	Model  string       // its name
	Steps  []Step       // what was asked and chosen, in order
	System string       // system prompt
	Params *wire.Params // parameters that the first answer began with, and their seed
	View   string       // the open view's name
	Token  int          // the chosen position, −1 for none
	Layer  int          // −1 for none, as below
	Head   int
	Key    int
}

// A Step is one of four: other parameters from here on; how far the answer is
// drawn before what comes next; a token that a person put in the place of the
// drawn one; or a message of the user. Position 0 cannot be drawn.
type Step struct {
	Prompt   string
	Position int
	Token    int32        // its id
	Until    bool         // draw the tokens before Position, and no more
	Sum      uint32       // their [Sum], for Until
	Dice     *wire.Params // from here on
}

// Sum tells sequences of tokens apart: FNV-1a of Fowler, Noll and Vo over the
// four bytes of each id, the lowest first.
func Sum(tokens []wire.Token) uint32 {
	sum := uint32(2166136261)
	for i := range tokens {
		for shift := 0; shift < 32; shift += 8 {
			sum = (sum ^ uint32(tokens[i].ID)>>shift&0xff) * 16777619
		}
	}
	return sum
}

// Empty is the state of an address without a fragment.
func Empty() State { return State{Token: -1, Layer: -1, Head: -1, Key: -1} }

// MaxLength bounds the fragment that Parse reads, in bytes: some browsers do
// not carry longer ones.
const MaxLength = 1 << 16

// Fragment is the state as a fragment without the leading #.
func (s State) Fragment() string {
	var w writer
	if s.Model != "" {
		w.add("model", s.Model)
	}
	for _, step := range s.Steps {
		at := strconv.Itoa(step.Position)
		switch {
		case step.Dice != nil:
			var dice []string
			said(step.Dice, func(name, value string) { dice = append(dice, name+":"+value) })
			w.add("dice", strings.Join(dice, ","))
		case step.Until:
			w.add("to", at+":"+strconv.FormatUint(uint64(step.Sum), 36))
		case step.Position == 0:
			w.add("q", step.Prompt)
		default:
			w.add("force", at+":"+strconv.Itoa(int(step.Token)))
		}
	}
	if s.System != "" {
		w.add("system", s.System)
	}
	if s.Params != nil {
		said(s.Params, w.add)
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

// said calls add for each parameter that a link names.
func said(p *wire.Params, add func(name, value string)) {
	for i := range Numbers {
		f := &Numbers[i]
		if v := f.Get(p); v != f.usual {
			add(f.Name, strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	if p.HasSeed {
		add("seed", strconv.FormatUint(p.Seed, 10))
	}
	if p.IgnoreEOS {
		add("ignore-eos", "1")
	}
}

// Parse reads a fragment, with or without its #. Parts that it understands are
// in the state whatever the others are; those that it does not, unknown names among them,
// are in wrong, as they stand in the fragment, or within dice=. A fragment in which nothing is named is
// no link: it leads to a place in the page.
func Parse(fragment string) (s State, wrong []string) {
	s = Empty()
	fragment = strings.TrimPrefix(fragment, "#")
	if len(fragment) > MaxLength {
		return s, []string{fragment[:maxPart] + "…"}
	}
	if !strings.Contains(fragment, "=") {
		return s, nil
	}
	for part := range strings.SplitSeq(fragment, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		text, ok := unescape(value)
		if ok && name == "dice" {
			wrong = s.dice(text, wrong)
		} else if !ok || !s.set(name, text) {
			wrong = append(wrong, short(part))
		}
	}
	return s, wrong
}

// maxPart bounds what is told of a part that is not understood, in bytes.
const maxPart = 60

func short(part string) string {
	if len(part) <= maxPart {
		return part
	}
	end := maxPart
	for end > 0 && !utf8.RuneStart(part[end]) {
		end--
	}
	return part[:end] + "…"
}

// dice takes in other parameters, and adds those that are none to wrong.
func (s *State) dice(text string, wrong []string) []string {
	var dice State
	dice.params()
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, ":")
		if part != "" && !dice.put(name, value) {
			wrong = append(wrong, short("dice="+part))
		}
	}
	s.Steps = append(s.Steps, Step{Dice: dice.Params})
	return wrong
}

// set takes in one part and reports whether it says something.
func (s *State) set(name, text string) bool {
	switch name {
	case "q":
		s.Steps = append(s.Steps, Step{Prompt: text})
		return true
	case "force", "to":
		position, rest, _ := strings.Cut(text, ":")
		step := Step{Position: whole(position), Until: name == "to"}
		if step.Until {
			sum, err := strconv.ParseUint(rest, 36, 32)
			if err != nil {
				return false
			}
			step.Sum = uint32(sum)
		} else {
			step.Token = int32(whole(rest))
		}
		if step.Position < 1 || step.Token < 0 {
			return false
		}
		s.Steps = append(s.Steps, step)
		return true
	case "model":
		s.Model = text
		return true
	case "system":
		s.System = text
		return true
	case "view":
		s.View = text
		return true
	}
	for _, f := range s.places() {
		if f.name == name {
			n := whole(text)
			if n >= 0 {
				*f.at = n
			}
			return n >= 0
		}
	}
	return s.put(name, text)
}

// put takes in a parameter and reports whether there is one of that name and text is a
// value for it.
func (s *State) put(name, text string) bool {
	switch name {
	case "seed":
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return false
		}
		p := s.params()
		p.Seed, p.HasSeed = seed, true
		return true
	case "ignore-eos":
		s.params().IgnoreEOS = text == "1"
		return text == "1" || text == "0"
	}
	for i := range Numbers {
		if f := &Numbers[i]; f.Name == name {
			v, err := strconv.ParseFloat(text, 64)
			// Not a number is not below either.
			if err != nil || !(math.Abs(v) <= math.MaxFloat32) || name == "n" && v < 1 {
				return false
			}
			f.Put(s.params(), v)
			return true
		}
	}
	return false
}

// whole is a whole number from 0 to 2³¹−1, and −1 for what is none.
func whole(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

// params makes the state's parameters when the first of them is read: those
// that a link does not name have the values that switch their stage off.
func (s *State) params() *wire.Params {
	if s.Params == nil {
		s.Params = &wire.Params{}
		for i := range Numbers {
			Numbers[i].Put(s.Params, Numbers[i].usual)
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

// A Number is a parameter that is a number.
type Number struct {
	Name  string                 // in a link
	usual float64                // is left out of a link
	At    func(*wire.Params) any // pointer to the field
}

// Numbers lists them in the order of a link.
var Numbers = []Number{
	{"temperature", 1, func(p *wire.Params) any { return &p.Temperature }},
	{"top-k", 0, func(p *wire.Params) any { return &p.TopK }},
	{"top-p", 1, func(p *wire.Params) any { return &p.TopP }},
	{"min-p", 0, func(p *wire.Params) any { return &p.MinP }},
	{"repetition-penalty", 1, func(p *wire.Params) any { return &p.RepetitionPenalty }},
	{"presence-penalty", 0, func(p *wire.Params) any { return &p.PresencePenalty }},
	{"frequency-penalty", 0, func(p *wire.Params) any { return &p.FrequencyPenalty }},
	{"order", 0, func(p *wire.Params) any { return &p.Order }},
	{"n", 0, func(p *wire.Params) any { return &p.MaxTokens }}, // never 0, so always said
}

// Put sets the parameter; what its type does not hold becomes the nearest that
// it does, which the sampler then judges.
func (f *Number) Put(p *wire.Params, v float64) {
	switch at := f.At(p).(type) {
	case *float32:
		*at = float32(v)
	case *int32:
		*at = int32(min(max(v, math.MinInt32), math.MaxInt32))
	case *uint32:
		*at = uint32(min(max(v, 0), math.MaxUint32))
	case *uint8:
		*at = uint8(min(max(v, 0), math.MaxUint8))
	}
}

// Get reads the parameter, rounded to what a float32 holds in decimal.
func (f *Number) Get(p *wire.Params) float64 {
	switch at := f.At(p).(type) {
	case *float32:
		v, _ := strconv.ParseFloat(strconv.FormatFloat(float64(*at), 'g', -1, 32), 64)
		return v
	case *int32:
		return float64(*at)
	case *uint32:
		return float64(*at)
	case *uint8:
		return float64(*at)
	}
	return math.NaN()
}

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

// unescape undoes escape, and what browsers add to it. It is not ok where two
// hexadecimal digits do not follow a % or the whole is not UTF-8.
func unescape(text string) (plain string, ok bool) {
	var w strings.Builder
	for i := 0; i < len(text); i++ {
		switch b := text[i]; b {
		case '+':
			w.WriteByte(' ')
		case '%':
			if i+2 >= len(text) {
				return "", false
			}
			hi, lo := unhex(text[i+1]), unhex(text[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			w.WriteByte(byte(hi<<4 | lo))
			i += 2
		default:
			w.WriteByte(b)
		}
	}
	return w.String(), utf8.ValidString(w.String())
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
