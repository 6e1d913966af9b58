package session

import (
	"slices"
	"strings"
	"testing"

	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// TestTourOfTheRealModel does what a person does, in order, with the default
// model: chat, pause, step, rewind, choose another token, come back, lose the
// connection, lose the server.
func TestTourOfTheRealModel(t *testing.T) {
	r := smollm2(t, Options{})
	url := r.serve(t)
	p := visit(t, url, "")
	set := params(16)
	set.IgnoreEOS = false
	p.send(&wire.Subscribe{Views: wire.ViewAttention | wire.ViewLogits | wire.ViewBlocks})
	p.send(&wire.Chat{Text: "What is gravity?", System: "Be brief.", Params: set})
	p.wait("five tokens of the answer", func() bool { return len(p.know.Tokens()) >= int(p.know.State().Prompt)+5 && p.know.State().Prompt > 0 })
	p.send(control(wire.OpPause))
	p.waitState(wire.StatePaused, wire.StateLengthCapped)
	p.send(&wire.Control{Op: wire.OpStep, Count: 1})
	p.send(control(wire.OpResume))
	p.waitState(wire.StateLengthCapped, wire.StateStopped)
	whole, messages := p.tokens(), p.messages()
	if answer := messages[2].Text; !strings.HasPrefix(answer, "Gravity") {
		t.Errorf("the model says %q of gravity", answer)
	}
	if want := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\n"; text(whole[:messages[2].First]) != want {
		t.Errorf("the prompt is %q", text(whole[:messages[2].First]))
	}
	// What was watched came: attention of a row, logits of a token.
	tip := len(whole) - 1
	p.wait("the logits of the last token", func() bool { _, ok := p.know.Logits(tip); return ok })
	p.wait("the attention of the last row computed", func() bool { _, ok := p.know.Attention(tip-1, 29, 8); return ok })

	pos := int(messages[2].First) + 4
	p.send(&wire.Control{Op: wire.OpRewind, Position: uint32(pos)})
	p.wait("the rewind", func() bool { return len(p.know.Tokens()) == pos })
	p.send(control(wire.OpResume))
	p.wait("the same tokens", func() bool { return len(p.know.Tokens()) == len(whole) })
	if !slices.Equal(p.ids(), ids(whole)) {
		t.Errorf("after the rewind %v, before %v", p.ids(), ids(whole))
	}
	p.waitState(wire.StateLengthCapped, wire.StateStopped)

	other := p.ask(wire.Query{What: wire.QueryLogits, Position: uint32(pos)}).(*wire.Logits)
	second := runnerUp(other.Values, whole[pos].ID)
	p.send(&wire.Control{Op: wire.OpBranch, Position: uint32(pos), Token: second})
	p.wait("the branch's end", func() bool { return len(p.know.Branches()) == 2 && p.know.State().State >= wire.StateStopped })
	branch := p.ids()
	if branch[pos] != second || slices.Equal(branch, ids(whole)) {
		t.Errorf("the branch is %v", branch)
	}
	p.mu.Lock()
	first, side := p.know.Branches()[0].ID, p.know.ActiveBranch()
	p.mu.Unlock()
	p.send(&wire.Control{Op: wire.OpSwitch, Branch: first})
	p.wait("the way back", func() bool { return p.know.ActiveBranch() == first && len(p.know.Tokens()) == len(whole) })
	if !slices.Equal(p.ids(), ids(whole)) {
		t.Error("coming back, other tokens are there")
	}

	p.close()
	p.waitClosed()
	p = visitWith(t, url, p.session(), p.know)
	p.send(&wire.Control{Op: wire.OpSwitch, Branch: side})
	p.wait("the other branch", func() bool { return p.know.ActiveBranch() == side && slices.Equal(ids(p.know.Tokens()), branch) })

	// A prompt of 2 MB is refused with its number of tokens, and nothing else happens.
	if got := p.problem(&wire.Chat{Text: strings.Repeat("gravity ", 1<<18), Params: set}); got.Code != telling.CodeTooLong || !strings.Contains(got.Detail, "8192") {
		t.Errorf("a prompt of 2 MB: %+v", got)
	}
	p.send(&wire.Chat{Text: "Thanks!", Params: set})
	p.wait("a second answer", func() bool { return len(p.know.Messages()) == 5 && p.know.State().State >= wire.StateStopped })
	if !slices.Equal(p.ids()[:len(branch)], branch) {
		t.Error("the second turn changed the first")
	}

	// The server is restarted; the page gives the conversation back.
	kept := p.ids()
	restore := restoreOf(set, p.tokens()[:len(kept)-3], p.messages())
	p.send(control(wire.OpNew))
	p.wait("nothing", func() bool { return len(p.know.Tokens()) == 0 })
	p.mu.Lock()
	for _, token := range restore.Branches[0].Tokens {
		p.know.Apply(&wire.Tokens{From: uint32(len(p.know.Tokens())), Tokens: []wire.Token{given(r.engine.Tokenizer(), token.ID)}})
	}
	p.mu.Unlock()
	p.send(restore)
	p.waitState(wire.StatePaused)
	p.send(&wire.Control{Op: wire.OpStep, Count: 3})
	p.wait("the same end", func() bool { return len(p.know.Tokens()) == len(kept) })
	if !slices.Equal(p.ids(), kept) {
		t.Errorf("after the restart %v, before %v", p.ids(), kept)
	}
}

// runnerUp is the likeliest token besides one.
func runnerUp(logits []float32, besides int32) int32 {
	best := int32(-1)
	for id, z := range logits {
		if int32(id) != besides && (best < 0 || z > logits[best]) {
			best = int32(id)
		}
	}
	return best
}
