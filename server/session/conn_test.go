package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/server/telling"
	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// A page that asks for a pace gets what comes about in between together, all of
// it and in order; and its time between two messages, of which every other one
// at most has attention.
func TestPace(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	plain, paced := visit(t, url, ""), visit(t, url, "")
	const pace = 100 * time.Millisecond // an answer takes more than two of them on any machine
	paced.send(&wire.Pace{Millis: uint16(pace.Milliseconds())})
	paced.send(&wire.Ping{Number: 1}) // whose answer says that the pace holds
	paced.wait("Pong", func() bool {
		return slices.ContainsFunc(paced.frames, func(f wire.Frame) bool { return f.Kind() == wire.KindPong })
	})
	begin := time.Now()
	for _, p := range []*page{plain, paced} {
		p.send(&wire.Subscribe{Views: wire.ViewAttention})
		p.send(&wire.Chat{Text: "Hello", Params: params(800)})
		p.waitState(wire.StateLengthCapped)
	}
	took := time.Since(begin)
	if have, want := paced.ids(), plain.ids(); !slices.Equal(have, want) {
		t.Errorf("the paced page has the tokens %v, the other %v", have, want)
	}
	paced.mu.Lock()
	defer paced.mu.Unlock()
	if most := int(took/pace) + 2; paced.bundles == 0 || paced.bundles > most {
		t.Errorf("%d bundles came in %v, want 1 to %d", paced.bundles, took, most)
	}
	rows := 0
	for _, f := range paced.frames {
		if f, ok := f.(*wire.AttentionRows); ok && f.Rows == 1 {
			rows++
		}
	}
	if most := int(took/(2*pace)) + 2; rows == 0 || rows > most {
		t.Errorf("attention of %d tokens came in %v, want 1 to %d", rows, took, most)
	}
	if plain.bundles > 0 {
		t.Errorf("%d bundles came to a page that did not ask", plain.bundles)
	}
}

