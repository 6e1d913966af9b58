//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// controls is the column at the left.
type controls struct {
	c       *client
	sort    page.Element
	text    page.Element
	outputs page.Element
	arrive  page.Element
	rate    page.Element
	says    [3]*page.TextCell // what the rate is, whether the fields say what is in force, and what arrives
	fields  map[string]page.Element
	name    page.Element
	readers page.Element
	listed  string // of the readers, as they are shown

	arriving wire.HallState // of which the slider shows the rate
	sent     wire.HallArrivals
	mine     bool // this page has let requests arrive, and nobody has changed it since
}

func newControls(c *client) *controls {
	t := &controls{
		c: c, sort: page.ByID("add-sort"), text: page.ByID("add-text"), outputs: page.ByID("add-outputs"), arrive: page.ByID("arrive"), rate: page.ByID("rate"),
		fields: map[string]page.Element{}, name: page.ByID("reader-name"), readers: page.ByID("readers"),
	}
	t.says = [3]*page.TextCell{page.NewTextCell(page.ByID("rate-value")), page.NewTextCell(page.ByID("set-says")), page.NewTextCell(page.ByID("arrive-says"))}
	for _, n := range []int{1, 8, 32} {
		page.ByID("add-" + page.Decimal(n)).OnClick(func() { t.add(n) })
	}
	t.sort.On("change", func(js.Value) {
		t.text.SetHidden(t.kind() != wire.HallOwn)
		if t.kind() == wire.HallOwn {
			t.text.Focus()
		}
		t.sendArrivals()
	})
	t.outputs.On("change", func(js.Value) { t.sendArrivals() })
	t.arrive.On("change", func(js.Value) { t.setArrivals() })
	t.rate.On("input", func(js.Value) { t.c.changed() })
	t.rate.On("change", func(js.Value) {
		if t.c.hall.State().Arriving { // whoever lets them arrive: the slider shows their rate
			t.setArrivals()
		}
	})
	page.ByID("cancel-mine").OnClick(func() { c.send(&wire.HallCancel{}) })
	for _, id := range []string{"blocks", "size", "batch", "sequences", "policy", "memory", "prefix", "drafts"} {
		field := page.ByID("set-" + id)
		t.fields[id] = field
		field.On("change", func(js.Value) { c.changed() })
	}
	page.ByID("set").OnClick(func() { c.send(&wire.HallConfigure{Config: t.config()}) })
	t.name.SetValue(page.Stored("localStorage", nameKey))
	t.name.On("change", func(js.Value) {
		page.Store("localStorage", nameKey, t.name.FieldValue())
		c.sayWho(true)
	})
	return t
}

func (t *controls) kind() wire.HallSort { return wire.HallSort(number(t.sort)) }

func number(field page.Element) int {
	n, _ := strconv.Atoi(field.FieldValue())
	return n
}

func (t *controls) add(n int) {
	t.c.live = true
	text := ""
	if t.kind() == wire.HallOwn {
		text = t.text.FieldValue()
	}
	t.c.send(&wire.HallAdd{Count: uint8(n), Sort: t.kind(), Text: text, Outputs: uint8(number(t.outputs))})
}

// perSecond is what the slider says: its steps are powers of two.
func (t *controls) perSecond() float32 {
	v, _ := strconv.ParseFloat(t.rate.FieldValue(), 64)
	return float32(math.Exp2(v))
}

// setArrivals lets requests arrive by themselves as the box is ticked. Those of others
// stay of their sort when another rate is chosen.
func (t *controls) setArrivals() {
	m := wire.HallArrivals{On: t.arrive.Get("checked").Bool(), Rate: t.perSecond(), Sort: t.kind(), Outputs: uint8(max(number(t.outputs), 1))}
	t.sent = m
	if state := t.c.hall.State(); state.Arriving && (!t.mine || m.Sort == wire.HallOwn) {
		m.Sort, m.Outputs = state.Sort, state.Outputs
		if !t.mine {
			t.sent = wire.HallArrivals{} // they stay those of another page
		}
	}
	t.c.send(&m)
}

// sendArrivals tells the server of another sort, if this page lets requests arrive.
func (t *controls) sendArrivals() {
	if t.c.hall.State().Arriving && t.mine {
		t.setArrivals()
	}
	t.c.changed()
}

// adoptArrivals shows the rate at which requests arrive, whoever has chosen it.
func (t *controls) adoptArrivals(state wire.HallState) {
	if state == t.arriving {
		return
	}
	t.arriving = state
	t.mine = state.Arriving && t.sent == wire.HallArrivals{On: true, Rate: state.Rate, Sort: state.Sort, Outputs: state.Outputs}
	if state.Arriving {
		t.rate.SetValue(strconv.FormatFloat(math.Log2(float64(state.Rate)), 'g', -1, 32))
	}
}

