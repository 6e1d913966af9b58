package zmtp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// accept takes one connection at a free port and opens it as own; the endpoint
// is told at once.
func accept(t *testing.T, own SocketType, l Limits) (endpoint string, opened func() (*Conn, error)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	type result struct {
		z   *Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			done <- result{nil, err}
			return
		}
		t.Cleanup(func() { c.Close() })
		z, err := Open(c, own, time.Now().Add(patience), l)
		done <- result{z, err}
	}()
	return "tcp://" + listener.Addr().String(), func() (*Conn, error) {
		r := <-done
		return r.z, r.err
	}
}

// Another's implementation of ZeroMQ subscribes, and reads what is published.
func TestPublishesToAnother(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	endpoint, opened := accept(t, Pub, Limits{})
	sub := zmq4.NewSub(ctx)
	defer sub.Close()
	if err := sub.Dial(endpoint); err != nil {
		t.Fatal(err)
	}
	z, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.SetOption(zmq4.OptionSubscribe, "kv"); err != nil {
		t.Fatal(err)
	}
	if m, err := z.Read(); err != nil || len(m) != 1 || string(m[0]) != "\x01kv" {
		t.Fatalf("it subscribes by %q, %v", m, err)
	}
	long := bytes.Repeat([]byte("x"), 100_000)
	if err := z.Write([]byte("kv"), nil, long); err != nil {
		t.Fatal(err)
	}
	m, err := sub.Recv()
	if err != nil || len(m.Frames) != 3 || string(m.Frames[0]) != "kv" || len(m.Frames[1]) != 0 || !bytes.Equal(m.Frames[2], long) {
		t.Errorf("it reads %d frames, %v", len(m.Frames), err)
	}
}

// Two of ours, one of which asks and one of which answers.
func TestAsksAndAnswers(t *testing.T) {
	endpoint, opened := accept(t, Router, Limits{})
	req, err := Dial(t.Context(), endpoint, Req, patience, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer req.Close()
	router, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Write(nil, []byte("question")); err != nil {
		t.Fatal(err)
	}
	if m, err := router.Read(); err != nil || len(m) != 2 || len(m[0]) != 0 || string(m[1]) != "question" {
		t.Fatalf("%q, %v", m, err)
	}
	if err := router.Write(nil, []byte("answer")); err != nil {
		t.Fatal(err)
	}
	if m, err := req.Read(); err != nil || len(m) != 2 || string(m[1]) != "answer" {
		t.Errorf("%q, %v", m, err)
	}
	if err := router.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := req.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is told as %v", err)
	}
}

// Who does not greet in time, or is no peer for us, is not waited for.
func TestPeersThatDoNotFit(t *testing.T) {
	endpoint, opened := accept(t, Pub, Limits{})
	if _, err := Dial(t.Context(), endpoint, Req, patience, Limits{}); err == nil || !strings.Contains(err.Error(), "PUB") {
		t.Errorf("a REQ opens a PUB: %v", err)
	}
	if _, err := opened(); err == nil || !strings.Contains(err.Error(), "REQ") {
		t.Errorf("a PUB opens a REQ: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var timeout net.Error
	if _, err := Dial(t.Context(), "tcp://"+silent.Addr().String(), Sub, 50*time.Millisecond, Limits{}); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("one that says nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Dial(ctx, "tcp://"+silent.Addr().String(), Sub, patience, Limits{}); err == nil {
		t.Error("it is opened when nobody wants it any more")
	}
}

func TestAddress(t *testing.T) {
	for endpoint, want := range map[string]string{
		"tcp://127.0.0.1:5557": "127.0.0.1:5557", "tcp://*:5557": ":5557", "tcp://host:0": "host:0", "tcp://[::1]:5557": "[::1]:5557",
		"": "", "127.0.0.1:5557": "", "udp://h:1": "", "tcp://:5557": "", "tcp://host": "", "tcp://host:x": "", "tcp://host:65536": "", "tcp://host:-1": "",
	} {
		got, err := Address(endpoint)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", endpoint, got, err, want)
		}
	}
}

// script is a connection whose other end says what is written down, and takes
// whatever it is told.
type script struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return s.out.Write(b) }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { return nil }
func (s *script) written() []byte                  { return s.out.Bytes()[min(s.out.Len(), greetingLength):] }
func said(parts ...[]byte) *script                 { return &script{in: bytes.NewReader(slices.Concat(parts...))} }
func command1(name string, data ...byte) []byte {
	return frame1(flagCommand, append(append([]byte{byte(len(name))}, name...), data...))
}
func frame1(flags byte, body []byte) []byte { return append([]byte{flags, byte(len(body))}, body...) }
func greeting(change func(g []byte)) []byte {
	g := make([]byte, greetingLength)
	g[0], g[9], g[10], g[11] = 0xff, 0x7f, 3, 1
	copy(g[12:], "NULL")
	if change != nil {
		change(g)
	}
	return g
}

var readySub = command1("READY", appendProperty(appendProperty(nil, "SOCKET-type", "SUB"), "Identity", "")...)

