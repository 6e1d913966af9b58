package link

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vitrine/visualizer/wire"
)

func TestFragment(t *testing.T) {
	params := wire.Params{Temperature: 0.8, TopK: 40, TopP: 0.95, RepetitionPenalty: 1, MaxTokens: 64, Seed: 7, HasSeed: true}
	tests := []struct {
		name string
		s    State
		want string
	}{
		{"nothing", Empty(), ""},
		{"a view", State{View: "next", Token: -1, Layer: -1, Head: -1, Key: -1}, "view=next"},
		{"a chat", State{Steps: []Step{{Prompt: "What is gravity?"}, {Prompt: "And mass & weight?"}}, Params: &params, View: "attention", Token: 36, Layer: 11, Head: 4, Key: 0},
			"q=What+is+gravity?&q=And+mass+%26+weight?&temperature=0.8&top-k=40&top-p=0.95&n=64&seed=7&view=attention&token=36&layer=11&head=4&key=0"},
		{"a branch", State{Model: "smollm2", Steps: []Step{{Prompt: "a"}, {Position: 37, Token: 1234}, {Position: 40}, {Prompt: "b"}, {Position: 55, Token: 7}}, Token: -1, Layer: -1, Head: -1, Key: -1},
			"model=smollm2&q=a&force=37:1234&force=40:0&q=b&force=55:7"},
		{"other dice", State{Steps: []Step{{Prompt: "a"}, {Position: 40, Until: true, Sum: Sum(nil)}, {Dice: &params}, {Position: 48, Until: true, Sum: 35}}, Token: -1, Layer: -1, Head: -1, Key: -1},
			"q=a&to=40:ztntfp&dice=temperature:0.8,top-k:40,top-p:0.95,n:64,seed:7&to=48:z"},
		{"Chinese stays readable", State{Steps: []Step{{Prompt: "重力+1 #50%"}}, Token: -1, Layer: -1, Head: -1, Key: -1}, "q=重力%2B1+%2350%25"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.s.Fragment()
			if got != tt.want {
				t.Fatalf("fragment is\n%s\nwant\n%s", got, tt.want)
			}
			back, wrong := Parse("#" + got)
			if wrong != nil {
				t.Fatal(wrong)
			}
			if !reflect.DeepEqual(back, tt.s) {
				t.Errorf("read back: %+v, want %+v", back, tt.s)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, fragment := range []string{
		"token=-1",
		"force=3",
		"force=0:5",
		"force=3:-1",
		"force=:5",
		"force=3:4294967296",
		"to=3",
		"to=3:-",
		"to=0:1",
		"to=3:zzzzzzz",
		"dice=seed:x",
		"dice=n:0",
		"temprature=0.5",
		"Seed=1",
		"=1",
		"token=x",
		"layer=99999999999",
		"temperature=NaN",
		"temperature=x",
		"top-p=Inf",
		"min-p=1e99",
		"seed=-3",
		"seed=abc",
		"seed=18446744073709551616",
		"n=0",
		"ignore-eos=yes",
		"q=%4",
		"q=%zz",
		"q=%ff",
	} {
		t.Run(fragment, func(t *testing.T) {
			s, wrong := Parse(fragment + "&view=blocks&top-k=many")
			if !slices.Equal(wrong, []string{fragment, "top-k=many"}) {
				t.Errorf("not understood: %q", wrong)
			}
			if s.View != "blocks" {
				t.Error("the part that was right was not read")
			}
		})
	}
	if _, wrong := Parse(strings.Repeat("q", MaxLength+1)); len(wrong) != 1 || len(wrong[0]) > 100 {
		t.Errorf("of a long fragment: %q", wrong)
	}
	if _, wrong := Parse("seed=" + strings.Repeat("x", 1000)); len(wrong) != 1 || len(wrong[0]) > 100 {
		t.Errorf("of a long part: %q", wrong)
	}
	s, wrong := Parse("#temprature=0.5&&q=a&seed=3&dice=seed:4,heat:1,top-k:x,n:5&mood")
	dice := wire.Params{Temperature: 1, TopP: 1, RepetitionPenalty: 1, Seed: 4, HasSeed: true, MaxTokens: 5}
	if want := []string{"temprature=0.5", "dice=heat:1", "dice=top-k:x", "mood"}; !slices.Equal(wrong, want) {
		t.Errorf("of unknown names: %q, want %q", wrong, want)
	}
	if want := []Step{{Prompt: "a"}, {Dice: &dice}}; !reflect.DeepEqual(s.Steps, want) || s.Params.Seed != 3 {
		t.Errorf("beside unknown names: %+v", s)
	}
	if s, wrong := Parse("#stage"); wrong != nil || !reflect.DeepEqual(s, Empty()) {
		t.Errorf("a place in the page: %+v, %q", s, wrong)
	}
}

// TestRoundTrip: what a fragment says is read back, whatever the prompt holds.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Empty()
		for _, prompt := range rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "prompts") {
			s.Steps = append(s.Steps, Step{Prompt: prompt}, Step{Position: rapid.IntRange(1, 4000).Draw(t, "position"), Token: rapid.Int32Min(0).Draw(t, "token id")},
				Step{Position: rapid.IntRange(1, 4000).Draw(t, "end"), Until: true, Sum: rapid.Uint32().Draw(t, "sum")})
		}
		s.System = rapid.String().Draw(t, "system")
		s.Token = rapid.IntRange(-1, 4000).Draw(t, "token")
		p := wire.Params{
			Temperature: rapid.Float32Range(0, 3).Draw(t, "temperature"), TopP: 1, TopK: rapid.Int32().Draw(t, "k"),
			RepetitionPenalty: 1, Seed: rapid.Uint64().Draw(t, "seed"), HasSeed: true, MaxTokens: rapid.Uint32Min(1).Draw(t, "n"),
			Order: uint8(rapid.IntRange(0, 2).Draw(t, "order")), IgnoreEOS: rapid.Bool().Draw(t, "eos"),
		}
		s.Params = &p
		dice := p
		dice.Seed++
		s.Steps = append(s.Steps, Step{Dice: &dice})
		back, wrong := Parse(s.Fragment())
		if wrong != nil {
			t.Fatal(wrong)
		}
		if !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v\nread back %+v\nof %s", s, back, s.Fragment())
		}
	})
}

// FuzzParse: no fragment is a fault, and what was read is written so that it is read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "#q=a+b&seed=1&view=next&token=3", "q=%E9%87%8D&n=1", "q=%", "&&==&q", "top-k=-1e9", "order=300", "force=3:5&q=x&force=9:1&model=m", "q=a&to=9:abc&dice=n:4,seed:1&to=12:0", "dice="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, fragment string) {
		s, _ := Parse(fragment)
		if s.Params != nil && s.Params.MaxTokens == 0 {
			s.Params.MaxTokens = 1 // a link that names some parameter but not n
		}
		if len(s.Fragment()) > MaxLength {
			return
		}
		again, wrong := Parse(s.Fragment())
		if wrong != nil {
			t.Fatalf("%q gave %q, of which is refused: %v", fragment, s.Fragment(), wrong)
		}
		if !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v\nread back %+v", s, again)
		}
	})
}
