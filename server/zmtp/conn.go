package zmtp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// SocketType is what a peer is in a pattern of messages (RFC 28, RFC 29).
type SocketType string

// The types of sockets that a [Conn] can be, or can have as its peer.
const (
	Pub    SocketType = "PUB"
	Sub    SocketType = "SUB"
	XSub   SocketType = "XSUB"
	Router SocketType = "ROUTER"
	Dealer SocketType = "DEALER"
	Req    SocketType = "REQ"
)

// peers are the types that a type may talk to, of those that are here.
var peers = map[SocketType][]SocketType{
	Pub:    {Sub, XSub},
	Sub:    {Pub, "XPUB"},
	Router: {Dealer, Req, Router},
	Dealer: {Router, "REP", Dealer},
	Req:    {Router, "REP"},
}

// Limits bound what a peer may send.
type Limits struct {
	// Message is the most bytes of one message, all its frames together.
	// Default 1 MiB.
	Message int
	// Frames is the most frames of a message. Default 16.
	Frames int
	// Write is the time that sending one message may take. A message that was cut
	// off by it leaves the connection of no use. Default 30 seconds.
	Write time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Message <= 0 {
		l.Message = 1 << 20
	}
	if l.Frames <= 0 {
		l.Frames = 16
	}
	if l.Write <= 0 {
		l.Write = 30 * time.Second
	}
	return l
}

// ProtocolError says what a peer sent that it should not have.
type ProtocolError struct{ Reason string }

// Error is the reason.
func (e *ProtocolError) Error() string { return "zmtp: " + e.Reason }

func wrong(format string, args ...any) error {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

// Flags of a frame.
const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
)

const (
	greetingLength = 64
	// maxCommand bounds the body of a command: those of the handshake hold a few names.
	maxCommand = 1 << 10
)

// Conn is a connection to one peer. One goroutine may read while others write.
type Conn struct {
	conn   net.Conn
	in     *bufio.Reader
	limits Limits
	// greeted says that the handshake and its deadline are over.
	greeted bool

	mu  sync.Mutex // of writing
	out []byte
}

// Open greets the peer at the other end, whoever dialled, and checks that it is
// of a type that own may talk to. It takes until deadline at most. The connection
// is the Conn's if the error is nil.
func Open(c net.Conn, own SocketType, deadline time.Time, l Limits) (*Conn, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	z := &Conn{conn: c, in: bufio.NewReader(c), limits: l.withDefaults()}
	if err := z.handshake(own); err != nil {
		return nil, err
	}
	z.greeted = true
	return z, c.SetDeadline(time.Time{})
}

// Close ends the connection; reading and writing end with it.
func (z *Conn) Close() error { return z.conn.Close() }

// SetReadDeadline bounds reading, as of a [net.Conn].
func (z *Conn) SetReadDeadline(t time.Time) error { return z.conn.SetReadDeadline(t) }

// handshake exchanges greetings and the READY commands of the mechanism NULL.
func (z *Conn) handshake(own SocketType) error {
	// Signature, version 3.0, mechanism, not a server, and zeros.
	greeting := [greetingLength]byte{0: 0xff, 9: 0x7f, 10: 3, 12: 'N', 13: 'U', 14: 'L', 15: 'L'}
	if _, err := z.conn.Write(greeting[:]); err != nil {
		return err
	}
	var told [greetingLength]byte
	if _, err := io.ReadFull(z.in, told[:11]); err != nil {
		return err
	}
	switch {
	case told[0] != 0xff || told[9]&1 != 1:
		return wrong("the peer does not greet as ZeroMQ does")
	case told[10] < 3:
		return wrong("the peer speaks ZMTP %d, want 3", told[10])
	}
	if _, err := io.ReadFull(z.in, told[11:]); err != nil {
		return err
	}
	if [20]byte(told[12:32]) != [20]byte(greeting[12:32]) {
		return wrong("the peer's security mechanism is %q, want NULL", told[12:32])
	}
	ready := append([]byte{5}, "READY"...)
	ready = appendProperty(ready, "Socket-Type", string(own))
	if own == Router || own == Dealer {
		ready = appendProperty(ready, "Identity", "")
	}
	if err := z.write(flagCommand, ready); err != nil {
		return err
	}
	flags, body, err := z.frame(maxCommand)
	if err != nil {
		return err
	}
	name, data, err := command(flags, body)
	if err != nil {
		return err
	}
	if name != "READY" {
		return wrong("the peer says %q, want READY", name)
	}
	properties, err := parseProperties(data)
	if err != nil {
		return err
	}
	for _, t := range peers[own] {
		if properties["socket-type"] == string(t) {
			return nil
		}
	}
	return wrong("the peer is a socket of type %q, want one of %q", properties["socket-type"], peers[own])
}

