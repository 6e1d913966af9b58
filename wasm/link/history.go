package link

import (
	"strconv"
	"strings"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// History remembers with which parameters the tokens of each branch were drawn:
// the server tells only those in use. The zero value knows nothing.
type History struct {
	branch  uint32 // the active one
	told    bool   // which one that is
	now     wire.Params
	spans   []span // of the active branch
	earlier map[uint32][]span
}

// A span is a run of tokens that were drawn with the same parameters. It ends
// where the next one begins.
type span struct {
	from   int
	params wire.Params
}

// Apply takes a frame from the server into account, in the order in which a
// [session.Session] does, and reports whether there is something new to keep.
func (h *History) Apply(f wire.Frame) bool {
	switch f := f.(type) {
	case *wire.Hello:
		h.told = false // a branch that is told anew was drawn before
	case *wire.State:
		h.now = f.Params
		h.now.Seed, h.now.HasSeed = f.Seed, true
		if n := len(h.spans); n > 0 && h.spans[n-1].params.MaxTokens == 0 {
			h.spans[n-1].params = h.now // tokens that were told before the first state
			return true
		}
	case *wire.Tokens:
		return h.tokens(f)
	}
	return false
}

func (h *History) tokens(f *wire.Tokens) bool {
	from := int(f.From)
	cut := h.spans[:len(h.spans):len(h.spans)]
	for len(cut) > 0 && cut[len(cut)-1].from >= from {
		cut = cut[:len(cut)-1]
	}
	if !h.told || f.Branch != h.branch {
		if h.earlier == nil || from == 0 && len(f.Tokens) == 0 {
			h.earlier, h.spans, cut = map[uint32][]span{}, nil, nil // a new conversation
		}
		if len(h.spans) > 0 {
			h.earlier[h.branch] = h.spans
		}
		known, drawn := h.earlier[f.Branch]
		h.branch, h.told = f.Branch, true
		if drawn {
			h.spans = known
			return false
		}
	}
	h.spans = cut
	for i := range f.Tokens {
		if f.Tokens[i].Flags&wire.FlagDrawn == 0 {
			continue
		}
		if n := len(cut); n == 0 || !SameNumbers(&cut[n-1].params, &h.now) {
			h.spans = append(cut, span{from + i, h.now})
			return true
		}
		break
	}
	return false
}

// SameNumbers compares what a link names.
func SameNumbers(a, b *wire.Params) bool {
	for i := range Numbers {
		if f := &Numbers[i]; f.Get(a) != f.Get(b) {
			return false
		}
	}
	return a.Seed == b.Seed && a.HasSeed == b.HasSeed && a.IgnoreEOS == b.IgnoreEOS
}

// Steps are what was asked, chosen and drawn in the conversation, and the
// parameters that it began with; those in use where nothing was drawn yet.
// stepped says whether the engine can be told how far to draw; the last step
// then says where an answer that is at rest stands.
func (h *History) Steps(s *session.Session, stepped, rests bool) (base wire.Params, steps []Step) {
	messages, tokens, spans := s.Messages(), s.Tokens(), h.spans
	base = h.now
	if len(spans) > 0 {
		base, spans = spans[0].params, spans[1:]
	}
	asked := 0   // index of the last prompt's step
	begun := -1  // position at which its answer begins
	spoken := -1 // position behind what was drawn or put since then
	until := func(at int) {
		if stepped && at > 0 {
			steps = append(steps, Step{Position: at, Until: true, Sum: Sum(tokens[:at])})
		}
	}
	for at := range len(tokens) + 1 { // the last message may have no token yet
		for len(messages) > 0 && int(messages[0].First) <= at {
			switch messages[0].Role {
			case wire.RoleUser:
				until(max(begun, spoken)) // begun: it was stopped before its first token
				asked, begun, spoken = len(steps), -1, -1
				steps = append(steps, Step{Prompt: messages[0].Text})
			case wire.RoleAssistant:
				begun = int(messages[0].First)
			}
			messages = messages[1:]
		}
		if at == len(tokens) {
			break
		}
		if len(spans) > 0 && spans[0].from == at {
			dice := Step{Dice: &spans[0].params}
			spans = spans[1:]
			if spoken > 0 {
				until(at)
				steps = append(steps, dice)
			} else { // the prompt was sent with them
				steps = append(steps[:asked], append([]Step{dice}, steps[asked:]...)...)
				asked++
			}
		}
		if flags := tokens[at].Flags; at > 0 && flags&wire.FlagForced != 0 {
			until(at)
			steps = append(steps, Step{Position: at, Token: tokens[at].ID})
			spoken = at + 1
		} else if flags&wire.FlagDrawn != 0 {
			spoken = at + 1
		}
	}
	if rests && len(steps) > 0 {
		until(len(tokens))
	}
	return base, steps
}

// String is the whole history, for [History.Read]: the tab keeps it over a reload of
// the page. A line a span: branch, position, parameters.
func (h *History) String() string {
	var w strings.Builder
	line := func(branch uint32, spans []span) {
		for _, s := range spans {
			w.WriteString(strconv.FormatUint(uint64(branch), 10) + " ")
			w.WriteString(State{Steps: []Step{{Position: s.from + 1}, {Dice: &s.params}}}.Fragment() + "\n")
		}
	}
	for branch, spans := range h.earlier {
		if branch != h.branch {
			line(branch, spans)
		}
	}
	line(h.branch, h.spans)
	return w.String()
}

// Read takes in what [History.String] wrote; a history that knows something
// already stays as it is.
func (h *History) Read(text string) {
	if len(h.spans) > 0 || h.earlier != nil {
		return
	}
	h.earlier = map[uint32][]span{}
	for line := range strings.Lines(text) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s, _ := Parse(rest)
		branch, err := strconv.ParseUint(number, 10, 32)
		if err == nil && len(s.Steps) == 2 && s.Steps[1].Dice != nil {
			h.earlier[uint32(branch)] = append(h.earlier[uint32(branch)], span{s.Steps[0].Position - 1, *s.Steps[1].Dice})
		}
	}
}
