//go:build js && wasm

package main

import (
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/wasm/page"
)

// address keeps the page's address so that it reproduces what is seen: the view,
// the chosen request, the step and the colouring.
type address struct {
	c       *client
	written string
	timed   bool
}

// wanted is what an address asks for and the hall does not have yet.
type wanted struct {
	seq     uint64
	pending bool
}

func newAddress(c *client) *address {
	a := &address{c: c}
	page.Element{Value: page.Window}.On("hashchange", func(js.Value) { a.read() })
	a.read()
	return a
}

func (a *address) read() {
	c := a.c
	hash := strings.TrimPrefix(page.Window.Get("location").Get("hash").String(), "#")
	if hash == a.written {
		return
	}
	for part := range strings.SplitSeq(hash, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case name == "view":
			c.open(value)
		case name == "colour" && (value == "reader" || value == "request"):
			c.by = hall.ByRequest
			if value == "reader" {
				c.by = hall.ByReader
			}
			page.ByID("colour").SetValue(value)
		case name == "request" && err == nil && n < 1<<32:
			c.chosen = uint32(n)
		case name == "record" && err == nil && n > 0:
			c.wanted = wanted{n, true}
		}
	}
	c.changed()
}

// take shows the moment that the address asked for, once it is there.
func (w *wanted) take(c *client) {
	if !w.pending || !c.hall.Joined() {
		return
	}
	w.pending = false
	if at := c.hall.Index(w.seq); at >= 0 && at < len(c.hall.Records()) && c.hall.Records()[at].Seq == w.seq {
		c.live, c.at = false, at
	}
}

// settle is how long the address waits after a change, in ms.
const settle = 500

func (a *address) show() {
	if a.timed {
		return
	}
	a.timed = true
	page.After(settle, func() {
		a.timed = false
		a.write()
	})
}

func (a *address) write() {
	c := a.c
	if c.wanted.pending {
		return
	}
	parts := []string{"view=" + c.view}
	if c.chosen != 0 {
		parts = append(parts, "request="+page.Decimal(int(c.chosen)))
	}
	if !c.live && c.at >= 0 && c.at < len(c.hall.Records()) {
		parts = append(parts, "record="+strconv.FormatUint(c.hall.Records()[c.at].Seq, 10))
	}
	if c.by == hall.ByReader {
		parts = append(parts, "colour=reader")
	}
	if hash := strings.Join(parts, "&"); hash != a.written {
		a.written = hash
		page.Window.Get("history").Call("replaceState", nil, "", "#"+hash)
	}
}
