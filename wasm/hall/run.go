//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// run is the bar of time: the engine's, and that of the record.
type run struct {
	c      *client
	button page.Element
	scrub  page.Element
	says   *page.TextCell
	said   string // the name of the button, as it was last told
	speech *page.TextCell
	place  place  // where the slider stands, as it is shown
	valued string // what the slider says of it
}

// place is a moment among the records.
type place struct {
	records, at int
	live        bool
}

func newRun(c *client) *run {
	r := &run{c: c, button: page.ByID("run"), scrub: page.ByID("scrub"), says: page.NewTextCell(page.ByID("moment")), speech: page.NewTextCell(page.ByID("speech")), place: place{at: -2}}
	r.button.OnClick(r.toggle)
	page.ByID("step").OnClick(r.step)
	page.ByID("back").OnClick(func() { r.move(-1) })
	page.ByID("on").OnClick(func() { r.move(+1) })
	page.ByID("live").OnClick(r.goLive)
	r.scrub.On("input", func(js.Value) {
		at, _ := strconv.Atoi(r.scrub.FieldValue())
		c.seek(at - 1)
	})
	return r
}

func (r *run) toggle() {
	op := wire.HallPause
	if r.c.hall.State().Paused {
		op = wire.HallResume
	}
	r.c.send(&wire.HallControl{Op: op})
}

// step lets the engine make one step and shows it. A running engine is paused first.
func (r *run) step() {
	if !r.c.hall.State().Paused {
		r.c.send(&wire.HallControl{Op: wire.HallPause})
	}
	r.goLive()
	r.c.send(&wire.HallControl{Op: wire.HallStep})
}

func (r *run) move(by int) { r.c.seek(r.c.at + by) }

func (r *run) goLive() {
	r.c.live = true
	r.c.changed()
}

func (r *run) show() {
	c := r.c
	paused := c.hall.State().Paused
	key := "hall.pause"
	if paused {
		key = "hall.resume"
	}
	if name := c.words.Say(key); name != r.said {
		r.said = name
		c.words.Name(r.button, key)
		r.button.SetFlag("data-running", !paused)
	}
	n := len(c.hall.Records())
	if now := (place{n, c.at, c.live}); now != r.place {
		r.place = now
		r.scrub.SetAttr("max", page.Decimal(n))
		r.scrub.SetDisabled(n == 0)
		page.ByID("live").SetAttr("aria-pressed", page.BoolText(c.live))
		page.ByID("back").SetDisabled(c.at < 0)
		page.ByID("on").SetDisabled(c.at >= n-1)
	}
	r.scrub.SetValue(page.Decimal(c.at + 1)) // the reader may have moved it
	says := r.sentence()
	if r.says.Show(says); says != r.valued {
		r.valued = says
		r.scrub.SetAttr("aria-valuetext", says)
	}
	r.speak(says, paused)
}

// spoken bounds the events that are read out.
const spoken = 4

// speak reads a moment that stands still out to those who do not see it, with
// what happened in it. A running engine would be faster than any voice.
func (r *run) speak(says string, paused bool) {
	c := r.c
	if c.live && !paused || c.at < 0 || c.at >= len(c.hall.Records()) {
		return
	}
	events := c.hall.Records()[c.at].Events
	for i := range events[:min(len(events), spoken)] {
		says = c.words.Sentences(says, c.eventSays(&events[i])+c.words.Say("hall.full_stop"))
	}
	r.speech.Show(says)
}

// sentence says what the moment is.
func (r *run) sentence() string {
	c, m := r.c, &r.c.moment
	if m.Step == 0 {
		return c.words.Say("hall.moment_none")
	}
	pairs := []string{
		"Step", page.Grouped(int(m.Step)), "Held", page.Decimal(int(m.Meters.Held)), "Blocks", page.Decimal(len(m.Blocks)), "Waiting", page.Decimal(int(m.Meters.Waiting)),
	}
	if c.at >= 0 {
		if record := &c.hall.Records()[c.at]; record.Step != 0 {
			return c.words.Say("hall.moment", append(pairs, "Batch", page.Decimal(int(record.Meters.Batch)),
				"Requests", page.Decimal(int(record.Meters.Running)), "Ms", hall.Duration(float64(record.Micros)/1000))...)
		}
	}
	return c.words.Say("hall.moment_between", pairs...)
}

func (c *client) openHelp() { page.ByID("help").Call("showModal") }

// listenToKeys acts on the keys that web's hallKeys lists. Those that go to a field
// are the field's.
func (c *client) listenToKeys() {
	page.ByID("help-open").OnClick(c.openHelp)
	page.Element{Value: page.Document}.On("keydown", func(event js.Value) {
		target := page.Element{Value: event.Get("target")}
		tag := target.Get("tagName").String()
		if event.Get("defaultPrevented").Bool() || event.Get("ctrlKey").Bool() || event.Get("metaKey").Bool() || event.Get("altKey").Bool() ||
			tag == "INPUT" || tag == "TEXTAREA" || tag == "SELECT" || page.Document.Call("querySelector", "dialog[open]").Truthy() {
			return
		}
		switch event.Get("key").String() {
		case " ":
			if tag == "BUTTON" || tag == "A" {
				return
			}
			c.run.toggle()
		case ".":
			c.run.step()
		case "ArrowLeft":
			c.run.move(-1)
		case "ArrowRight":
			c.run.move(+1)
		case "End":
			c.run.goLive()
		case "1":
			c.open("memory")
		case "2":
			c.open("races")
		case "l":
			c.switchLanguage()
		case "t":
			c.theme.Next()
		case "?":
			c.openHelp()
		case "Escape":
			c.inspector.Release()
		default:
			return
		}
		event.Call("preventDefault")
	})
}