// Messages and commands of ZMTP 3.1, as libzmq sends them to those who know it.
func TestCommands(t *testing.T) {
	s := said(greeting(nil), readySub,
		command1("SUBSCRIBE", 'k', 'v'), command1("NEWS"), command1("PING", 0, 10, 'c', 't', 'x'), command1("CANCEL", 'k', 'v'),
		frame1(flagMore, []byte("a")), frame1(0, []byte("b")))
	z, err := Open(s, Pub, time.Time{}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.written())
	for _, want := range [][][]byte{{[]byte("\x01kv")}, {[]byte("\x00kv")}, {[]byte("a"), []byte("b")}} {
		m, err := z.Read()
		if err != nil || !slices.EqualFunc(m, want, bytes.Equal) {
			t.Errorf("%q, %v, want %q", m, err, want)
		}
	}
	if pong := s.written()[before:]; !bytes.Equal(pong, command1("PONG", 'c', 't', 'x')) {
		t.Errorf("the PING is answered by %q", pong)
	}
	if _, err := z.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is told as %v", err)
	}
}

// A PING is answered however long ago the last message was sent, and the time
// that it might take is over.
func TestPingAfterALongSilence(t *testing.T) {
	const most = 20 * time.Millisecond
	endpoint, opened := accept(t, Pub, Limits{Write: most})
	peer, err := Dial(t.Context(), endpoint, Sub, patience, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	z, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * most)
	if err := peer.write(flagCommand, command1("PING", 0, 10, 'c')[2:]); err != nil {
		t.Fatal(err)
	}
	if err := peer.Write([]byte("then")); err != nil {
		t.Fatal(err)
	}
	if m, err := z.Read(); err != nil || len(m) != 1 || string(m[0]) != "then" {
		t.Fatalf("after the PING it reads %q, %v", m, err)
	}
	if err := z.Write([]byte("second")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		if m, err := peer.Read(); err != nil || len(m) != 1 || string(m[0]) != want {
			t.Errorf("the peer reads %q, %v, want %q", m, err, want)
		}
	}
}

// What a peer must not send is refused, before there is memory for it.
func TestHostilePeers(t *testing.T) {
	huge := binary.BigEndian.AppendUint64([]byte{flagLong}, 1<<62)
	for name, c := range map[string]struct {
		greeting, ready, message []byte
	}{
		"another protocol":          {greeting: []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		"an old version":            {greeting: greeting(func(g []byte) { g[10] = 2 })},
		"another mechanism":         {greeting: greeting(func(g []byte) { copy(g[12:], "PLAIN") })},
		"no READY":                  {ready: command1("HELLO")},
		"a message for a READY":     {ready: frame1(0, []byte("x"))},
		"an empty command":          {ready: frame1(flagCommand, nil)},
		"a name that is cut off":    {ready: frame1(flagCommand, []byte{9, 'R'})},
		"a property that is cut":    {ready: command1("READY", 3, 'a')},
		"a value that is cut":       {ready: command1("READY", append(appendProperty(nil, "a", "")[:2], 0xff, 0xff, 0xff, 0xff)...)},
		"no type of a socket":       {ready: command1("READY")},
		"a READY of a gigabyte":     {ready: binary.BigEndian.AppendUint64([]byte{flagLong | flagCommand}, 1<<30)},
		"a frame of 2^62 bytes":     {message: huge},
		"a message of many frames":  {message: bytes.Repeat(frame1(flagMore, nil), 20)},
		"a message of many bytes":   {message: bytes.Repeat(frame1(flagMore, make([]byte, 90)), 3)},
		"a command in a message":    {message: append(frame1(flagMore, nil), command1("NEWS")...)},
		"unknown flags":             {message: frame1(8, nil)},
		"a PING that is too long":   {message: command1("PING", make([]byte, 30)...)},
		"an error of its own":       {message: command1("ERROR", 2, 'n', 'o')},
		"a frame that is cut off":   {message: []byte{0, 9, 'x'}},
		"a header that is cut off":  {message: []byte{flagLong, 0, 0}},
		"a command with more of it": {message: frame1(flagCommand|flagMore, []byte{1, 'x'})},
	} {
		if c.greeting == nil {
			c.greeting = greeting(nil)
		}
		if c.ready == nil {
			c.ready = readySub
		}
		z, err := Open(said(c.greeting, c.ready, c.message), Pub, time.Time{}, Limits{Message: 256})
		if c.message != nil {
			if err != nil {
				t.Errorf("%s: it is not opened: %v", name, err)
				continue
			}
			_, err = z.Read()
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzConn(f *testing.F) {
	f.Add(slices.Concat(greeting(nil), readySub, frame1(flagMore, []byte("a")), frame1(0, []byte("b"))))
	f.Add(slices.Concat(greeting(nil), readySub, command1("PING", 0, 1, 'x'), command1("SUBSCRIBE", 'k')))
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := Open(said(b), Pub, time.Time{}, Limits{Message: 512, Frames: 3})
		if err != nil {
			return
		}
		for {
			m, err := z.Read()
			if err != nil {
				return
			}
			total := 0
			for _, frame := range m {
				total += len(frame)
			}
			// A subscription may come by a command, which has a bound of its own.
			if len(m) == 0 || len(m) > 3 || total > max(512, maxCommand) {
				t.Fatalf("a message of %d frames and %d bytes", len(m), total)
			}
		}
	})
}
