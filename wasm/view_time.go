//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// timeView shows where the time of a step goes, as the mean over the last steps
// that were measured. Both halves and the inspector read the same mean, which
// is taken anew a few times a second.
type timeView struct {
	c      *client
	says   *page.TextCell
	choice page.Element
	whole  *page.TextCell
	grid   *timeGrid
	body   page.Element // of the table
	rows   []*timeRow
	chosen session.StepKind // that the reader asked for
	kind   session.StepKind // that is shown
	mean   session.Times
	totals []view.TimeTotal
	due    float64 // when the mean is taken again, in milliseconds
	stale  bool    // it has to be taken again
	hurry  bool    // at once: something else changed than the times
	timed  bool    // a timer will ask for the frame that takes it
}

// timePause is the time between two means, in milliseconds: figures that change
// with every token cannot be read.
const timePause = 300

// timeRow is a row of the table: one thing that takes time.
type timeRow struct {
	page.Element
	name, times, micros, share *page.TextCell
	bar                        page.Element
	width                      string
	item                       view.TimeItem
}

func newTimeView(c *client) *timeView {
	v := &timeView{
		c: c, says: page.NewTextCell(page.ByID("time-says")), choice: page.ByID("time-kind"), whole: page.NewTextCell(page.ByID("time-whole")),
		body: page.ByID("time-totals").Find("tbody"),
	}
	v.grid = newTimeGrid(v)
	v.choice.On("change", func(jsEvent) {
		kind, _ := strconv.Atoi(v.choice.FieldValue())
		v.chosen, v.stale, v.hurry = session.StepKind(kind), true, true
		c.wake()
	})
	return v
}

func (v *timeView) name() string      { return "time" }
func (v *timeView) needs() wire.Views { return wire.ViewTiming }

func (v *timeView) ready() bool {
	_, decode := v.c.shown.Times(session.Decode)
	_, prefill := v.c.shown.Times(session.Prefill)
	return decode || prefill
}

func (v *timeView) update(what change) {
	other := what.saw(changedLanguage | changedTheme | changedSize | changedSession)
	if other || what.has(session.ChangeTiming|session.ChangeModel) {
		v.stale = true
		v.hurry = v.hurry || other
	}
}

func (v *timeView) frame(t float64) (again bool) {
	switch {
	case !v.stale:
	case v.hurry || t >= v.due:
		v.stale, v.hurry, v.due = false, false, t+timePause
		v.take()
		v.show()
	case !v.timed:
		v.timed = true
		page.After(int(v.due-t)+1, func() {
			v.timed = false
			v.c.wake()
		})
	}
	v.grid.frame()
	return false
}

// take takes the mean of the steps that are shown: of the other kind where there are
// none of the chosen.
func (v *timeView) take() {
	v.kind = v.chosen
	mean, ok := v.c.shown.Times(v.kind)
	if !ok {
		v.kind = session.Prefill - v.kind
		mean, _ = v.c.shown.Times(v.kind)
	}
	v.mean, v.totals = mean, view.TimeTotals(&mean)
}

// show writes the mean into the page.
func (v *timeView) show() {
	key := "time.says_decode"
	if v.kind == session.Prefill {
		key = "time.says_prefill"
	}
	whole := view.Micros(view.Whole(&v.mean))
	v.says.Show(v.c.words.Count(key, v.mean.Steps, "Whole", whole, "Tokens", strconv.FormatFloat(float64(v.mean.Tokens), 'f', -1, 32)))
	v.whole.Show(view.BareMicros(view.Whole(&v.mean)))
	for kind, option := range v.choice.FindAll("option") {
		_, there := v.c.shown.Times(session.StepKind(kind))
		option.SetDisabled(!there)
	}
	v.choice.SetValue(page.Decimal(int(v.kind)))
	for len(v.rows) < len(v.totals) {
		v.rows = append(v.rows, v.newRow())
	}
	for i, row := range v.rows {
		row.SetHidden(i >= len(v.totals))
		if i < len(v.totals) {
			v.showRow(row, v.totals[i])
		}
	}
	v.grid.show()
}