// Write sends a message of frames.
func (z *Conn) Write(frames ...[]byte) error {
	return z.write(0, frames...)
}

// write sends frames in one piece, so that messages of different goroutines are
// not mixed.
func (z *Conn) write(flags byte, frames ...[]byte) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	b := z.out[:0]
	for i, f := range frames {
		flags := flags
		if i < len(frames)-1 {
			flags |= flagMore
		}
		if len(f) > 255 {
			b = append(b, flags|flagLong)
			b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		} else {
			b = append(b, flags, byte(len(f)))
		}
		b = append(b, f...)
	}
	z.out = b
	if !z.greeted {
		_, err := z.conn.Write(b)
		return err
	}
	if err := z.conn.SetWriteDeadline(time.Now().Add(z.limits.Write)); err != nil {
		return err
	}
	_, err := z.conn.Write(b)
	return err
}

// Read returns the next message. A peer's subscription is one of a single frame,
// 1 and the topic, and its end likewise with 0, however the peer said it; a
// PING is answered, and other commands are passed over.
func (z *Conn) Read() ([][]byte, error) {
	var frames [][]byte
	left := z.limits.Message
	for {
		flags, body, err := z.frame(left)
		if err != nil {
			return nil, err
		}
		if flags&flagCommand != 0 {
			if len(frames) > 0 {
				return nil, wrong("a command within a message")
			}
			message, err := z.obey(flags, body)
			if err != nil || message != nil {
				return message, err
			}
			continue
		}
		frames = append(frames, body)
		left -= len(body)
		if flags&flagMore == 0 {
			return frames, nil
		}
		if len(frames) == z.limits.Frames {
			return nil, wrong("a message of more than %d frames", z.limits.Frames)
		}
	}
}

// obey carries out a command. Those of ZMTP 3.1 that subscribe are turned into
// what they were before.
func (z *Conn) obey(flags byte, body []byte) (message [][]byte, err error) {
	name, data, err := command(flags, body)
	if err != nil {
		return nil, err
	}
	switch name {
	case "SUBSCRIBE":
		return [][]byte{append([]byte{1}, data...)}, nil
	case "CANCEL":
		return [][]byte{append([]byte{0}, data...)}, nil
	case "PING": // two bytes of time, and what is to be sent back
		if len(data) < 2 || len(data) > 2+16 {
			return nil, wrong("a PING of %d bytes", len(data))
		}
		return nil, z.write(flagCommand, append([]byte("\x04PONG"), data[2:]...))
	case "ERROR":
		return nil, wrong("the peer says that something is wrong: %q", data)
	}
	return nil, nil
}

// frame reads a frame of at most most bytes.
func (z *Conn) frame(most int) (flags byte, body []byte, err error) {
	var header [9]byte
	if _, err := io.ReadFull(z.in, header[:2]); err != nil {
		return 0, nil, err
	}
	flags = header[0]
	if flags&^(flagMore|flagLong|flagCommand) != 0 {
		return 0, nil, wrong("a frame with the flags %#x", flags)
	}
	size := uint64(header[1])
	if flags&flagLong != 0 {
		if _, err := io.ReadFull(z.in, header[2:]); err != nil {
			return 0, nil, unexpected(err)
		}
		size = binary.BigEndian.Uint64(header[1:])
	}
	if flags&flagCommand != 0 {
		most = maxCommand
	}
	if size > uint64(most) {
		return 0, nil, wrong("a frame of %d bytes, want at most %d", size, most)
	}
	body = make([]byte, size)
	_, err = io.ReadFull(z.in, body)
	return flags, body, unexpected(err)
}

// unexpected tells an end within a frame from one between two.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// command splits a command into its name and data.
func command(flags byte, body []byte) (name string, data []byte, err error) {
	if flags&flagCommand == 0 || flags&flagMore != 0 || len(body) == 0 || 1+int(body[0]) > len(body) {
		return "", nil, wrong("no command where one is due")
	}
	n := 1 + int(body[0])
	return string(body[1:n]), body[n:], nil
}

// appendProperty appends a property of a READY command.
func appendProperty(b []byte, name, value string) []byte {
	b = append(append(b, byte(len(name))), name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// parseProperties reads the properties of a READY command, whose names have no case.
func parseProperties(b []byte) (map[string]string, error) {
	properties := map[string]string{}
	for len(b) > 0 {
		n := 1 + int(b[0])
		if n+4 > len(b) {
			return nil, wrong("a property that is cut off")
		}
		name, rest := b[1:n], b[n+4:]
		size := uint64(binary.BigEndian.Uint32(b[n:]))
		if size > uint64(len(rest)) {
			return nil, wrong("a property that is cut off")
		}
		properties[strings.ToLower(string(name))] = string(rest[:size])
		b = rest[size:]
	}
	return properties, nil
}
