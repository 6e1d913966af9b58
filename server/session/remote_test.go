package session

import (
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/server/remote"
	"vitrine/server/telling"
	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// afar is a server with a remote engine that gives the answers which a real
// vLLM gave; see ../remote/testdata.
type afar struct {
	rig
	spell sync.Mutex    // held: what tokens stand for is not told
	stall atomic.Bool   // the answers do not begin
	hung  chan struct{} // a stalled answer was asked for, and then given up
}

func startAfar(t *testing.T) *afar {
	t.Helper()
	a := &afar{hung: make(chan struct{}, 8)}
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := map[string]string{
			"/v1/models": "models.json", "/version": "version.json", "/v1/chat/completions": "chat.sse", "/v1/completions": "complete.sse",
		}[r.URL.Path]
		switch {
		case name == "":
			a.spell.Lock()
			defer a.spell.Unlock()
			w.Write([]byte(`{"prompt":"piece"}`)) // of /detokenize
		case a.stall.Load() && strings.HasSuffix(name, "sse"):
			_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the caller has gone
			a.hung <- struct{}{}
			<-r.Context().Done()
			a.hung <- struct{}{}
		default:
			b, err := os.ReadFile(filepath.Join("../remote/testdata", name))
			if err != nil {
				t.Error(err)
			}
			w.Write(b)
		}
	}))
	t.Cleanup(peer.Close)
	e, err := remote.Dial(t.Context(), remote.Options{URL: peer.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	a.server = NewServer(Options{})
	a.server.SetRemote(e)
	g := remote.UnknownGauges()
	g.Running = 3
	a.server.SetStanding(e, remote.Report{Gauges: g, Err: errors.New("it is gone")}, true)
	return a
}

func TestRemoteChat(t *testing.T) {
	p := visit(t, startAfar(t).serve(t), "")
	p.send(&wire.Subscribe{Views: wire.ViewLogits})
	p.send(&wire.Chat{Text: "What is gravity? 引力", Params: params(24)})
	p.waitState(wire.StateLengthCapped)
	p.waitSpelt()
	p.see(func(s *vis.Session) {
		r := s.Remote()
		if s.Model().Name != "smollm2-135m-instruct" || s.Model().Layers != 0 || s.Model().Context != 2048 || r == nil {
			t.Fatalf("the model is %+v, the remote engine %+v", s.Model(), r)
		}
		if r.Running != 3 || !math.IsNaN(float64(r.Waiting)) || !r.IDs || !r.Blocks || r.Server != "vLLM 0.32.0" || !strings.HasPrefix(r.Address, "http://127.0.0.1:") || r.Detail != "it is gone" {
			t.Errorf("the remote engine is %+v", r)
		}
		tokens, messages, start := s.Tokens(), s.Messages(), int(s.State().Prompt)
		if len(messages) != 2 || len(tokens) != start+24 || start < 10 || int(messages[1].First) != start {
			t.Fatalf("%d tokens behind a prompt of %d; %+v", len(tokens), start, messages)
		}
		for i, token := range tokens {
			drawn := i >= start
			if drawn != (token.Flags&wire.FlagDrawn != 0) || token.ID < 0 || drawn != (token.LogProb <= 0) || token.Prob == token.Prob || token.Draw == token.Draw || token.Kept != 0 {
				t.Errorf("token %d: %+v", i, token)
			}
			if !drawn && !spells(token, tokens[start:]) {
				t.Errorf("token %d of the prompt is %q", i, token.Bytes)
			}
		}
		if said := text(tokens[start:]); said != messages[1].Text || len(said) < 40 {
			t.Errorf("the tokens spell %q, the message is %q", said, messages[1].Text)
		}
	})
	// What was told of a choice can be asked for, and nothing else of the model.
	last := len(p.tokens()) - 1
	mark := p.mark()
	p.send(&wire.Query{ID: 5, What: wire.QueryLogits, Position: uint32(last)})
	f := p.waitFrame("logits", mark, func(f wire.Frame) bool {
		l, ok := f.(*wire.Logits)
		return ok && int(l.Position) == last
	}).(*wire.Logits)
	sum := math.Exp(float64(f.Rest))
	for _, v := range f.Values {
		sum += math.Exp(float64(v))
	}
	if len(f.IDs) != 20 || f.IDs[0] != p.tokens()[last].ID || f.Values[0] != p.tokens()[last].LogProb || math.Abs(sum-1) > 1e-4 {
		t.Errorf("%d ids, the probabilities add up to %g: %+v", len(f.IDs), sum, f)
	}
	for _, q := range []wire.Query{
		{ID: 6, What: wire.QueryFlow}, {ID: 7, What: wire.QueryNeighbours}, {ID: 8, What: wire.QueryLogits, Position: 1},
		{ID: 9, What: wire.QueryMerges, Text: "a"}, {ID: 10, What: wire.QueryProjection},
	} {
		mark := p.mark()
		p.send(&q)
		got := p.waitFrame("a refusal", mark, func(f wire.Frame) bool {
			problem, ok := f.(*wire.Problem)
			return ok && problem.Query == q.ID
		}).(*wire.Problem)
		if got.Code != codeRemote {
			t.Errorf("%v: %+v", q, got)
		}
	}
}

func TestRemoteComplete(t *testing.T) {
	p := visit(t, startAfar(t).serve(t), "")
	p.send(&wire.Complete{Text: "Once upon a time", Params: params(8)})
	p.waitState(wire.StateLengthCapped)
	if n := len(p.tokens()); n != 12 || len(p.messages()) != 2 {
		t.Errorf("%d tokens, messages %+v", n, p.messages())
	}
	p.send(&wire.Control{Op: wire.OpNew})
	p.wait("a new conversation", func() bool { return len(p.know.Tokens()) == 0 && len(p.know.Messages()) == 0 })
}

func TestRemoteRefusals(t *testing.T) {
	p := visit(t, startAfar(t).serve(t), "")
	with := func(f func(*wire.Params)) wire.Command {
		c := &wire.Chat{Text: "Hello", Params: params(5)}
		f(&c.Params)
		return c
	}
	for _, c := range []struct {
		command     wire.Command
		code, field string
	}{
		{&wire.Control{Op: wire.OpPause}, codeRemote, ""},
		{&wire.Control{Op: wire.OpResume}, codeRemote, ""},
		{&wire.Control{Op: wire.OpStep, Count: 1}, codeRemote, ""},
		{&wire.Control{Op: wire.OpRewind}, codeRemote, ""},
		{&wire.Control{Op: wire.OpBranch}, codeRemote, ""},
		{&wire.Control{Op: wire.OpSwitch}, codeRemote, ""},
		{&wire.Chat{Text: "Hello", Params: params(5), Paused: true}, codeRemote, ""},
		{&wire.Chat{Text: "", Params: params(5)}, telling.CodeBadField, "text"},
		{&wire.Chat{Text: "\xff", Params: params(5)}, telling.CodeBadFrame, "Text"},
		{with(func(p *wire.Params) { p.Order = wire.OrderLlamaCPP }), telling.CodeBadField, "order"},
		{with(func(p *wire.Params) { p.Seed = 1 << 63 }), telling.CodeBadField, "seed"},
		{with(func(p *wire.Params) { p.TopP = 2 }), telling.CodeBadField, "top_p"},
	} {
		if _, isText := c.command.(*wire.Chat); isText && c.code == telling.CodeBadFrame {
			continue // the page's encoder repairs it
		}
		if got := p.problem(c.command); got.Code != c.code || got.Field != c.field {
			t.Errorf("%+v: %+v, want %s %s", c.command, got, c.code, c.field)
		}
	}
}

// waitSpelt waits until it was told what the prompt's first token stands for.
func (p *page) waitSpelt() {
	p.t.Helper()
	p.wait("the prompt's text", func() bool {
		tokens := p.know.Tokens()
		return len(tokens) > 0 && len(tokens[0].Bytes) > 0
	})
}

// spells says whether a token of the prompt has the text that afar tells for
// its id: the answer's own if it has that token too.
func spells(token wire.Token, drawn []wire.Token) bool {
	for _, d := range drawn {
		if d.ID == token.ID && string(d.Bytes) == string(token.Bytes) {
			return true
		}
	}
	return string(token.Bytes) == "piece"
}

// The answer does not wait for what the prompt's tokens stand for.
func TestRemoteAnswerBeforePieces(t *testing.T) {
	a := startAfar(t)
	p := visit(t, a.serve(t), "")
	a.spell.Lock()
	p.send(&wire.Chat{Text: "What is gravity? 引力", Params: params(24)})
	p.waitState(wire.StateLengthCapped)
	before := p.tokens()
	p.send(&wire.Control{Op: wire.OpAbort})    // of an answer that has ended
	p.problem(&wire.Control{Op: wire.OpPause}) // whose refusal says that both have come
	a.spell.Unlock()
	p.waitSpelt()
	p.see(func(s *vis.Session) {
		if s.State().State != wire.StateLengthCapped || len(s.Tokens()) != len(before) {
			t.Errorf("%d tokens, then %d, and the state is %v", len(before), len(s.Tokens()), s.State().State)
		}
		for i, token := range s.Tokens() {
			start := int(s.State().Prompt)
			spelt := i < start && len(before[i].Bytes) == 0 && spells(token, before[start:]) || i >= start && string(token.Bytes) == string(before[i].Bytes)
			if !spelt || token.ID != before[i].ID || token.Flags != before[i].Flags {
				t.Errorf("token %d: first %+v, then %+v", i, before[i], token)
			}
		}
	})
}

// An answer that is broken off makes the remote engine stop, and a page that
// was lost gives its texts back.
func TestRemoteAbortAndRestore(t *testing.T) {
	a := startAfar(t)
	p := visit(t, a.serve(t), "")
	a.stall.Store(true)
	p.send(&wire.Chat{Text: "Hello", Params: params(5)})
	p.waitState(wire.StateWaiting)
	told := func(what string) {
		select {
		case <-a.hung:
		case <-time.After(patience):
			t.Fatalf("the remote engine was not told to %s", what)
		}
	}
	told("begin")
	p.send(&wire.Control{Op: wire.OpAbort})
	p.waitState(wire.StateAborted)
	told("stop")
	p.send(&wire.Restore{
		Params: params(5), Branches: []wire.RestoredBranch{{
			Tokens:   []wire.RestoredToken{{ID: 1}},
			Messages: []wire.RestoredMessage{{Role: wire.RoleUser, Text: "Hello"}, {Role: wire.RoleAssistant, Text: "Hi!"}},
		}},
	})
	p.waitState(wire.StateStopped)
	if tokens := p.tokens(); text(tokens) != "HelloHi!" || tokens[0].ID != remote.Unknown || len(p.messages()) != 2 {
		t.Errorf("%+v, %+v", tokens, p.messages())
	}
}

// A remote engine that does not answer is told of in words.
func TestRemoteGone(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/models" {
			http.Error(w, `{"error":{"message":"no memory"}}`, http.StatusInternalServerError)
			return
		}
		w.Write([]byte(`{"data":[{"id":"m"}]}`))
	}))
	t.Cleanup(peer.Close)
	e, err := remote.Dial(t.Context(), remote.Options{URL: peer.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{server: NewServer(Options{})}
	r.server.SetRemote(e)
	p := visit(t, r.serve(t), "")
	c := &wire.Chat{Text: "Hello", Params: wire.Params{Temperature: 1, TopP: 1, RepetitionPenalty: 1, MaxTokens: 5}}
	if got := p.problem(c); got.Code != codeElsewhere || !strings.Contains(got.Detail, "no memory") {
		t.Errorf("%+v", got)
	}
	p.waitState(wire.StateAborted)
	c.Params.TopK = 4
	if got := p.problem(c); got.Code != telling.CodeBadField || got.Field != "top_k" {
		t.Errorf("top_k for a server that is not vLLM: %+v", got)
	}
}