func TestBadCommands(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	with := func(f func(*wire.Params)) wire.Command {
		c := &wire.Chat{Text: "Hello", Params: params(5)}
		f(&c.Params)
		return c
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		command     wire.Command
		code, field string
		says        string // part of the detail
	}{
		{&wire.Chat{Params: params(5)}, telling.CodeBadField, "text", "empty"},
		{&wire.Chat{Text: strings.Repeat("a b ", 1<<19), Params: params(5)}, telling.CodeTooLong, "text", "at least 174763 tokens"},
		{&wire.Chat{Text: strings.Repeat("ab", tinyContext/2-5), Params: params(5)}, telling.CodeTooLong, "text", "1024"},
		{&wire.Complete{Text: strings.Repeat("a", tinyContext), Params: params(5)}, telling.CodeTooLong, "text", "is 1024 tokens"},
		{&wire.Complete{Params: params(5)}, telling.CodeBadField, "text", "empty"},
		{with(func(p *wire.Params) { p.Temperature = nan }), telling.CodeBadField, "temperature", "NaN"},
		{with(func(p *wire.Params) { p.Temperature = -1 }), telling.CodeBadField, "temperature", "-1"},
		{with(func(p *wire.Params) { p.Temperature = inf }), telling.CodeBadField, "temperature", "Inf"},
		{with(func(p *wire.Params) { p.TopP = nan }), telling.CodeBadField, "top_p", "NaN"},
		{with(func(p *wire.Params) { p.TopP = 0 }), telling.CodeBadField, "top_p", "more than 0"},
		{with(func(p *wire.Params) { p.TopK = -2 }), telling.CodeBadField, "top_k", "-2"},
		{with(func(p *wire.Params) { p.MinP = -0.1 }), telling.CodeBadField, "min_p", "-0.1"},
		{with(func(p *wire.Params) { p.RepetitionPenalty = 0 }), telling.CodeBadField, "repetition_penalty", "above 0"},
		{with(func(p *wire.Params) { p.PresencePenalty = 3 }), telling.CodeBadField, "presence_penalty", "-2 to 2"},
		{with(func(p *wire.Params) { p.FrequencyPenalty = nan }), telling.CodeBadField, "frequency_penalty", "NaN"},
		{with(func(p *wire.Params) { p.MaxTokens = 0 }), telling.CodeBadField, "max_tokens", "at least 1"},
		{with(func(p *wire.Params) { p.MinTokens = 6 }), telling.CodeBadField, "min_tokens", "6"},
		{with(func(p *wire.Params) { p.Stop = []string{""} }), telling.CodeBadField, "stop", "non-empty"},
		{with(func(p *wire.Params) { p.Stop = make([]string, maxStops+1) }), telling.CodeBadField, "stop", "65"},
		{with(func(p *wire.Params) { p.Stop = []string{strings.Repeat("x", maxStopBytes+1)} }), telling.CodeBadField, "stop", "1025"},
		{with(func(p *wire.Params) { p.LogitBias = []wire.Bias{{Token: 320}} }), telling.CodeBadField, "logit_bias[0].token", "320"},
		{with(func(p *wire.Params) { p.LogitBias = []wire.Bias{{Bias: nan}} }), telling.CodeBadField, "logit_bias[0].bias", "NaN"},
		{with(func(p *wire.Params) { p.LogitBias = make([]wire.Bias, maxBiases+1) }), telling.CodeBadField, "logit_bias", "1025"},
		{control(wire.OpResume), telling.CodeBadField, "Op", "no conversation"},
		{control(wire.OpRewind), telling.CodeBadField, "Op", "no conversation"},
		{&wire.Open{}, telling.CodeBadFrame, "", "Open"},
		{&wire.Pace{Millis: wire.MaxPace + 1}, telling.CodeBadField, "Millis", "1001"},
	} {
		got := p.problem(c.command)
		if got.Code != c.code || got.Field != c.field || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%v: %+v, want %s of %q with %q", c.command.Kind(), got, c.code, c.field, c.says)
		}
	}
	p.see(func(s *vis.Session) {
		if len(s.Tokens()) != 0 || s.State().State != wire.StateIdle {
			t.Errorf("a bad command left %d tokens, state %v", len(s.Tokens()), s.State().State)
		}
	})
	// And now a good one, and bad ones to what it made.
	p.send(&wire.Chat{Text: "Hello", Params: params(5)})
	p.waitState(wire.StateLengthCapped)
	n := uint32(len(p.ids()))
	for _, c := range []struct {
		command wire.Control
		field   string
	}{
		{wire.Control{Op: wire.OpRewind, Position: n + 1}, "Position"},
		{wire.Control{Op: wire.OpRewind, Position: math.MaxUint32}, "Position"},
		{wire.Control{Op: wire.OpStep}, "Count"},
		{wire.Control{Op: wire.OpBranch, Position: n + 1}, "Position"},
		{wire.Control{Op: wire.OpBranch, Position: 3, Token: 320}, "Token"},
		{wire.Control{Op: wire.OpBranch, Position: 3, Token: -1}, "Token"},
		{wire.Control{Op: wire.OpSwitch, Branch: 77}, "Branch"},
	} {
		if got := p.problem(&c.command); got.Code != telling.CodeBadField || got.Field != c.field {
			t.Errorf("%+v: %+v, want a problem with %s", c.command, got, c.field)
		}
	}
	if got := len(p.ids()); got != int(n) {
		t.Errorf("bad commands changed the conversation from %d to %d tokens", n, got)
	}
}

// A prompt that is too long does not end the answer that is being written.
func TestTooLongLeavesTheAnswer(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(800)})
	p.wait("some tokens", func() bool { return len(p.know.Tokens()) > 30 })
	for _, n := range []int{tinyContext, tinyContext - 40} { // alone too long; with what is there
		if got := p.problem(&wire.Chat{Text: strings.Repeat("a", n), Params: params(5)}); got.Code != telling.CodeTooLong {
			t.Errorf("%d tokens: %+v", n, got)
		}
	}
	p.waitState(wire.StateLengthCapped)
	if m := p.messages(); len(m) != 2 {
		t.Errorf("messages %+v", m)
	}
}

