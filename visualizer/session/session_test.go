package session

import (
	"reflect"
	"testing"

	"vitrine/visualizer/wire"
)

// A small model: 2 layers of 2 heads, so a row of p+1 keys takes 4·(p+1) bytes.
const testLayers, testHeads, testVocab = 2, 2, 10

func testHello() *wire.Hello {
	return &wire.Hello{Session: "s", Phase: wire.PhaseReady, Model: wire.Model{
		Name: "test", Layers: testLayers, Heads: testHeads, KVHeads: 1, HeadDim: 4, Width: 8,
		Vocab: testVocab, Context: 64, BlockSize: 4, Blocks: 32, BytesPerSlot: 100, Backend: "ref",
	}}
}

// began is a session with a model and a sequence on branch 0.
func began(ids ...int32) *Session {
	s := New()
	s.Apply(testHello())
	s.Apply(tokens(0, 0, ids...))
	return s
}

func tokens(branch, from uint32, ids ...int32) *wire.Tokens {
	f := &wire.Tokens{Branch: branch, From: from}
	for _, id := range ids {
		f.Tokens = append(f.Tokens, wire.Token{ID: id, Bytes: []byte{'a' + byte(id)}})
	}
	return f
}

// rows is an attention frame whose every weight is v.
func rows(branch, from uint32, n int, v uint8) *wire.AttentionRows {
	f := &wire.AttentionRows{Branch: branch, From: from, Rows: uint16(n), Layers: testLayers, Heads: testHeads}
	for r := range n {
		for range testLayers * testHeads * (int(from) + r + 1) {
			f.Values = append(f.Values, v)
		}
	}
	return f
}

func ids(s *Session) []int32 {
	var out []int32
	for _, t := range s.Tokens() {
		out = append(out, t.ID)
	}
	return out
}

