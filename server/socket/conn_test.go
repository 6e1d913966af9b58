package socket

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/server/guard"
	"vitrine/visualizer/wire"
)

const patience = 20 * time.Second

// serve answers pings by pongs, and says in the close what else came.
func serve(t *testing.T, o Options) (dial func() *websocket.Conn, box func() *Mailbox) {
	t.Helper()
	dial, box, _ = serveTold(t, o)
	return dial, box
}

// serveTold is serve; end waits for the end of the connection and tells what Serve says.
func serveTold(t *testing.T, o Options) (dial func() *websocket.Conn, box func() *Mailbox, end func() error) {
	t.Helper()
	o.MaxMessage, o.Decode = 1<<10, wire.DecodeCommand
	boxes, ended := make(chan *Mailbox, 1), make(chan struct{})
	var said error // what Serve says, once it has ended
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		c, err := Upgrade(w, r, o)
		if err != nil {
			t.Error(err)
			return
		}
		m := NewMailbox(1 << 20)
		boxes <- m
		said = c.Serve(m, func() {
			why := ""
			for why == "" {
				command, err := c.Next()
				var reject *wire.Error
				var many *LimitError
				switch {
				case errors.As(err, &many):
					m.Push(wire.AppendFrame(nil, &wire.Problem{Code: "many", Query: command.(*wire.Ping).Number, Detail: err.Error()}))
				case errors.As(err, &reject):
					why = "no command: " + reject.Field
				case err != nil:
					why = err.Error()
				default:
					m.Push(wire.AppendFrame(nil, &wire.Pong{Number: command.(*wire.Ping).Number}))
				}
			}
			m.Close(Close{Code: Policy, Reason: why})
		})
		if said != nil {
			t.Logf("the page could not be written to: %v", said)
		}
	}))
	end = func() error {
		t.Helper()
		select {
		case <-ended:
			return said
		case <-time.After(patience):
			t.Error("the connection does not end")
			return nil
		}
	}
	t.Cleanup(func() {
		_ = end()
		server.CloseClientConnections()
		server.Close()
	})
	return func() *websocket.Conn {
			ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ws.Close() })
			if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			return ws
		}, func() *Mailbox {
			t.Helper()
			select {
			case m := <-boxes:
				return m
			case <-time.After(patience):
				t.Fatal("no connection comes")
				return nil
			}
		}, end
}

// ask sends a ping.
func ask(t *testing.T, ws *websocket.Conn, n uint32) {
	t.Helper()
	if err := ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, &wire.Ping{Number: n})); err != nil {
		t.Fatal(err)
	}
}

// read reads a frame, or the error that ends the connection.
func read(ws *websocket.Conn) (wire.Frame, error) {
	_, b, err := ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	return wire.DecodeFrame(b)
}

func TestCommandsAndClose(t *testing.T) {
	for name, c := range map[string]struct {
		kind    int
		message []byte
		code    int
		reason  string
	}{
		"text":      {websocket.TextMessage, []byte("{}"), Policy, "no command: message"},
		"garbage":   {websocket.BinaryMessage, []byte{wire.Version, 250}, Policy, "no command: Kind"},
		"too large": {websocket.BinaryMessage, bytes.Repeat([]byte{1}, 2<<10), websocket.CloseMessageTooBig, ""}, // gorilla has closed it
	} {
		t.Run(name, func(t *testing.T) {
			dial, _ := serve(t, Options{PingInterval: time.Minute, WriteTimeout: patience})
			ws := dial()
			ask(t, ws, 7)
			if f, err := read(ws); err != nil || f.(*wire.Pong).Number != 7 {
				t.Fatalf("%v, %v", f, err)
			}
			if err := ws.WriteMessage(c.kind, c.message); err != nil {
				t.Fatal(err)
			}
			_, err := read(ws)
			var end *websocket.CloseError
			if !errors.As(err, &end) {
				t.Fatalf("%v, want a close", err)
			}
			if end.Code != c.code || end.Text != c.reason {
				t.Errorf("closed with %d %q, want %d %q", end.Code, end.Text, c.code, c.reason)
			}
		})
	}
}

