//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// happened lists the latest events before the moment that is shown, in words.
type happened struct {
	c     *client
	list  page.Element
	empty page.Element
	rows  []*eventRow
	wrote float64 // when they were last written
	waits bool    // they are written again soon
}

// readable is how long the list stays as it is while the engine runs, in ms.
const readable = 500

type eventRow struct {
	item   page.Element
	button page.Element
	step   *page.TextCell
	says   *page.TextCell
	event  hall.Event
}

func newHappened(c *client) *happened {
	h := &happened{c: c, list: page.ByID("events"), empty: page.ByID("no-events")}
	for _, item := range h.list.FindAll("li") {
		row := &eventRow{item: item, button: item.Find("button")}
		step, says := page.Create("span", "n"), page.Create("span", "")
		row.button.Append(step, says)
		row.step, row.says = page.NewTextCell(step), page.NewTextCell(says)
		row.button.SetHidden(false)
		point := func(js.Value) { c.grid.moveTo(row.block()) }
		leave := func(js.Value) { c.grid.moveTo(-1) }
		row.button.On("pointerenter", point)
		row.button.On("focus", point)
		row.button.On("pointerleave", leave)
		row.button.On("blur", leave)
		row.button.OnClick(func() {
			c.chosen = row.event.Request
			c.seek(c.hall.Index(row.event.Seq))
		})
		h.rows = append(h.rows, row)
	}
	return h
}

// block is the block that the event is about, −1 for none.
func (r *eventRow) block() int {
	if r.event.Kind == wire.HallEvicted || r.event.Kind == wire.HallCopied {
		return int(r.event.Block)
	}
	return -1
}

func (h *happened) show() {
	c := h.c
	now := page.Now()
	if c.live && !c.hall.State().Paused && now-h.wrote < readable {
		if !h.waits {
			h.waits = true
			page.After(readable, func() {
				h.waits = false
				c.changed()
			})
		}
		return
	}
	h.wrote = now
	events := c.hall.Happened(c.at, len(h.rows))
	h.empty.SetHidden(len(events) > 0)
	h.list.SetHidden(len(events) == 0)
	for i, row := range h.rows {
		row.item.SetHidden(i >= len(events))
		if i >= len(events) {
			continue
		}
		row.event = events[i]
		row.step.Show(c.words.Say("hall.e_step", "N", page.Grouped(int(row.event.Step))))
		row.says.Show(c.eventSays(&row.event.HallEvent))
		row.button.SetClass("now", row.event.Index == c.at)
	}
}

// eventSays is an event in words.
func (c *client) eventSays(e *wire.HallEvent) string {
	w := c.words
	pairs := []string{"Who", c.moment.Name(e.Request), "Block", page.Decimal(int(e.Block))}
	switch e.Kind {
	case wire.HallEvicted:
		return w.Say("hall.e_evicted", append(pairs, "Other", c.moment.Name(e.Other))...)
	case wire.HallCopied:
		return w.Say("hall.e_copied", append(pairs, "Other", page.Decimal(int(e.Other)))...)
	case wire.HallHit:
		return w.Count("hall.e_hit", int(e.Count), pairs...)
	case wire.HallForked:
		return w.Count("hall.e_forked", int(e.Count), append(pairs, "Other", c.moment.Name(e.Other))...)
	}
	return w.Say("hall.e_preempted", pairs...)
}

// happenedTo says what the moment that is shown did to a block, and by which
// function; nothing if it did nothing.
func (c *client) happenedTo(block int) (says, fn string) {
	if c.at < 0 || c.at >= len(c.hall.Records()) {
		return says, fn
	}
	events := c.hall.Records()[c.at].Events
	for i := range events {
		e := &events[i]
		switch {
		case e.Kind == wire.HallEvicted && int(e.Block) == block:
			fn = hall.FuncEvict
		case e.Kind == wire.HallCopied && (int(e.Block) == block || int(e.Other) == block):
			fn = hall.FuncCopy
		default:
			continue
		}
		says = c.words.Sentences(says, c.eventSays(e)+c.words.Say("hall.full_stop"))
	}
	return says, fn
}
