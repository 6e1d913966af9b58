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
	says    [2]*page.TextCell // what the rate is, and whether the fields say what is in force
	fields  map[string]page.Element
	name    page.Element
	readers page.Element
	listed  string // of the readers, as they are shown
}

func newControls(c *client) *controls {
	t := &controls{
		c: c, sort: page.ByID("add-sort"), text: page.ByID("add-text"), outputs: page.ByID("add-outputs"), arrive: page.ByID("arrive"), rate: page.ByID("rate"),
		fields: map[string]page.Element{}, name: page.ByID("reader-name"), readers: page.ByID("readers"),
	}
	t.says = [2]*page.TextCell{page.NewTextCell(page.ByID("rate-value")), page.NewTextCell(page.ByID("set-says"))}
	for _, n := range []int{1, 8, 32} {
		page.ByID("add-" + page.Decimal(n)).OnClick(func() { t.add(n) })
	}
	t.sort.On("change", func(js.Value) {
		t.text.SetHidden(t.kind() != wire.HallOwn)
		if t.kind() == wire.HallOwn {
			t.text.Focus()
		} else {
			t.sendArrivals()
		}
	})
	t.outputs.On("change", func(js.Value) { t.sendArrivals() })
	t.arrive.On("change", func(js.Value) { t.setArrivals() })
	t.rate.On("input", func(js.Value) { t.c.changed() })
	t.rate.On("change", func(js.Value) { t.sendArrivals() })
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
		c.join()
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
	t.c.send(&wire.HallAdd{Count: uint8(n), Sort: t.kind(), Text: t.text.FieldValue(), Outputs: uint8(number(t.outputs))})
}

// perSecond is what the slider says: its steps are powers of two.
func (t *controls) perSecond() float32 {
	v, _ := strconv.ParseFloat(t.rate.FieldValue(), 64)
	return float32(math.Exp2(v))
}

// setArrivals lets requests arrive by themselves as the box is ticked.
func (t *controls) setArrivals() {
	sort := t.kind()
	if sort == wire.HallOwn {
		sort = wire.HallMixed
	}
	t.c.send(&wire.HallArrivals{On: t.arrive.Get("checked").Bool(), Rate: t.perSecond(), Sort: sort, Outputs: uint8(number(t.outputs))})
}

// sendArrivals tells the server of another rate or sort, if requests arrive.
func (t *controls) sendArrivals() {
	if t.c.hall.State().Arriving {
		t.setArrivals()
	}
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
	t.arrive.Set("checked", state.Arriving)
	rate := t.perSecond()
	t.says[0].Show(c.words.Say("hall.rate_value", "Rate", strconv.FormatFloat(float64(rate), 'g', 3, 32)))
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