// rawCommand changes bytes of a good command.
func rawCommand(change func([]byte) []byte) []byte {
	return change(wire.AppendCommand(nil, &wire.Chat{Text: "Hello", Params: params(5)}))
}

func TestGarbageFrames(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	garbage := [][]byte{
		nil, {1}, {0, 129}, {99, 129}, {wire.Version, 250}, {wire.Version, byte(wire.KindTokens), 0},
		rawCommand(func(b []byte) []byte { return b[:len(b)-1] }),
		rawCommand(func(b []byte) []byte { return append(b, 0) }),
		rawCommand(func(b []byte) []byte { b[6] = 0xff; return b }), // the text is no UTF-8
		rawCommand(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[2:], math.MaxUint32); return b }),
		wire.AppendCommand(nil, &wire.Control{Op: 99}),
		wire.AppendCommand(nil, &wire.Query{What: 99}),
		wire.AppendCommand(nil, &wire.Subscribe{Views: 1 << 31}),
	}
	for i, b := range garbage {
		mark := p.mark()
		if err := p.ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
			t.Fatal(err)
		}
		f := p.waitFrame("a problem", mark, func(f wire.Frame) bool { _, ok := f.(*wire.Problem); return ok }).(*wire.Problem)
		if f.Code != telling.CodeBadFrame || f.Field == "" || f.Detail == "" {
			t.Errorf("garbage %d: %+v", i, f)
		}
	}
	mark := p.mark()
	if err := p.ws.WriteMessage(websocket.TextMessage, []byte(`{"text":"Hello"}`)); err != nil {
		t.Fatal(err)
	}
	p.waitFrame("a problem", mark, func(f wire.Frame) bool { f2, ok := f.(*wire.Problem); return ok && f2.Code == telling.CodeBadFrame })
	// The session has not suffered.
	p.send(&wire.Chat{Text: "Hello", Params: params(5)})
	p.waitState(wire.StateLengthCapped)
	// But enough is enough.
	r := rand.New(rand.NewPCG(3, 4))
	for range maxBadFrames {
		b := make([]byte, r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if err := p.ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
			break // closed already
		}
	}
	if code := p.waitClosed(); code != closeUnsupported {
		t.Errorf("closed with %d, want %d", code, closeUnsupported)
	}
}

func TestFirstMessageIsOpen(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	for _, c := range []struct {
		message []byte
		code    int
	}{
		{wire.AppendCommand(nil, &wire.Chat{Text: "Hello", Params: params(5)}), closePolicy},
		{[]byte("garbage"), closeUnsupported},
	} {
		p := dial(t, url)
		go p.listen()
		if err := p.ws.WriteMessage(websocket.BinaryMessage, c.message); err != nil {
			t.Fatal(err)
		}
		if code := p.waitClosed(); code != c.code {
			t.Errorf("closed with %d, want %d", code, c.code)
		}
		p.see(func(s *vis.Session) {
			if s.LastProblem().Code != telling.CodeBadFrame {
				t.Errorf("problem %+v", s.LastProblem())
			}
		})
	}
}

func TestMessageTooLarge(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	if err := p.ws.WriteMessage(websocket.BinaryMessage, make([]byte, maxMessageBytes+1)); err != nil {
		t.Log(err) // it may be cut off while it sends
	}
	if code := p.waitClosed(); code != websocket.CloseMessageTooBig && code != -1 {
		t.Errorf("closed with %d", code)
	}
}