func require(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestTokens(t *testing.T) {
	s := New()
	steps := []struct {
		name   string
		frame  *wire.Tokens
		change Change
		want   []int32
		branch uint32
	}{
		{"prompt", tokens(0, 0, 1, 2, 3), ChangeTokens, []int32{1, 2, 3}, 0},
		{"drawn", tokens(0, 3, 4), ChangeTokens, []int32{1, 2, 3, 4}, 0},
		{"a gap", tokens(0, 5, 9), ChangeProblem, []int32{1, 2, 3, 4}, 0},
		{"rewind", tokens(0, 2), ChangeTokens, []int32{1, 2}, 0},
		{"branch", tokens(7, 1, 5, 6), ChangeTokens, []int32{1, 5, 6}, 7},
		{"switch back", tokens(0, 1, 2), ChangeTokens, []int32{1, 2}, 0},
		{"anew", tokens(8, 0), ChangeTokens, nil, 8},
	}
	for _, step := range steps {
		if got := s.Apply(step.frame); got != step.change {
			t.Errorf("%s changes %b, want %b", step.name, got, step.change)
		}
		require(t, step.name, ids(s), step.want)
		require(t, step.name+": branch", s.ActiveBranch(), step.branch)
	}
	require(t, "problem", *s.LastProblem(), wire.Problem{Code: "bad_frame", Field: "Tokens.From",
		Detail: "want at most the 4 positions that are known, not 5"})
}

func TestMessages(t *testing.T) {
	s := New()
	apply := func(f *wire.Message, want Change) {
		t.Helper()
		if got := s.Apply(f); got != want {
			t.Errorf("%+v changes %b, want %b", *f, got, want)
		}
	}
	apply(&wire.Message{Index: 0, Role: wire.RoleUser, Text: "Hi", First: 4}, ChangeMessages)
	apply(&wire.Message{Index: 1, Role: wire.RoleAssistant, Text: "He"}, ChangeMessages)
	apply(&wire.Message{Index: 1, Role: wire.RoleAssistant, Append: true, Text: "l", First: 9}, ChangeMessages)
	apply(&wire.Message{Index: 1, Role: wire.RoleAssistant, Append: true, Text: "lo"}, ChangeMessages)
	apply(&wire.Message{Index: 3, Text: "lost"}, ChangeProblem)
	require(t, "messages", texts(s), []string{"Hi", "Hello"})
	require(t, "first", s.Messages()[1].First, uint32(9))
	apply(&wire.Message{Index: 0, Role: wire.RoleUser, Text: "Ho"}, ChangeMessages)
	require(t, "messages", texts(s), []string{"Ho"})
}

func texts(s *Session) []string {
	var out []string
	for _, m := range s.Messages() {
		out = append(out, m.Text)
	}
	return out
}

func TestPlainFrames(t *testing.T) {
	s := New()
	for _, tt := range []struct {
		frame wire.Frame
		want  Change
	}{
		{&wire.Status{Phase: wire.PhaseDownloading, Received: 5}, ChangeStatus},
		{&wire.State{State: wire.StateRunning, Seed: 3}, ChangeState},
		{&wire.Step{Number: 9, Position: 1}, ChangeStep},
		{&wire.Branches{Active: 1, Branches: []wire.Branch{{ID: 1}}}, ChangeBranches},
		{&wire.Problem{Code: "busy"}, ChangeProblem},
		{&wire.Pong{}, 0},
	} {
		if got := s.Apply(tt.frame); got != tt.want {
			t.Errorf("%v changes %b, want %b", tt.frame.Kind(), got, tt.want)
		}
	}
	step, ok := s.LastStep()
	require(t, "status", s.Status().Received, uint64(5))
	require(t, "state", s.State().Seed, uint64(3))
	require(t, "step", []any{step.Number, ok}, []any{uint64(9), true})
	require(t, "branches", len(s.Branches()), 1)
	require(t, "problem", s.LastProblem().Code, "busy")
}

func TestStepIsForgottenWithItsPosition(t *testing.T) {
	s := began(1, 2, 3)
	s.Apply(&wire.Step{Position: 2})
	if got := s.Apply(tokens(0, 3, 4)); got != ChangeTokens {
		t.Errorf("a drawn token changes %b", got)
	}
	if _, ok := s.LastStep(); !ok {
		t.Error("a drawn token took the step away")
	}
	if got := s.Apply(tokens(0, 2, 5)); got != ChangeTokens|ChangeStep {
		t.Errorf("a forced token changes %b", got)
	}
	if _, ok := s.LastStep(); ok {
		t.Error("the step's position is gone, the step is not")
	}
}

// TestHello: on a new connection the conversation stays; with other numbers
// what was computed goes, with another model the conversation goes too.
func TestHello(t *testing.T) {
	fill := func() *Session {
		s := began(1, 2)
		s.Apply(&wire.Message{Text: "Hi"})
		s.Apply(rows(0, 0, 2, 9))
		s.Apply(&wire.Logits{Position: 1, Vocab: testVocab})
		return s
	}
	tests := []struct {
		name                           string
		change                         func(*wire.Hello)
		wantTokens, wantRows, wantName any
	}{
		{"the same model", func(*wire.Hello) {}, 2, true, "test"},
		{"more threads", func(h *wire.Hello) { h.Model.Threads = 9 }, 2, true, "test"},
		{"another backend", func(h *wire.Hello) { h.Model.Backend = "cpu" }, 2, false, "test"},
		{"another model", func(h *wire.Hello) { h.Model.Name = "other" }, 0, false, "other"},
		{"no model yet", func(h *wire.Hello) { *h = wire.Hello{Phase: wire.PhaseLoading} }, 2, true, "test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fill()
			q, ok := s.Want(wire.Query{What: wire.QueryLens, Position: 1})
			if !ok {
				t.Fatal("not asked")
			}
			h := testHello()
			tt.change(h)
			if got := s.Apply(h); got&ChangeModel == 0 {
				t.Errorf("changes %b", got)
			}
			_, held := s.Attention(1, 0, 0)
			_, logits := s.Logits(1)
			require(t, "tokens", len(s.Tokens()), tt.wantTokens)
			require(t, "messages", len(s.Messages()) == 1, tt.wantTokens == 2)
			require(t, "rows", held, tt.wantRows)
			require(t, "logits", logits, tt.wantRows)
			require(t, "name", s.Model().Name, tt.wantName)
			require(t, "phase", s.Status().Phase, h.Phase)
			if got := s.Apply(&wire.Lens{Query: q.ID, Position: 1}); got != 0 {
				t.Errorf("an answer to a question of the old connection changes %b", got)
			}
			if len(s.Tokens()) > 0 {
				if again, ok := s.Want(wire.Query{What: wire.QueryLens, Position: 1}); !ok || again.ID == q.ID {
					t.Errorf("asked again: %v, number %d after %d", ok, again.ID, q.ID)
				}
			}
		})
	}
}

func TestTextUpTo(t *testing.T) {
	s := New()
	s.Apply(&wire.Tokens{Tokens: []wire.Token{{Bytes: []byte("a ")}, {Bytes: []byte{0xE5, 0xBC}}, {Bytes: []byte{0x95}}, {Bytes: []byte("\xff")}}})
	for pos, want := range map[int]string{-1: "", 0: "", 1: "a ", 2: "a \uFFFD\uFFFD", 3: "a 引", 4: "a 引\uFFFD", 99: "a 引\uFFFD"} {
		require(t, "text", s.TextUpTo(pos), want)
	}
}

func TestLabel(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		" the":              "·the",
		"\n\n":              "⏎⏎",
		"\tx":               "⇥x",
		"引力":                "引力",
		"\xe5\xbc":          "<E5><BC>",
		"a\xffb":            "a<FF>b",
		"\x00":              "<U+0000>",
		"\u200b":            "<U+200B>",
		"\u202e":            "<U+202E>",
		"\u3000":            "<U+3000>",
		"\uFFFD":            "\uFFFD",
		"👩\u200d🚀":          "👩\u200d🚀",
		"<|im_start|>":      "<|im_start|>",
		"é\u00a0\U000F0000": "é<U+00A0>\U000F0000",
	} {
		if got := Label([]byte(in)); got != want {
			t.Errorf("Label(%q) is %q, want %q", in, got, want)
		}
	}
	require(t, "hex", Hex([]byte{0xE5, 0xBC, 0x09}), "E5 BC 09")
	require(t, "hex of nothing", Hex(nil), "")
}
