package session

import (
	"slices"
	"testing"

	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

func TestChat(t *testing.T) {
	r := tiny(t, Options{Version: "v1"})
	p := visit(t, r.serve(t), "")
	p.send(&wire.Chat{Text: "Hello", System: "Be brief.", Params: params(12)})
	p.waitState(wire.StateLengthCapped)
	p.see(func(s *vis.Session) {
		if s.Hello().Version != "v1" || s.Hello().Phase != wire.PhaseReady || s.Hello().Model.Layers != 3 {
			t.Errorf("Hello %+v", s.Hello())
		}
		state := s.State()
		if state.Seed != 7 || state.Params.TopK != 40 {
			t.Errorf("State %+v", state)
		}
		tokens, messages := s.Tokens(), s.Messages()
		if len(tokens) != int(state.Prompt)+12 {
			t.Errorf("%d tokens, want a prompt of %d and 12", len(tokens), state.Prompt)
		}
		for i, token := range tokens {
			if drawn := i >= int(state.Prompt); drawn != (token.Flags&wire.FlagDrawn != 0) {
				t.Errorf("token %d: flags %b", i, token.Flags)
			} else if drawn && !(token.Prob > 0 && token.Prob <= 1 && token.LogProb <= 0 && token.Draw >= 0 && token.Draw < 1 && token.Kept > 0 && token.Kept <= 40) {
				t.Errorf("token %d: %+v", i, token)
			} else if !drawn && (token.Prob == token.Prob || token.LogProb == token.LogProb || token.Draw == token.Draw) {
				t.Errorf("token %d of the prompt has numbers: %+v", i, token)
			}
		}
		if len(messages) != 3 || messages[0].Role != wire.RoleSystem || messages[1].Text != "Hello" || messages[2].Role != wire.RoleAssistant {
			t.Fatalf("messages %+v", messages)
		}
		first := int(messages[1].First)
		if got := text(tokens[first : first+5]); got != "Hello" {
			t.Errorf("the user's message is at %d, where %q stands", first, got)
		}
		if messages[2].First != state.Prompt {
			t.Errorf("the answer begins at %d, want %d", messages[2].First, state.Prompt)
		}
		want := r.engine.Tokenizer().Decode(ids(tokens[state.Prompt:]), true)
		if messages[2].Text != want {
			t.Errorf("the answer is %q, its tokens say %q", messages[2].Text, want)
		}
	})
}

func text(tokens []wire.Token) string {
	var b []byte
	for _, t := range tokens {
		b = append(b, t.Bytes...)
	}
	return string(b)
}

func TestSecondTurnKeepsTokens(t *testing.T) {
	r := tiny(t, Options{})
	p := visit(t, r.serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(9)})
	p.waitState(wire.StateLengthCapped)
	before := p.tokens()
	p.send(&wire.Chat{Text: "And then?", Params: params(5)})
	p.wait("the second answer", func() bool {
		return len(p.know.Messages()) == 4 && p.know.State().State == wire.StateLengthCapped
	})
	after := p.tokens()
	if len(after) < len(before) || !slices.Equal(ids(before), ids(after[:len(before)])) {
		t.Fatalf("the first turn's tokens changed:\n%v\n%v", ids(before), ids(after))
	}
	for i := range before {
		if before[i].Prob == before[i].Prob && before[i].Prob != after[i].Prob {
			t.Errorf("token %d was drawn with %v and is told with %v", i, before[i].Prob, after[i].Prob)
		}
	}
	want := "<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>\n<|im_start|>assistant\n"
	if got := text(after[len(before) : len(after)-5]); got != want {
		t.Errorf("the second turn adds %q, want %q", got, want)
	}
}
