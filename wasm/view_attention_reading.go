//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
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
func (c *client) headReading(layer, head, q, k int) page.Reading {
	say := c.words.Say
	kvHead, group := c.keyHead(head)
	count := page.Decimal(len(c.shown.Tokens()))
	r := page.Reading{
		Title: say("attention.head_title", "Layer", page.Decimal(layer), "Head", page.Decimal(head)),
		Shape: say("attention.head_shape", "Layer", page.Decimal(layer), "Head", page.Decimal(head), "Count", count),
		Note:  c.words.Count("attention.note_group", group),
		Fn:    c.attentionFunc(),
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
		r.Value, r.Rows, r.By = w.Value, w.Rows, w.By
		return r
	}
	r.Rows = []page.Row{page.Fact(say("attention.fact_head"), say("attention.kv_head", "Head", page.Decimal(head), "KVHead", page.Decimal(kvHead)))}
	return r
}

// weightReading is what the inspector says about one attention weight.
func (c *client) weightReading(layer, head, q, k int) page.Reading {
	say := c.words.Say
	kvHead, _ := c.keyHead(head)
	place := []string{"Layer", page.Decimal(layer), "Head", page.Decimal(head), "Query", page.Decimal(q), "Key", page.Decimal(k)}
	r := page.Reading{Title: say("attention.weight"), Shape: say("attention.weight_shape", place...), Fn: c.attentionFunc()}
	facts := []page.Row{
		page.Fact(say("attention.fact_layer"), page.Decimal(layer)),
		page.Fact(say("attention.fact_head"), say("attention.kv_head", "Head", page.Decimal(head), "KVHead", page.Decimal(kvHead))),
		{Name: say("attention.fact_query"), Parts: []view.Part{{Text: c.tokenName(q), Role: view.RoleQuery}}},
		{Name: say("attention.fact_key"), Parts: []view.Part{{Text: c.tokenName(k), Role: view.RoleKey}}},
	}
	if k > q {
		r.Value, r.Note = "0", say("attention.note_masked")
		r.Rows = append([]page.Row{page.Line(page.Decimal(k) + " > " + page.Decimal(q) + "  ⇒  s = −∞,  a = exp(−∞) = 0")}, facts...)
		return r
	}
	a, source := c.attentionWeight(layer, head, q, k)
	r.Note = say("attention.note_cell", "Query", c.tokenName(q), "Key", c.tokenName(k))
	switch source {
	case weightCell:
		cell, _ := c.shown.Cell(layer, head, q, k)
		r.Value, r.Rows, r.By = page.Exact(a), page.Formula(view.Cell(cell)), view.FuncCell
	case weightExact:
		r.Value, r.Rows = page.Exact(a), []page.Row{c.weightSymbols(q, k)}
	case weightAbout:
		r.Value = weightText(a, source)
		r.Shape = say("attention.weight_shape_8", place...)
		r.Rows = []page.Row{c.weightSymbols(q, k)}
		if row, ok := c.shown.Attention(q, layer, head); ok && k < len(row) {
			r.Rows = append(r.Rows, page.Line("a ≈ ("+page.Decimal(int(row[k]))+"/255)² = "+strconv.FormatFloat(float64(a), 'f', 4, 32)))
		}
		r.Note = say("attention.note_about")
	default:
		r.Value, r.Note = "…", say("attention.note_unknown")
	}
	if why, refused := c.trouble(cellQuery(layer, head, q, k)); refused && source != weightCell {
		r.Note = why
	}
	r.Rows = append(r.Rows, facts...)
	return r
}

// weightSymbols is a weight's formula before its operands are there.
func (c *client) weightSymbols(q, k int) page.Row {
	return page.Row{Parts: []view.Part{
		{Text: "a = softmaxⱼ(s)" + view.Subscript(k) + ",  sⱼ = "}, {Text: "q" + view.Subscript(q), Role: view.RoleQuery},
		{Text: "·"}, {Text: "kⱼ", Role: view.RoleKey}, {Text: "/√" + page.Decimal(int(c.shown.Model().HeadDim)) + ",  j ≤ " + page.Decimal(q)},
	}}
}

func cellQuery(layer, head, q, k int) wire.Query {
	return wire.Query{What: wire.QueryCell, Layer: uint16(layer), Head: uint16(head), Position: uint32(q), Key: uint32(k)}
}
