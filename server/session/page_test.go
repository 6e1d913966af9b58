package session

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// patience is how long a test waits for what has to come.
const patience = 60 * time.Second

// serve puts the server on a port of its own and takes everything down at the
// end of the test.
func (r *rig) serve(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(r.server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.server.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		s.Close()
	})
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

// page is a page of the tests: it keeps what a real one would know.
type page struct {
	t  testing.TB
	ws *websocket.Conn

	mu      sync.Mutex
	changed *sync.Cond
	know    *vis.Session
	frames  []wire.Frame
	bundles int
	err     error // that ended the connection
	lastID  uint32
}

// dial connects without a word.
func dial(t testing.TB, url string) *page {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, ws: ws, know: vis.New(), lastID: 1000}
	p.changed = sync.NewCond(&p.mu)
	t.Cleanup(p.close)
	return p
}

// listen takes in frames until the connection ends.
func (p *page) listen() {
	for {
		_, b, err := p.ws.ReadMessage()
		var f wire.Frame
		if err == nil {
			f, err = wire.DecodeFrame(b)
		}
		p.mu.Lock()
		if err != nil {
			p.err = err
			p.changed.Broadcast()
			p.mu.Unlock()
			return
		}
		frames := []wire.Frame{f}
		if together, ok := f.(*wire.Bundle); ok {
			p.bundles++
			frames = frames[:0]
			for _, b := range together.Frames {
				f, err := wire.DecodeFrame(b)
				if err != nil {
					p.err = err
				}
				frames = append(frames, f)
			}
		}
		for _, f := range frames {
			p.frames = append(p.frames, f)
			p.know.Apply(f)
		}
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// visit connects, opens a session (a new one for "") and waits for its Hello.
func visit(t testing.TB, url, id string) *page {
	t.Helper()
	return visitWith(t, url, id, vis.New())
}

// visitWith is visit by a page that knows something already.
func visitWith(t testing.TB, url, id string, know *vis.Session) *page {
	t.Helper()
	p := dial(t, url)
	p.know = know
	go p.listen()
	p.send(&wire.Open{Session: id, Locale: "en"})
	p.wait("Hello", func() bool { return len(p.frames) > 0 && p.know.Hello().Session != "" })
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.frames[0].Kind(); first != wire.KindHello {
		t.Fatalf("the first frame is %v, want Hello", first)
	}
	return p
}

func (p *page) close() { p.ws.Close() }

func (p *page) send(c wire.Command) {
	p.t.Helper()
	if err := p.ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, c)); err != nil {
		p.t.Fatalf("sending %v: %v", c.Kind(), err)
	}
}

// wait waits until what is so; the page's lock is held while it looks.
func (p *page) wait(what string, is func() bool) {
	p.t.Helper()
	timeout := time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err == nil {
			p.err = errors.New("the test ran out of patience")
		}
		p.changed.Broadcast()
	})
	defer timeout.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !is() {
		if p.err != nil {
			p.t.Fatalf("waiting for %s: %v; state %v, %d tokens, last problem %+v", what, p.err, p.know.State().State, len(p.know.Tokens()), *p.know.LastProblem())
		}
		p.changed.Wait()
	}
}

// see reads what the page knows.
func (p *page) see(f func(*vis.Session)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.know)
}

func (p *page) session() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.know.Hello().Session
}

func (p *page) ids() []int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return ids(p.know.Tokens())
}

func (p *page) tokens() []wire.Token {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]wire.Token(nil), p.know.Tokens()...)
}

// messages are those whose tokens are still there.
func (p *page) messages() []wire.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	messages, n := slices.Clone(p.know.Messages()), uint32(len(p.know.Tokens()))
	return slices.DeleteFunc(messages, func(m wire.Message) bool { return m.First > n || n == 0 })
}

// waitState waits until the request is in one of the states.
func (p *page) waitState(states ...wire.RunState) {
	p.t.Helper()
	p.wait(fmt.Sprintf("state %v", states), func() bool {
		for _, s := range states {
			if p.know.State().State == s {
				return true
			}
		}
		return false
	})
}

// mark is the number of frames so far, for [page.since].
func (p *page) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.frames)
}

// waitFrame waits for a frame behind mark that is told to be the one.
func (p *page) waitFrame(what string, mark int, is func(wire.Frame) bool) wire.Frame {
	p.t.Helper()
	var found wire.Frame
	p.wait(what, func() bool {
		for ; mark < len(p.frames); mark++ {
			if is(p.frames[mark]) {
				found = p.frames[mark]
				return true
			}
		}
		return false
	})
	return found
}

// problem sends a command and waits for the problem that it makes.
func (p *page) problem(c wire.Command) *wire.Problem {
	p.t.Helper()
	mark := p.mark()
	p.send(c)
	f := p.waitFrame("a problem", mark, func(f wire.Frame) bool { _, ok := f.(*wire.Problem); return ok })
	if !strings.Contains(f.(*wire.Problem).Detail, "the disk is full") { // words of a test, in English only
		checkLanguages(p.t, f.(*wire.Problem))
	}
	return f.(*wire.Problem)
}

// ask sends a question and returns the answer or the problem.
func (p *page) ask(q wire.Query) wire.Frame {
	p.t.Helper()
	p.mu.Lock()
	p.lastID++
	q.ID = p.lastID
	p.mu.Unlock()
	mark := p.mark()
	p.send(&q)
	return p.waitFrame(fmt.Sprintf("the answer to %+v", q), mark, func(f wire.Frame) bool { return answers(f, q) })
}

// answers says whether a frame answers a question.
func answers(f wire.Frame, q wire.Query) bool {
	switch f := f.(type) {
	case *wire.Logits:
		return q.What == wire.QueryLogits && f.Position == q.Position
	case *wire.AttentionRows:
		return q.What == wire.QueryAttention && f.From == q.Position
	}
	return queryOf(f) == q.ID
}

// waitClosed waits for the end of the connection and returns its close code.
func (p *page) waitClosed() int {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		p.mu.Lock()
		err := p.err
		p.mu.Unlock()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return closed.Code
		case err != nil:
			return -1 // cut off without a close
		}
		if time.Now().After(deadline) {
			p.t.Fatal("the connection did not end")
		}
		time.Sleep(time.Millisecond)
	}
}

// params are good parameters with a fixed seed.
func params(n uint32) wire.Params {
	return wire.Params{Temperature: 0.8, TopP: 0.95, TopK: 40, RepetitionPenalty: 1, Seed: 7, HasSeed: true, MaxTokens: n, IgnoreEOS: true}
}
