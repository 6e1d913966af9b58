//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// attentionFunc names the function that computed attention weights: as a flow
// told it, or, before there is one, the method that backends have for it.
func (c *client) attentionFunc() string {
	if f, ok := c.shown.Flow(c.position(), c.layer()); ok {
		if s := view.StageOf(f, "probs"); s != nil {
			return s.Func
		}
	}
	return view.BackendFunc(c.shown.Model().Backend, view.MethodAttention)
}

// keyHead is the key head that a query head reads, and group the query heads that share it.
func (c *client) keyHead(head int) (kvHead, group int) {
	m := c.shown.Model()
	group = 1
	if m.KVHeads > 0 {
		group = max(int(m.Heads)/int(m.KVHeads), 1)
	}
	return head / group, group
}

// headReading is what the inspector says about a head of the atlas and the weight
// of it that is pointed at; where k is −1, about the largest one of the last
// row that is here.
func (c *client) headReading(layer, head, q, k int) reading {
	say := c.words.say
	kvHead, group := c.keyHead(head)
	count := decimal(len(c.shown.Tokens()))
	r := reading{
		title: say("attention.head_title", "Layer", decimal(layer), "Head", decimal(head)),
		shape: say("attention.head_shape", "Layer", decimal(layer), "Head", decimal(head), "Count", count),
		note:  c.words.count("attention.note_group", group),
		fn:    c.attentionFunc(),
	}
	if k < 0 {
		var row []float32
		q, row, _ = c.lastRow(layer, head)
		if top, _ := view.TopKeys(nil, row, 1); len(top) > 0 {
			k = top[0].Key
		}
	}
	if q >= 0 && k >= 0 {
		w := c.weightReading(layer, head, q, k)
		r.value, r.rows, r.by = w.value, w.rows, w.by
		return r
	}
	r.rows = []row{fact(say("attention.fact_head"), say("attention.kv_head", "Head", decimal(head), "KVHead", decimal(kvHead)))}
	return r
}

// weightReading is what the inspector says about one attention weight.
func (c *client) weightReading(layer, head, q, k int) reading {
	say := c.words.say
	kvHead, _ := c.keyHead(head)
	place := []string{"Layer", decimal(layer), "Head", decimal(head), "Query", decimal(q), "Key", decimal(k)}
	r := reading{title: say("attention.weight"), shape: say("attention.weight_shape", place...), fn: c.attentionFunc()}
	facts := []row{
		fact(say("attention.fact_layer"), decimal(layer)),
		fact(say("attention.fact_head"), say("attention.kv_head", "Head", decimal(head), "KVHead", decimal(kvHead))),
		{say("attention.fact_query"), []view.Part{{Text: c.tokenName(q), Role: view.RoleQuery}}},
		{say("attention.fact_key"), []view.Part{{Text: c.tokenName(k), Role: view.RoleKey}}},
	}
	if k > q {
		r.value, r.note = "0", say("attention.note_masked")
		r.rows = append([]row{line(decimal(k) + " > " + decimal(q) + "  ⇒  s = −∞,  a = exp(−∞) = 0")}, facts...)
		return r
	}
	a, source := c.attentionWeight(layer, head, q, k)
	r.note = say("attention.note_cell", "Query", c.tokenName(q), "Key", c.tokenName(k))
	switch source {
	case weightCell:
		cell, _ := c.shown.Cell(layer, head, q, k)
		r.value, r.rows, r.by = exact(a), formula(view.Cell(cell)), view.FuncCell
	case weightExact:
		r.value, r.rows = exact(a), []row{c.weightSymbols(q, k)}
	case weightAbout:
		r.value = weightText(a, source)
		r.shape = say("attention.weight_shape_8", place...)
		r.rows = []row{c.weightSymbols(q, k)}
		if row, ok := c.shown.Attention(q, layer, head); ok && k < len(row) {
			r.rows = append(r.rows, line("a ≈ ("+decimal(int(row[k]))+"/255)² = "+strconv.FormatFloat(float64(a), 'f', 4, 32)))
		}
		r.note = say("attention.note_about")
	default:
		r.value, r.note = "…", say("attention.note_unknown")
	}
	if why, refused := c.trouble(cellQuery(layer, head, q, k)); refused && source != weightCell {
		r.note = why
	}
	r.rows = append(r.rows, facts...)
	return r
}

// weightSymbols is a weight's formula before its operands are there.
func (c *client) weightSymbols(q, k int) row {
	return row{parts: []view.Part{
		{Text: "a = softmaxⱼ(s)" + view.Subscript(k) + ",  sⱼ = "}, {Text: "q" + view.Subscript(q), Role: view.RoleQuery},
		{Text: "·"}, {Text: "kⱼ", Role: view.RoleKey}, {Text: "/√" + decimal(int(c.shown.Model().HeadDim)) + ",  j ≤ " + decimal(q)},
	}}
}

func cellQuery(layer, head, q, k int) wire.Query {
	return wire.Query{What: wire.QueryCell, Layer: uint16(layer), Head: uint16(head), Position: uint32(q), Key: uint32(k)}
}
