package tokenizer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// tell writes a trace in short: the symbols at first and after each merge.
func tell(p *PreToken) []string {
	var lines []string
	for n := range len(p.Merges) + 1 {
		var pieces []string
		for _, s := range p.After(n) {
			pieces = append(pieces, s.Piece)
		}
		lines = append(lines, strings.Join(pieces, " "))
	}
	return lines
}

// small has the merges of "lower" and "lowest" (the example of Sennrich et al.),
// worked out by hand.
const small = `{"model": {"type": "BPE",
	"vocab": {"l":0,"o":1,"w":2,"e":3,"r":4,"s":5,"t":6,"Ġ":7,"lo":8,"low":9,"es":10,"est":11,"er":12,"Ġlow":13,"lower":14},
	"merges": ["l o", "lo w", "e s", "es t", "e r", "Ġ low", "low er"]},
	"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
	"decoder": {"type": "ByteLevel"},
	"added_tokens": [{"id": 15, "content": "<s>", "special": true}]}`

func TestTraceTellsEveryMerge(t *testing.T) {
	tok, err := FromJSON([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	trace, err := tok.Trace("lower lowest<s>")
	if err != nil {
		t.Fatal(err)
	}
	if trace.Normalized != "lower lowest<s>" || !slices.Equal(trace.IDs, []int32{14, 13, 11, 15}) {
		t.Fatalf("trace of %q with ids %v", trace.Normalized, trace.IDs)
	}
	wants := []struct {
		text  string
		steps []string
		ranks []int
	}{
		{"lower", []string{"l o w e r", "lo w e r", "low e r", "low er", "lower"}, []int{0, 1, 4, 6}},
		{" lowest", []string{"Ġ l o w e s t", "Ġ lo w e s t", "Ġ low e s t", "Ġ low es t", "Ġ low est", "Ġlow est"}, []int{0, 1, 2, 3, 5}},
		{"<s>", []string{"<s>"}, nil},
	}
	if len(trace.PreTokens) != len(wants) {
		t.Fatalf("%d pre-tokens, want %d", len(trace.PreTokens), len(wants))
	}
	for i, want := range wants {
		p := &trace.PreTokens[i]
		if got := trace.Normalized[p.Start:p.End]; got != want.text || p.Added != (want.text == "<s>") {
			t.Errorf("pre-token %d is %q, added %t", i, got, p.Added)
		}
		if got := tell(p); !slices.Equal(got, want.steps) {
			t.Errorf("%q merges as %q, want %q", want.text, got, want.steps)
		}
		var ranks []int
		for _, m := range p.Merges {
			ranks = append(ranks, m.Rank)
			if m.Scored {
				t.Errorf("%q: a merge of a rank list is Scored", want.text)
			}
		}
		if !slices.Equal(ranks, want.ranks) {
			t.Errorf("%q merges with ranks %v, want %v", want.text, ranks, want.ranks)
		}
	}
	m := trace.PreTokens[1].Merges[2]
	if m.Position != 2 || m.Left.Piece != "e" || m.Right.Piece != "s" || m.Result != (Symbol{10, "es", 9, 11}) {
		t.Errorf("the third merge of %q is told as %+v", " lowest", m)
	}
}

// Every trace agrees with Encode and with itself.
func TestTraceOfTheReferenceTexts(t *testing.T) {
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			tok := load(t, file)
			for _, text := range texts(t) {
				trace, err := tok.Trace(text)
				if err != nil {
					t.Fatalf("Trace(%+q): %v", text, err)
				}
				if err := checkTrace(tok, trace); err != nil {
					t.Errorf("Trace(%+q): %v", text, err)
				}
			}
		})
	}
}

func checkTrace(tok *Tokenizer, trace *Trace) error {
	ids, err := tok.Encode(trace.Text, EncodeOptions{ParseSpecial: true})
	if err != nil {
		return err
	}
	var all []int32
	end := 0
	for i := range trace.PreTokens {
		p := &trace.PreTokens[i]
		if p.Start < end || p.End < p.Start || p.End > len(trace.Normalized) {
			return fmt.Errorf("pre-token %d has the range %d to %d after %d", i, p.Start, p.End, end)
		}
		end = p.End
		all = append(all, p.IDs...)
		if err := checkMerges(p); err != nil {
			return fmt.Errorf("pre-token %q: %w", trace.Normalized[p.Start:p.End], err)
		}
	}
	if !slices.Equal(all, trace.IDs) || !slices.Equal(ids, trace.IDs) {
		return fmt.Errorf("ids of the pre-tokens %v, of the trace %v, of Encode %v", all, trace.IDs, ids)
	}
	return nil
}

func checkMerges(p *PreToken) error {
	before := p.After(0)
	if !slices.Equal(before, p.Symbols) {
		return fmt.Errorf("After(0) = %v, want Symbols", before)
	}
	best := math.MinInt
	for i, m := range p.Merges {
		if m.Position+1 >= len(before) || before[m.Position] != m.Left || before[m.Position+1] != m.Right {
			return fmt.Errorf("merge %d joins %v and %v at %d of %v", i, m.Left, m.Right, m.Position, before)
		}
		if m.Result.Start != m.Left.Start || m.Result.End != m.Right.End || m.Result.Piece != m.Left.Piece+m.Right.Piece {
			return fmt.Errorf("merge %d of %v and %v gives %v", i, m.Left, m.Right, m.Result)
		}
		want := slices.Concat(before[:m.Position], []Symbol{m.Result}, before[m.Position+2:])
		before = p.After(i + 1)
		if !slices.Equal(before, want) {
			return fmt.Errorf("After(%d) = %v, want %v", i+1, before, want)
		}
		best = max(best, m.Rank)
	}
	if len(p.Merges) > 0 && best < 0 {
		return fmt.Errorf("no merge has a rank")
	}
	for i, s := range before {
		if s.ID != noID && !slices.Contains(p.IDs, s.ID) {
			return fmt.Errorf("symbol %d %v is not among the ids %v", i, s, p.IDs)
		}
	}
	return nil
}

func TestTraceOfScores(t *testing.T) {
	trace, err := load(t, "gemma.gguf").Trace("attention")
	if err != nil {
		t.Fatal(err)
	}
	merges := trace.PreTokens[0].Merges
	if len(merges) == 0 {
		t.Fatal("nothing merged")
	}
	for _, m := range merges {
		if !m.Scored || m.Score >= 0 {
			t.Errorf("%+v: want a score below 0", m)
		}
	}
}

func TestTraceRefusesLongText(t *testing.T) {
	tok := load(t, "gpt2.json")
	if _, err := tok.Trace(strings.Repeat("a", MaxTrace+1)); err == nil {
		t.Error("a text longer than MaxTrace was traced")
	}
	trace, err := tok.Trace(strings.Repeat("a", MaxTrace))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(trace.PreTokens[0].Symbols); got != MaxTrace {
		t.Errorf("%d symbols, want %d", got, MaxTrace)
	}
}
