package wire

import "strconv"

// headerLen is the length of the version and kind bytes.
const headerLen = 2

// message is what frames and commands have in common: a number and a list of
// fields.
type message interface {
	Kind() Kind
	fields(*coder)
}

// AppendFrame appends the encoding of f to dst and returns the extended slice.
// f must not be nil and is only read.
func AppendFrame(dst []byte, f Frame) []byte { return appendMessage(dst, f) }

// AppendCommand appends the encoding of c to dst and returns the extended
// slice. c must not be nil and is only read.
func AppendCommand(dst []byte, c Command) []byte { return appendMessage(dst, c) }

// DecodeFrame reads the one frame that b holds; the result is a pointer to one
// of this package's frame types. Byte slices in it alias b. The error is an
// [*Error].
func DecodeFrame(b []byte) (Frame, error) {
	k, err := KindOf(b)
	if err != nil {
		return nil, err
	}
	f := newFrame(k)
	if f == nil {
		return nil, &Error{Kind: k, Field: "Kind", Offset: 1, Want: "a frame (server to page)"}
	}
	if err := decodeFields(b, f); err != nil {
		return nil, err
	}
	return f, nil
}

// DecodeCommand reads the one command that b holds; the result is a pointer to
// one of this package's command types. Byte slices in it alias b. The error is
// an [*Error].
func DecodeCommand(b []byte) (Command, error) {
	k, err := KindOf(b)
	if err != nil {
		return nil, err
	}
	c := newCommand(k)
	if c == nil {
		return nil, &Error{Kind: k, Field: "Kind", Offset: 1, Want: "a command (page to server)"}
	}
	if err := decodeFields(b, c); err != nil {
		return nil, err
	}
	return c, nil
}

// KindOf reads the kind of a message without decoding it. The error is an
// [*Error]: the message is too short, of another version or of unknown kind.
func KindOf(b []byte) (Kind, error) {
	if len(b) < headerLen {
		return 0, &Error{Field: "Version", Offset: len(b), Want: "2 bytes of version and kind"}
	}
	if b[0] != Version {
		return 0, &Error{Field: "Version", Want: strconv.Itoa(Version) + ", not " + strconv.Itoa(int(b[0]))}
	}
	k := Kind(b[1])
	if !k.IsFrame() && !k.IsCommand() && !k.isHall() {
		return 0, &Error{Field: "Kind", Offset: 1, Want: "a known kind, not " + strconv.Itoa(int(k))}
	}
	return k, nil
}

func appendMessage(dst []byte, m message) []byte {
	c := coder{buf: append(dst, Version, byte(m.Kind()))}
	m.fields(&c)
	return c.buf
}

func decodeFields(b []byte, m message) error {
	c := coder{reading: true, buf: b, off: headerLen}
	m.fields(&c)
	if c.err == nil && c.off != len(b) {
		c.fail("end", 0, "no more bytes, "+strconv.Itoa(len(b)-c.off)+" follow")
	}
	if c.err != nil {
		c.err.Kind = m.Kind()
		return c.err
	}
	return nil
}