// A long reason is cut, and what was pushed before the close comes before it.
func TestLastWords(t *testing.T) {
	dial, box := serve(t, Options{PingInterval: time.Minute, WriteTimeout: patience})
	ws := dial()
	m := box()
	for n := range uint32(100) {
		m.Push(wire.AppendFrame(nil, &wire.Pong{Number: n}))
	}
	m.Close(Close{Code: GoingAway, Reason: strings.Repeat("long ", 100)})
	m.Close(Close{Code: Normal})
	m.Push(wire.AppendFrame(nil, &wire.Pong{Number: 100}))
	for n := range uint32(100) {
		if f, err := read(ws); err != nil || f.(*wire.Pong).Number != n {
			t.Fatalf("%d: %v, %v", n, f, err)
		}
	}
	_, err := read(ws)
	var end *websocket.CloseError
	if !errors.As(err, &end) || end.Code != GoingAway || len(end.Text) != 123 {
		t.Errorf("%v", err)
	}
}

// A page that asked for a pace gets what came meanwhile in one message.
func TestPace(t *testing.T) {
	dial, box := serve(t, Options{PingInterval: time.Minute, WriteTimeout: patience})
	ws := dial()
	m := box()
	m.SetPace(50 * time.Millisecond)
	const n = 200
	go func() {
		for i := range uint32(n) {
			m.Push(wire.AppendFrame(nil, &wire.Pong{Number: i}))
			time.Sleep(time.Millisecond)
		}
	}()
	begin, messages := time.Now(), 0
	for next := uint32(0); next < n; messages++ {
		f, err := read(ws)
		if err != nil {
			t.Fatal(err)
		}
		frames := []wire.Frame{f}
		if b, ok := f.(*wire.Bundle); ok {
			frames = nil
			for _, raw := range b.Frames {
				f, err := wire.DecodeFrame(raw)
				if err != nil {
					t.Fatal(err)
				}
				frames = append(frames, f)
			}
		}
		for _, f := range frames {
			if got := f.(*wire.Pong).Number; got != next {
				t.Fatalf("%d came, want %d", got, next)
			}
			next++
		}
	}
	if most := int(time.Since(begin)/(50*time.Millisecond)) + 2; messages > most {
		t.Errorf("%d messages came in %v, want at most %d", messages, time.Since(begin), most)
	}
}

// What waits for a pace does not wait for it any longer when the pace is another one, nor
// when the connection is closed.
func TestHurry(t *testing.T) {
	for _, c := range []struct {
		name  string
		hurry func(m *Mailbox)
	}{
		{"another pace", func(m *Mailbox) { m.SetPace(time.Millisecond) }},
		{"closed", func(m *Mailbox) { m.Close(Close{GoingAway, "the end"}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dial, box := serve(t, Options{PingInterval: time.Minute, WriteTimeout: patience})
			ws := dial()
			m := box()
			m.SetPace(time.Hour)
			for i := range uint32(2) {
				m.Push(wire.AppendFrame(nil, &wire.Pong{Number: i}))
				if i == 1 {
					c.hurry(m)
				}
				f, err := read(ws)
				if err != nil {
					t.Fatal(err)
				}
				if got := f.(*wire.Pong).Number; got != i {
					t.Fatalf("%d came, want %d", got, i)
				}
			}
		})
	}
}

// Commands over the limit are told apart, and taken again later.
func TestLimit(t *testing.T) {
	dial, _ := serve(t, Options{PingInterval: time.Minute, WriteTimeout: patience, Limit: guard.NewRateLimit(5)})
	ws := dial()
	taken, refused, begin := 0, 0, time.Now()
	for n := range uint32(30) {
		ask(t, ws, n)
	}
	for n := range uint32(30) {
		f, err := read(ws)
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *wire.Pong:
			taken++
			if f.Number != n {
				t.Errorf("%d was taken, want %d", f.Number, n)
			}
		case *wire.Problem:
			refused++
			if f.Query != n || !strings.Contains(f.Detail, "at most 5 a second") {
				t.Errorf("%+v, want the refusal of %d", f, n)
			}
		default:
			t.Errorf("%+v, want a pong or a refusal", f)
		}
	}
	// The first is free, five may come at once, and five more in each second that goes by.
	took := time.Since(begin)
	if most := 1 + 5 + int(5*took.Seconds()) + 1; taken < 5 || taken > most {
		t.Errorf("%d were taken and %d refused in %v, want 5 to %d to be taken", taken, refused, took, most)
	}
	time.Sleep(time.Second)
	ask(t, ws, 99)
	if f, err := read(ws); err != nil || f.Kind() != wire.KindPong {
		t.Errorf("after a second: %v, %v", f, err)
	}
}