// sortKeys are the sorts of requests in words.
var sortKeys = [...]string{
	wire.HallShort: "hall.sort_short", wire.HallLong: "hall.sort_long", wire.HallMixed: "hall.sort_mixed", wire.HallShared: "hall.sort_shared", wire.HallOwn: "hall.sort_own",
}

// config is what the fields say.
func (t *controls) config() wire.HallConfig {
	return wire.HallConfig{
		Blocks: uint32(number(t.fields["blocks"])), BlockSize: uint16(number(t.fields["size"])), BatchTokens: uint32(number(t.fields["batch"])),
		Sequences: uint16(number(t.fields["sequences"])), Policy: wire.HallPolicy(number(t.fields["policy"])),
		Memory: wire.HallMemory(number(t.fields["memory"])), PrefixCaching: number(t.fields["prefix"]) == 1,
		Drafts: uint16(number(t.fields["drafts"])),
	}
}

// adopt writes what is in force into the fields.
func (t *controls) adopt() {
	f := t.c.hall.Config()
	prefix := 0
	if f.PrefixCaching {
		prefix = 1
	}
	for id, v := range map[string]int{
		"blocks": int(f.Blocks), "size": int(f.BlockSize), "batch": int(f.BatchTokens), "sequences": int(f.Sequences),
		"policy": int(f.Policy), "memory": int(f.Memory), "prefix": prefix, "drafts": int(f.Drafts),
	} {
		t.fields[id].SetValue(page.Decimal(v))
	}
}

func (t *controls) show() {
	c := t.c
	state := c.hall.State()
	t.adoptArrivals(state)
	t.arrive.Set("checked", state.Arriving)
	t.says[0].Show(c.words.Say("hall.rate_value", "Rate", strconv.FormatFloat(float64(t.perSecond()), 'g', 3, 32)))
	own, says := t.kind() == wire.HallOwn && !state.Arriving, ""
	t.arrive.Set("disabled", own)
	switch {
	case own:
		says = c.words.Say("hall.own_stays")
	case state.Arriving && int(state.Sort) < len(sortKeys):
		says = c.words.Say("hall.arriving", "Sort", c.words.Say(sortKeys[state.Sort]), "N", page.Decimal(max(int(state.Outputs), 1)))
	}
	t.says[2].Show(says)
	key := "hall.set_same"
	if c.hall.Joined() && t.config() != c.hall.Config() {
		key = "hall.set_other"
	}
	t.says[1].Show(c.words.Say(key))
	t.showReaders()
}

// showReaders lists who is here, and who added requests.
func (t *controls) showReaders() {
	c := t.c
	counts := map[uint32]int{}
	for i := range c.hall.Now().Requests {
		if q := &c.hall.Now().Requests[i]; q.Index == 0 { // once a request
			counts[q.Reader]++
		}
	}
	var list strings.Builder
	list.WriteString(c.words.Lang + c.theme.Paper)
	for _, r := range c.hall.Readers() {
		list.WriteString("\x00" + r.Name + page.BoolText(r.Here) + page.Decimal(counts[r.ID]))
	}
	if list.String() == t.listed {
		return
	}
	t.listed = list.String()
	t.readers.Clear()
	for _, r := range c.hall.Readers() {
		if !r.Here && counts[r.ID] == 0 {
			continue
		}
		class := ""
		if !r.Here {
			class = "away"
		}
		name := c.readerName(r.ID)
		if r.ID == c.hall.Hello().You {
			name = c.words.Say("hall.you", "Name", name)
		}
		row := page.Create("li", class)
		row.Append(c.swatch(hall.HueOf(r.ID)), page.Create("b", "").With(name),
			page.Create("span", "n").With(c.words.Count("hall.reader_requests", counts[r.ID])))
		t.readers.Append(row)
	}
}

// swatch is a small square of a hue.
func (c *client) swatch(hue int) page.Element {
	s := page.Create("i", "swatch")
	s.SetAttr("aria-hidden", "true")
	s.SetStyle("--swatch", c.css(hue))
	return s
}

// css is a hue as the style sheet writes colours.
func (c *client) css(hue int) string {
	v := c.theme.Paint.Hue(hue)
	return "rgb(" + page.Decimal(int(v[0])) + "," + page.Decimal(int(v[1])) + "," + page.Decimal(int(v[2])) + ")"
}