func TestOrigin(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	for _, c := range []struct {
		origin string
		ok     bool
	}{{"", true}, {strings.Replace(url, "ws:", "http:", 1), true}, {"http://evil.example", false}, {"null", false}} {
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		ws, _, err := websocket.DefaultDialer.Dial(url, header)
		if (err == nil) != c.ok {
			t.Errorf("origin %q: %v", c.origin, err)
		}
		if err == nil {
			ws.Close()
		}
	}
}

func TestTwoPagesOnOneSession(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	first := visit(t, url, "")
	first.send(&wire.Chat{Text: "Hello", Params: params(5)})
	first.waitState(wire.StateLengthCapped)
	second := visit(t, url, first.session())
	if code := first.waitClosed(); code != CloseTakenOver {
		t.Errorf("the first page was closed with %d, want %d", code, CloseTakenOver)
	}
	first.see(func(s *vis.Session) {
		if p := s.LastProblem(); p.Code != telling.CodeGone || p.Field != "session" {
			t.Errorf("the first page was told %+v", p)
		}
	})
	if second.session() == first.session() {
		t.Error("the session kept its name, so that the first page could take it back")
	}
	back := visit(t, url, first.session())
	back.see(func(s *vis.Session) {
		if s.Hello().Resumed {
			t.Error("the first page took the session back")
		}
	})
	second.wait("the conversation", func() bool { return len(second.know.Tokens()) > 5 && len(second.know.Messages()) == 2 })
	second.send(&wire.Control{Op: wire.OpStep, Count: 1})
	second.wait("a token more", func() bool { return len(second.know.Tokens()) == len(first.know.Tokens())+1 })
}

func TestPing(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	mark := p.mark()
	p.send(&wire.Ping{Number: 42})
	p.waitFrame("the pong", mark, func(f wire.Frame) bool { pong, ok := f.(*wire.Pong); return ok && pong.Number == 42 })
}

// smallBuffers makes a server whose connections hold little, so that a page
// that does not read is noticed soon.
func smallBuffers(t *testing.T, r *rig) string {
	t.Helper()
	s := httptest.NewUnstartedServer(r.server)
	s.Listener = listener{s.Listener}
	s.Start()
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

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		err = tcp.SetWriteBuffer(4 << 10)
	}
	return c, err
}

// A page that stops reading is disconnected after a while. The other page gets
// every token in the meantime, and the session of the first stays whole.
func TestPageThatDoesNotRead(t *testing.T) {
	r := tiny(t, Options{WriteTimeout: 300 * time.Millisecond})
	url := smallBuffers(t, r)

	dialer := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}}
	ws, _, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	stalled := &page{t: t, ws: ws, know: vis.New()}
	stalled.changed = sync.NewCond(&stalled.mu)
	stalled.send(&wire.Open{})
	_, b, err := ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	f, err := wire.DecodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	id := f.(*wire.Hello).Session
	stalled.send(&wire.Subscribe{Views: wire.ViewAttention | wire.ViewLogits | wire.ViewBlocks})
	stalled.send(&wire.Chat{Text: "Hello", Params: params(400)})
	for i := range 50 {
		stalled.send(&wire.Query{ID: uint32(i + 1), What: wire.QueryHead})
	}

	busy := visit(t, url, "")
	busy.send(&wire.Subscribe{Views: wire.ViewAttention})
	busy.send(&wire.Chat{Text: "Hello", Params: params(400)})
	busy.waitState(wire.StateLengthCapped)
	want := len(busy.ids())

	deadline := time.Now().Add(patience)
	for r.server.connections() > 1 {
		if time.Now().After(deadline) {
			t.Fatal("the page that does not read was not disconnected")
		}
		time.Sleep(10 * time.Millisecond)
	}
	ws.Close()
	again := visit(t, url, id)
	again.waitState(wire.StateLengthCapped)
	if got := again.ids(); len(got) != want || !slices.Equal(got, busy.ids()) {
		t.Errorf("the stalled page's session has %d tokens, want the same %d", len(got), want)
	}
	again.ask(wire.Query{What: wire.QueryHead})
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.sessions {
		names = append(names, name)
	}
	return names
}

