package view

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vitrine/visualizer/wire"
)

func pieces(parts ...string) []wire.Token {
	var out []wire.Token
	for i, p := range parts {
		t := wire.Token{ID: int32(100 + i), Bytes: []byte(p)}
		if strings.HasPrefix(p, "<|") {
			t.Flags = wire.FlagSpecial
		}
		out = append(out, t)
	}
	return out
}

// show writes groups as "[label label|grapheme:from-to …]".
func show(groups []Group) string {
	var s strings.Builder
	for _, g := range groups {
		s.WriteByte('[')
		for i, c := range g.Chips {
			if i > 0 {
				s.WriteByte(' ')
			}
			s.WriteString(c.Label)
		}
		s.WriteByte('|')
		for i, e := range g.Graphemes {
			if i > 0 {
				s.WriteByte(' ')
			}
			s.WriteString(e.Label + ":" + strconv.Itoa(e.Start) + "-" + strconv.Itoa(e.End))
		}
		s.WriteByte(']')
	}
	return s.String()
}

func TestGroups(t *testing.T) {
	const family = "👩\u200d🚀" // one grapheme: 2 + 1 + 2 UTF-16 units, 4 + 3 + 4 bytes
	tests := []struct {
		name       string
		tokens     []wire.Token
		boundaries []int
		want       string
	}{
		{"nothing", nil, nil, ""},
		{"words", pieces("Hi", " you"), []int{0, 1, 2, 3, 4, 5}, "[Hi|H:0-1 i:1-2][·you|·:0-1 y:1-2 o:2-3 u:3-4]"},
		{"a character over two tokens", pieces("a", "\xe5\xbc", "\x95", "力"), []int{0, 1, 2},
			"[a|a:0-1][<E5><BC> <95>|引:0-3][力|力:0-3]"},
		{"a token with the end of one and the beginning of another", pieces("\xe5\xbc", "\x95\xe5", "\x8a\x9b"), []int{0, 1},
			"[<E5><BC> <95><E5> <8A><9B>|引:0-3 力:3-6]"},
		{"emoji", pieces("👩", "\u200d", "🚀", "!"), []int{0, 5}, "[👩 \u200d 🚀|" + family + ":0-11][!|!:0-1]"},
		{"unfinished", pieces("a", "\xe5"), []int{0, 1}, "[a|a:0-1][<E5>|<E5>:0-1]"},
		{"special tokens stay alone", pieces("<|im_start|>", "\u0301x", "<|im_end|>"), []int{0, 1, 13, 14},
			"[<|im_start|>|<:0-1 |im_start|>:1-12][\u0301x|\u0301:0-2 x:2-3][<|im_end|>|<|im_end|>:0-10]"},
		{"empty tokens", []wire.Token{{Bytes: []byte("a")}, {}, {Flags: wire.FlagSpecial}, {Bytes: []byte("b")}}, []int{0, 1},
			"[a|a:0-1][|][|][b|b:0-1]"},
		{"no boundaries", pieces("a", "b"), nil, "[a b|ab:0-2]"},
		{"boundaries that do not fit", pieces("👩", "b"), []int{-4, 1, 0, 2, 2, 99}, "[👩|👩:0-4][b|b:0-1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(Groups(tt.tokens, 0, tt.boundaries)); got != tt.want {
				t.Errorf("groups are\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestChip(t *testing.T) {
	got := Groups(pieces("\xe5\xbc", "\x95"), 7, []int{0})
	want := []Chip{
		{Position: 7, ID: 100, Label: "<E5><BC>", Hex: "E5 BC", Start: 0, End: 2},
		{Position: 8, ID: 101, Label: "<95>", Hex: "95", Start: 2, End: 3},
	}
	if len(got) != 1 || !reflect.DeepEqual(got[0].Chips, want) {
		t.Errorf("got %+v", got)
	}
}

func TestText(t *testing.T) {
	if got := Text(pieces("a", "\xe5\xbc", "\x95", "\xff")); got != "a引\uFFFD" {
		t.Errorf("text is %q", got)
	}
}

// TestGroupsCoverEverything: for any tokens and any boundaries every token is in
// one group, and chips and graphemes each tile their group's bytes.
func TestGroupsCoverEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.Token {
			return wire.Token{
				Bytes: []byte(rapid.SampledFrom([]string{"", "a", " b", "引", "\xe5", "\xbc\x95", "👩", "\u200d", "<|x|>"}).Draw(t, "bytes")),
				Flags: rapid.SampledFrom([]wire.TokenFlag{0, wire.FlagSpecial}).Draw(t, "flags"),
			}
		}), 0, 12).Draw(t, "tokens")
		boundaries := rapid.SliceOf(rapid.IntRange(-1, 40)).Draw(t, "boundaries")
		position := 5
		for _, g := range Groups(tokens, 5, boundaries) {
			if len(g.Chips) == 0 {
				t.Fatal("an empty group")
			}
			end := 0
			for _, c := range g.Chips {
				if c.Position != position || c.Start != end || c.End-c.Start != len(tokens[position-5].Bytes) {
					t.Fatalf("chip %+v after byte %d of its group, position %d", c, end, position)
				}
				if c.Flags&wire.FlagSpecial != 0 && len(g.Chips) > 1 {
					t.Fatalf("a special token in a group of %d", len(g.Chips))
				}
				position, end = position+1, c.End
			}
			at := 0
			for _, e := range g.Graphemes {
				if e.Start != at || e.End <= at {
					t.Fatalf("grapheme %+v after byte %d", e, at)
				}
				at = e.End
			}
			if at != end {
				t.Fatalf("graphemes end at %d, chips at %d", at, end)
			}
		}
		if position != 5+len(tokens) {
			t.Fatalf("%d of %d tokens are in groups", position-5, len(tokens))
		}
	})
}
