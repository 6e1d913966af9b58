package engine

import (
	"strings"

	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// output turns drawn tokens into text. It lets go of whole characters only,
// and of nothing that may yet turn out to be the beginning of a stop string.
type output struct {
	stream      *tokenizer.Stream
	stop        []string
	includeStop bool
	spare       int    // tokens that are left in which no stop string is looked for: min_tokens
	held        string // certain characters that may begin a stop string
}

func newOutput(t *tokenizer.Tokenizer, p *sampler.Params) output {
	o := output{stop: p.Stop, includeStop: p.IncludeStopStrInOutput, spare: p.MinTokens - 1}
	if p.Detokenize {
		o.stream = t.NewStream(p.SkipSpecialTokens)
	}
	return o
}

// push adds a token and returns the text that became certain, and whether a
// stop string is complete. After that, what follows the stop string is dropped.
// A stop string that min_tokens does not let stop is text like any other.
func (o *output) push(id int32) (text string, stopped bool) {
	if o.stream == nil {
		return "", false
	}
	if o.spare > 0 {
		o.spare--
		return o.stream.Push(id), false
	}
	return o.take(o.stream.Push(id))
}

// flush returns what is left at the end of the answer.
func (o *output) flush() string {
	if o.stream == nil {
		return ""
	}
	text, stopped := o.take(o.stream.Flush())
	if !stopped {
		text += o.held
	}
	o.held = ""
	return text
}

func (o *output) take(fresh string) (text string, stopped bool) {
	all := o.held + fresh
	if at, end, found := o.find(all); found {
		o.held = ""
		if o.includeStop {
			return all[:end], true
		}
		return all[:at], true
	}
	keep := o.overlap(all)
	o.held = all[len(all)-keep:]
	return all[:len(all)-keep], false
}

// find returns the place of the stop string that ends first.
func (o *output) find(text string) (at, end int, found bool) {
	for _, s := range o.stop {
		if i := strings.Index(text, s); i >= 0 && (!found || i+len(s) < end) {
			at, end, found = i, i+len(s), true
		}
	}
	return at, end, found
}

// overlap is the length of the longest end of text that a stop string begins with.
func (o *output) overlap(text string) int {
	longest := 0
	for _, s := range o.stop {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}