func TestSessionsAreBounded(t *testing.T) {
	r := tiny(t, Options{MaxSessions: 2})
	url := r.serve(t)
	a, b := visit(t, url, ""), visit(t, url, "")
	full := dial(t, url)
	go full.listen()
	full.send(&wire.Open{})
	if code := full.waitClosed(); code != closeTryAgainLater {
		t.Errorf("a third page was closed with %d, want %d", code, closeTryAgainLater)
	}
	full.see(func(s *vis.Session) {
		if s.LastProblem().Code != telling.CodeBusy {
			t.Errorf("a third page was told %+v", s.LastProblem())
		}
	})
	a.close()
	deadline := time.Now().Add(patience)
	for r.server.connections() > 1 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	c := visit(t, url, "") // takes the place of a
	names := r.server.names()
	if len(names) != 2 || !slices.Contains(names, b.session()) || !slices.Contains(names, c.session()) {
		t.Errorf("sessions %v, want %s and %s", names, b.session(), c.session())
	}
}

func TestSessionsExpire(t *testing.T) {
	r := tiny(t, Options{KeepAlive: 20 * time.Millisecond})
	url := r.serve(t)
	p := visit(t, url, "")
	p.send(&wire.Chat{Text: "Hello", Params: params(5)})
	p.waitState(wire.StateLengthCapped)
	p.close()
	deadline := time.Now().Add(patience)
	for len(r.server.names()) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the session stays")
		}
		time.Sleep(time.Millisecond)
	}
	again := visit(t, url, p.session())
	again.see(func(s *vis.Session) {
		if s.Hello().Resumed || s.Hello().Session == p.know.Hello().Session {
			t.Errorf("Hello %+v: the session was to be gone", s.Hello())
		}
		if s.Pool().Used != 0 {
			t.Errorf("%d blocks are still held", s.Pool().Used)
		}
	})
}

// The pages see the model come, and what they ask too early is refused.
func TestModelComesLater(t *testing.T) {
	tries := make(chan struct{}, 8)
	server := NewServer(Options{Version: "v2", Retry: func() { tries <- struct{}{} }})
	r := &rig{server: server}
	url := r.serve(t)
	server.SetStatus(wire.Status{Phase: wire.PhaseDownloading, Name: "m", Received: 35, Total: 90})
	p := visit(t, url, "")
	p.wait("the status", func() bool { return p.know.Status().Received == 35 })
	for _, c := range []wire.Command{
		&wire.Chat{Text: "Hello", Params: params(5)}, &wire.Complete{Text: "Hello", Params: params(5)},
		&wire.Restore{Params: params(5)}, &wire.SetParams{Params: params(5)}, control(wire.OpNew),
		&wire.Query{ID: 1, What: wire.QueryNeighbours}, &wire.Query{ID: 2, What: wire.QueryVector},
	} {
		if got := p.problem(c); got.Code != telling.CodeNoModel || !strings.Contains(got.Detail, "35 of 90") {
			t.Errorf("%v: %+v", c.Kind(), got)
		}
	}
	p.send(&wire.Retry{}) // there is nothing to try again yet
	p.problem(control(wire.OpNew))
	if len(tries) > 0 {
		t.Error("a download that goes on is tried again")
	}
	server.SetStatus(wire.Status{Phase: wire.PhaseFailed, Detail: "the disk is full"})
	p.wait("the failure", func() bool { return p.know.Status().Phase == wire.PhaseFailed })
	if got := p.problem(control(wire.OpNew)); !strings.Contains(got.Detail, "the disk is full") {
		t.Errorf("%+v", got)
	}
	p.send(&wire.Retry{})
	select {
	case <-tries:
	case <-time.After(patience):
		t.Fatal("what failed is not tried again")
	}

	made := tiny(t, Options{})
	server.SetEngine(made.engine, made.template, made.model)
	p.wait("the model", func() bool { return p.know.Hello().Phase == wire.PhaseReady && p.know.Model().Layers == 3 })
	p.wait("its status", func() bool { return p.know.Status().Phase == wire.PhaseReady })
	p.send(&wire.Chat{Text: "Hello", Params: params(5)})
	p.waitState(wire.StateLengthCapped)

	// Another model: the conversation begins anew.
	next := tiny(t, Options{})
	next.model.Name = "another"
	server.SetEngine(next.engine, nil, next.model)
	p.wait("the other model", func() bool { return p.know.Model().Name == "another" && len(p.know.Tokens()) == 0 })
	if got := p.problem(&wire.Chat{Text: "Hello", Params: params(5)}); got.Code != telling.CodeBadField || !strings.Contains(got.Detail, "template") {
		t.Errorf("a chat without a template: %+v", got)
	}
	p.send(&wire.Complete{Text: "Hello", Params: params(5)})
	p.waitState(wire.StateLengthCapped)
}