// The greeting of a connection is taken even where the address has used up its commands.
func TestFirstCommandIsFree(t *testing.T) {
	limit := guard.NewRateLimit(0.001)
	for limit.Take("127.0.0.1:1") == 0 {
	}
	dial, _ := serve(t, Options{PingInterval: time.Minute, WriteTimeout: patience, Limit: limit})
	ws := dial()
	ask(t, ws, 1)
	ask(t, ws, 2)
	for n, want := range []wire.Kind{wire.KindPong, wire.KindProblem} {
		if f, err := read(ws); err != nil || f.Kind() != want {
			t.Errorf("command %d: %v, %v, want %v", n+1, f, err, want)
		}
	}
}

func TestReasonIsCutBetweenCharacters(t *testing.T) {
	for reason, want := range map[string]string{
		"the server is stopping":      "the server is stopping",
		strings.Repeat("a", 124):      strings.Repeat("a", 123),
		"a" + strings.Repeat("光", 41): "a" + strings.Repeat("光", 40),
		strings.Repeat("光", 41):       strings.Repeat("光", 41),
	} {
		if got := shortened(reason); got != want {
			t.Errorf("%q is cut to %q, want %q", reason, got, want)
		}
	}
}

// A page that gives no sign of life, and one that does not read, are let go.
func TestSilence(t *testing.T) {
	dial, _ := serve(t, Options{PingInterval: 30 * time.Millisecond, WriteTimeout: patience})
	ws := dial()
	ws.SetPingHandler(func(string) error { return nil }) // no pong
	_, err := read(ws)
	var end *websocket.CloseError
	if !errors.As(err, &end) || !strings.Contains(end.Text, "timeout") {
		t.Errorf("%v, want a close for the silence", err)
	}

	// What is sent fills the network's buffers, and then nobody takes it.
	dial, box, ended := serveTold(t, Options{PingInterval: time.Minute, WriteTimeout: 100 * time.Millisecond})
	dial()
	m, frame := box(), make([]byte, 256<<10)
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(time.Millisecond) {
		if _, closed := m.Closed(); closed {
			break
		}
		if m.waiting() < len(frame) {
			m.Push(frame)
		}
	}
	if how, closed := m.Closed(); !closed || how.Code != Policy || !strings.Contains(how.Reason, "closed") {
		t.Errorf("the reader ended with %+v, %v, want that the connection was closed", how, closed)
	}
	var late net.Error
	if err := ended(); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("writing to a page that does not read ended with %v, want that its time was up", err)
	}
}

// waiting is the number of bytes that are in the mailbox.
func (m *Mailbox) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

func TestMailboxIsBounded(t *testing.T) {
	m := NewMailbox(10)
	for i := range 5 {
		m.Push(fmt.Appendf(nil, "%04d", i))
	}
	if how, closed := m.Closed(); !closed || how.Code != TryAgainLater {
		t.Errorf("%+v, %v", how, closed)
	}
	n := 0
	for _, ok := m.Take(); ok; _, ok = m.Take() {
		n++
	}
	if n != 3 {
		t.Errorf("%d messages were kept, want 3: the one that was too much, and those before", n)
	}
}
