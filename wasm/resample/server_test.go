//go:build !js

package resample_test

import (
	"context"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/engine"
	"vitrine/engine/backend/ref"
	"vitrine/engine/chat"
	"vitrine/engine/model"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/engine/tokenizer"
	server "vitrine/server/session"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/resample"
)

// TestSameDrawsAsTheServer asks a real server, over its socket, for answers
// under many parameters, asks it for the logits of every drawn token, and
// draws again here: the same token by the same number from as many candidates.
func TestSameDrawsAsTheServer(t *testing.T) {
	p := dial(t)
	base := wire.Params{Temperature: 1, TopP: 1, RepetitionPenalty: 1, Seed: 1, HasSeed: true, MaxTokens: 12, IgnoreEOS: true}
	for name, change := range map[string]func(*wire.Params){
		"as the model has it": func(*wire.Params) {},
		"greedy":              func(q *wire.Params) { q.Temperature = 0 },
		"all cuts":            func(q *wire.Params) { q.Temperature, q.TopK, q.TopP, q.MinP = 1.7, 40, 0.8, 0.02 },
		"Hugging Face":        func(q *wire.Params) { q.Temperature, q.TopK, q.TopP, q.Order = 0.6, 9, 0.7, wire.OrderHuggingFace },
		"llama.cpp":           func(q *wire.Params) { q.Temperature, q.TopK, q.TopP, q.Order = 2, 30, 0.6, wire.OrderLlamaCPP },
		"penalties": func(q *wire.Params) {
			q.RepetitionPenalty, q.PresencePenalty, q.FrequencyPenalty = 1.3, 0.5, 0.7
		},
		"bias": func(q *wire.Params) {
			q.LogitBias = []wire.Bias{{Token: tinymodel.The, Bias: 6}, {Token: tinymodel.He, Bias: -100}}
		},
		"min tokens, the end in reach": func(q *wire.Params) {
			q.IgnoreEOS, q.MinTokens = false, 5
			q.LogitBias = []wire.Bias{{Token: tinymodel.EOS, Bias: 8}}
		},
		"another seed":       func(q *wire.Params) { q.Seed = math.MaxUint64 },
		"the server's seed":  func(q *wire.Params) { q.Seed, q.HasSeed = 0, false },
		"top-k that keeps 1": func(q *wire.Params) { q.TopK = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			params := base
			change(&params)
			for _, text := range []string{"The sea", "And then?"} { // the second turn has an answer in its prompt
				p.send(&wire.Chat{Text: text, Params: params})
				p.wait(func() bool { return p.know.State().State < wire.StateStopped && len(p.know.Tokens()) > 0 })
				p.wait(func() bool { return p.know.State().State >= wire.StateStopped })
			}
			compare(t, p)
			p.send(&wire.Control{Op: wire.OpNew})
			p.wait(func() bool { return len(p.know.Tokens()) == 0 })
		})
	}
}

// compare draws every drawn token of the conversation again.
func compare(t *testing.T, p *page) {
	t.Helper()
	drawn := 0
	for at, token := range p.know.Tokens() {
		if token.Flags&wire.FlagDrawn == 0 {
			continue
		}
		drawn++
		q, ask := p.know.Want(wire.Query{What: wire.QueryLogits, Position: uint32(at)})
		if ask {
			p.send(&q)
		}
		p.wait(func() bool { _, ok := p.know.Logits(at); return ok })
		logits, _ := p.know.Logits(at)
		o, err := resample.New(int(logits.Vocab)).Run(resample.Question{
			Logits: logits, Tokens: p.know.Tokens(), Params: p.know.State().Params, Seed: p.know.State().Seed, EOS: p.know.Model().EOS,
		})
		if err != nil {
			t.Fatal(err)
		}
		if o.Token != token.ID || o.Prob != token.Prob || o.Kept != int(token.Kept) || o.LogProb != token.LogProb ||
			math.Abs(o.Draw-float64(token.Draw)) > 1e-7 {
			t.Errorf("position %d: token %d with p %v, log p %v of %d by u %v here; the server drew %d with %v, %v of %d by %v", at,
				o.Token, o.Prob, o.LogProb, o.Kept, o.Draw, token.ID, token.Prob, token.LogProb, token.Kept, token.Draw)
		}
	}
	if drawn < 2 {
		t.Errorf("the server drew %d tokens, which proves little", drawn)
	}
}

// page is a connection to a server of its own, and what a page would know.
type page struct {
	t    *testing.T
	ws   *websocket.Conn
	know *session.Session
}

// dial starts a server with the tiny model and says hello to it.
func dial(t *testing.T) *page {
	t.Helper()
	folder := tinymodel.Folder(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b := ref.New()
	m, err := model.Load(folder, b, model.LoadOptions{})
	must(err)
	tok, err := tokenizer.Load(folder)
	must(err)
	template, err := chat.Load(folder)
	must(err)
	s := server.NewServer(server.Options{})
	e, err := engine.Start(m, tok, engine.Options{Observer: s.Observer()})
	must(err)
	c, pool := m.Config(), e.Pool()
	s.SetEngine(e, template, wire.Model{
		Name: "tiny", Layers: uint16(c.Layers), Width: uint32(c.Width), Heads: uint16(c.Heads), KVHeads: uint16(c.KVHeads), HeadDim: uint16(c.HeadDim),
		Vocab: uint32(c.Vocab), Context: uint32(c.Context), BlockSize: uint16(pool.BlockSize), Blocks: uint32(pool.Blocks),
		EOS: []int32{tinymodel.EOS}, HasTemplate: true,
	})
	h := httptest.NewServer(s)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(h.URL, "http"), nil)
	must(err)
	t.Cleanup(func() {
		ws.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		h.Close()
		e.Close()
		m.Close()
		b.Close()
	})
	p := &page{t: t, ws: ws, know: session.New()}
	p.send(&wire.Open{Locale: "en"})
	p.wait(func() bool { return p.know.Model().Name != "" })
	return p
}

func (p *page) send(c wire.Command) {
	p.t.Helper()
	if err := p.ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, c)); err != nil {
		p.t.Fatal(err)
	}
}

// wait takes in frames until something holds.
func (p *page) wait(holds func() bool) {
	p.t.Helper()
	if err := p.ws.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	for !holds() {
		_, raw, err := p.ws.ReadMessage()
		if err != nil {
			p.t.Fatal(err)
		}
		f, err := wire.DecodeFrame(raw)
		if err != nil {
			p.t.Fatal(err)
		}
		p.know.Apply(f)
		if problem, ok := f.(*wire.Problem); ok {
			p.t.Fatalf("the server says %+v", *problem)
		}
	}
}