// An engine that is closed underneath does not take the session with it.
func TestEngineCloses(t *testing.T) {
	r := tiny(t, Options{})
	p := visit(t, r.serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(900)})
	p.wait("some tokens", func() bool { return len(p.know.Tokens()) > 25 })
	r.engine.Close()
	p.waitState(wire.StateAborted)
	n := len(p.ids())
	for _, c := range []wire.Command{control(wire.OpResume), &wire.Chat{Text: "More", Params: params(5)}, &wire.Query{ID: 5, What: wire.QueryPieces, Tokens: []int32{1}}} {
		mark := p.mark()
		p.send(c)
		f := p.waitFrame("an answer", mark, func(f wire.Frame) bool { return f.Kind() == wire.KindProblem || f.Kind() == wire.KindPieces })
		if problem, ok := f.(*wire.Problem); ok && problem.Code != telling.CodeGone {
			t.Errorf("%v: %+v", c.Kind(), problem)
		}
	}
	if len(p.ids()) != n {
		t.Errorf("%d tokens are left of %d", len(p.ids()), n)
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	var log bytes.Buffer
	r := tiny(t, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	url := r.serve(t)
	p := visit(t, url, "")
	p.send(&wire.Chat{Text: "Hello", Params: params(900)})
	p.wait("some tokens", func() bool { return len(p.know.Tokens()) > 25 })
	mute := dial(t, url) // has not said Open
	go mute.listen()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.server.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := log.String(); !strings.Contains(got, "cut short") || !strings.Contains(got, "answers=1") {
		t.Errorf("the log says %q, want that one answer is cut short", got)
	}
	for _, one := range []*page{p, mute} {
		if code := one.waitClosed(); code != closeGoingAway {
			t.Errorf("closed with %d, want %d", code, closeGoingAway)
		}
	}
	p.see(func(s *vis.Session) {
		if got := s.LastProblem(); got.Code != telling.CodeGone || got.Field != "server" {
			t.Errorf("the page was told %+v", got)
		}
	})
	if _, answer, err := websocket.DefaultDialer.Dial(url, nil); err == nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after Close: %v", err)
	}
}

// Close does not wait longer than it may for a page that does not answer.
func TestCloseCutsOff(t *testing.T) {
	r := tiny(t, Options{WriteTimeout: patience})
	s := httptest.NewServer(r.server)
	defer s.Close()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_ = r.server.Close(ctx) // the time-out may or may not strike before the close is sent
	if took := time.Since(begin); took > 6*time.Second {
		t.Errorf("Close took %v", took)
	}
}