// newRow makes a row of the table. Which operation stands in it changes.
func (v *timeView) newRow() *timeRow {
	r := &timeRow{Element: page.Create("tr", "")}
	name, head := page.Create("button", "plain"), page.Create("th", "")
	name.SetAttr("type", "button")
	head.SetAttr("scope", "row")
	cell := func() page.Element { return page.Create("td", "mono") }
	times, micros, share, track, text := cell(), cell(), cell(), page.Create("span", "track"), page.Create("span", "")
	r.bar = page.Create("i", "")
	track.SetAttr("aria-hidden", "true")
	track.Append(r.bar)
	r.Append(head.Append(name), times, micros, share.Append(track, text))
	r.name, r.times, r.micros, r.share = page.NewTextCell(name), page.NewTextCell(times), page.NewTextCell(micros), page.NewTextCell(text)
	point := func(jsEvent) {
		item := r.item
		v.c.inspector.Point(func() page.Reading { return v.itemReading(item) })
	}
	leave := func(jsEvent) { v.c.inspector.Leave() }
	r.On("pointerenter", point)
	r.On("pointerleave", leave)
	name.On("focus", point)
	name.On("blur", leave)
	r.OnClick(func() {
		item := r.item
		v.c.inspector.Keep(func() page.Reading { return v.itemReading(item) })
	})
	v.body.Append(r.Element)
	return r
}

func (v *timeView) showRow(r *timeRow, t view.TimeTotal) {
	r.item = t.Item
	r.name.Show(v.word(t.Item))
	r.times.Show(page.Decimal(t.Times) + "×")
	r.micros.Show(view.BareMicros(t.Micros))
	share := float64(t.Micros) / float64(view.Whole(&v.mean))
	r.share.Show(view.Percent(share))
	r.SetFlag("data-reads", view.ReadsWeights(t.Item))
	if width := strconv.FormatFloat(100*float64(t.Micros)/float64(v.totals[0].Micros), 'f', 1, 64) + "%"; width != r.width {
		r.width = width
		r.bar.SetStyle("width", width)
	}
}

// itemKeys are the names of what takes time.
var itemKeys = [view.NumTimeItems]string{
	"time.embed", "time.attn_norm", "time.qkv", "time.qk_norm", "time.rope", "time.store_kv", "time.attention", "time.o_proj",
	"time.attn_post_norm", "time.resid_mid", "time.ffn_norm", "time.gate_up", "time.activation", "time.down", "time.ffn_post_norm",
	"time.resid_out", "time.final_norm", "time.unembed",
	"time.embed_all_reduce", "time.attn_all_reduce", "time.ffn_all_reduce", "time.gated_unit", "time.draw", "time.rest",
}

func (v *timeView) word(item view.TimeItem) string { return v.c.words.Say(itemKeys[item]) }

// itemReading is what the inspector says about something that takes time, over
// all layers.
func (v *timeView) itemReading(item view.TimeItem) page.Reading {
	for _, t := range v.totals {
		if t.Item == item {
			r := v.timeReading(item, v.word(item), t.Micros)
			times := v.c.words.Say("time.read_once")
			if t.Times > 1 {
				times = v.c.words.Say("time.read_layers", "N", page.Decimal(t.Times))
			}
			r.AddFact(v.c.words, "time.read_times", times)
			return r
		}
	}
	return page.Reading{}
}

// timeReading is what the inspector says about a time.
func (v *timeView) timeReading(item view.TimeItem, title string, micros float32) page.Reading {
	say := v.c.words.Say
	note := "time.note_other"
	switch {
	case view.ReadsWeights(item):
		note = "time.note_reads"
	case item == view.TimeItem(wire.OperationAttention):
		note = "time.note_attention"
	case view.OperationFunc("", item) == view.FuncAllReduce:
		note = "time.note_all_reduce"
	case item == view.ItemDraw:
		note = "time.note_draw"
	case item == view.ItemRest:
		note = "time.note_rest"
	}
	r := page.Reading{
		Title: title, Value: view.Micros(micros), Note: say(note),
		Fn: view.OperationFunc(v.c.shown.Model().Backend, item), By: view.FuncTimeShare,
	}
	r.AddFormula(view.Mean(v.mean.Steps, micros))
	r.AddFormula(view.TimeShare(&v.mean, micros))
	r.AddFact(v.c.words, "time.read_steps", say("time.read_step_range", "From", strconv.FormatUint(v.mean.From, 10), "Last", strconv.FormatUint(v.mean.Last, 10)))
	r.AddFact(v.c.words, "time.read_tokens", strconv.FormatFloat(float64(v.mean.Tokens), 'f', -1, 32))
	return r
}