func TestManyCommandsAtOnce(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(300)})
	p.wait("some tokens", func() bool { return len(p.know.Tokens()) > 30 })
	const asked = 2000
	for i := range asked {
		p.send(&wire.Query{ID: uint32(i + 1), What: wire.QueryVector, Position: uint32(i % 30)})
	}
	p.waitState(wire.StateLengthCapped)
	answered, busy := 0, 0
	p.wait("every answer", func() bool {
		answered, busy = 0, 0
		for _, f := range p.frames {
			switch f := f.(type) {
			case *wire.Vector:
				answered++
			case *wire.Problem:
				if f.Code == telling.CodeBusy && f.Query != 0 {
					busy++
				}
			}
		}
		return answered+busy == asked
	})
	if answered < maxCommands || busy == 0 {
		t.Errorf("%d were answered and %d refused of %d", answered, busy, asked)
	}
}

// A panic, which is a mistake of the program, ends one session and says so.
func TestMistakeEndsOneSession(t *testing.T) {
	r := tiny(t, Options{})
	url := r.serve(t)
	bad, good := visit(t, url, ""), visit(t, url, "")
	bad.send(&wire.Chat{Text: "Hello", Params: params(5)})
	bad.waitState(wire.StateLengthCapped)
	r.server.mu.Lock()
	one := r.server.sessions[bad.session()]
	r.server.mu.Unlock()
	one.commands <- command{one.link, nil} // no page can send this
	if code := bad.waitClosed(); code != closeInternal {
		t.Errorf("closed with %d, want %d", code, closeInternal)
	}
	bad.see(func(s *vis.Session) {
		if p := s.LastProblem(); p.Code != telling.CodeInternal || !strings.Contains(p.Detail, "mistake") {
			t.Errorf("the page was told %+v", p)
		}
	})
	good.send(&wire.Chat{Text: "Hello", Params: params(5)})
	good.waitState(wire.StateLengthCapped)
	if names := r.server.names(); !slices.Equal(names, []string{good.session()}) {
		t.Errorf("sessions %v, want %s alone", names, good.session())
	}
	good.send(&wire.Subscribe{Views: wire.ViewBlocks})
	good.wait("the pool", func() bool { return good.know.Pool().Used > 0 && good.know.Pool().Used == len(good.know.Pool().Table) })

	v := view{inf: nil, tokens: 1, handle: nil}
	if _, err := v.answerSafely(context.Background(), &wire.Query{What: wire.QueryLens}); err == nil {
		t.Error("an answer that panicked gave no error")
	}
}

// Nothing is left behind when the server has closed.
func TestNoGoroutineStays(t *testing.T) {
	before := runtime.NumGoroutine()
	func() {
		r := tiny(t, Options{})
		defer r.engine.Close()
		s := httptest.NewServer(r.server)
		defer s.Close()
		url := "ws" + strings.TrimPrefix(s.URL, "http")
		var pages []*page
		for range 5 {
			p := visit(t, url, "")
			p.send(&wire.Subscribe{Views: wire.ViewAttention | wire.ViewLogits | wire.ViewBlocks})
			p.send(&wire.Chat{Text: "Hello", Params: params(900)})
			p.wait("a token", func() bool { return len(p.know.Tokens()) > 25 })
			p.send(&wire.Query{ID: 1, What: wire.QueryProjection})
			pages = append(pages, p)
		}
		pages[0].close()
		visit(t, url, pages[1].session())
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.server.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		for _, p := range pages {
			p.close()
		}
	}()
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Several chats at once: each gets what it would get alone.
func TestManyPages(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	var pages []*page
	for i := range 6 {
		p := visit(t, url, "")
		set := params(60)
		set.Seed = uint64(i % 3)
		p.send(&wire.Subscribe{Views: wire.ViewAttention | wire.ViewBlocks})
		p.send(&wire.Chat{Text: "Hello", Params: set})
		pages = append(pages, p)
	}
	for _, p := range pages {
		p.waitState(wire.StateLengthCapped)
	}
	for i := range 3 {
		if !slices.Equal(pages[i].ids(), pages[i+3].ids()) {
			t.Errorf("the same seed gave %v and %v", pages[i].ids(), pages[i+3].ids())
		}
	}
	if slices.Equal(pages[0].ids(), pages[1].ids()) {
		t.Error("two seeds gave the same tokens")
	}
}
