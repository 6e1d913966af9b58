//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/engine/sampler"
	"vitrine/visualizer/view"
	"vitrine/wasm/page"
	"vitrine/wasm/resample"
)

// nextRows is how many candidates are listed; the drawn token and the one that
// stands in the sequence come below where they are not among them.
const nextRows = 18

// nextList is the list of candidates. Its rows are made once and written to
// when they change.
type nextList struct {
	v      *nextView
	list   page.Element
	rows   []*candidateRow
	cursor int // row, −1 for none
}

// candidateRow is one candidate in the page.
type candidateRow struct {
	page.Element
	rank, piece, before, after, fate *page.TextCell
	model, final                     page.Element
	class, label                     string
	modelWidth, finalWidth           string
}

func newNextList(v *nextView) *nextList {
	l := &nextList{v: v, list: page.ByID("next-candidates"), cursor: -1}
	for i := range nextRows + 2 {
		row := &candidateRow{
			Element: page.Create("div", ""), model: page.Create("i", "model"), final: page.Create("i", "final"),
			rank: page.NewTextCell(page.Create("span", "rank")), piece: page.NewTextCell(page.Create("b", "")),
			before: page.NewTextCell(page.Create("span", "before")), after: page.NewTextCell(page.Create("span", "after")), fate: page.NewTextCell(page.Create("span", "fate")),
		}
		row.SetAttr("role", "option")
		row.SetAttr("aria-hidden", "true") // until it has something to say
		row.SetAttr("id", "candidate-"+page.Decimal(i))
		row.SetAttr("data-row", page.Decimal(i))
		row.Append(row.rank.Element, row.piece.Element, page.Create("span", "track").Append(row.model, row.final),
			row.before.Element, row.after.Element, row.fate.Element)
		row.SetHidden(i >= nextRows)
		l.list.Append(row.Element)
		l.rows = append(l.rows, row)
	}
	l.list.On("pointerover", func(event js.Value) {
		if i, ok := l.rowAt(event); ok {
			v.point(l.v.rows[i].Token)
		}
	})
	l.list.On("pointerleave", func(jsEvent) { v.c.inspector.Leave() })
	l.list.On("click", func(event js.Value) {
		if i, ok := l.rowAt(event); ok {
			l.cursor = i
			v.choose(l.v.rows[i].Token)
		}
	})
	l.list.On("keydown", func(event js.Value) { l.key(event) })
	l.list.On("blur", func(jsEvent) { v.c.inspector.Leave() })
	return l
}

// rowAt is the row that an event is on.
func (l *nextList) rowAt(event js.Value) (row int, ok bool) {
	at := event.Get("target").Call("closest", "[data-row]")
	if at.IsNull() {
		return 0, false
	}
	row, err := strconv.Atoi(page.AttrOf(at, "data-row"))
	return row, err == nil && row < len(l.v.rows)
}

// key moves the cursor; Enter and Space lock the candidate under it.
func (l *nextList) key(event js.Value) {
	to := l.cursor
	switch event.Get("key").String() {
	case "ArrowDown":
		to++
	case "ArrowUp":
		to = max(to-1, 0)
	case "Home":
		to = 0
	case "End":
		to = len(l.v.rows) - 1
	case "Enter", " ":
		if to >= 0 && to < len(l.v.rows) {
			event.Call("preventDefault")
			l.v.choose(l.v.rows[to].Token)
		}
		return
	default:
		return
	}
	event.Call("preventDefault")
	if len(l.v.rows) == 0 {
		return
	}
	l.cursor = min(to, len(l.v.rows)-1)
	l.v.point(l.v.rows[l.cursor].Token)
	l.v.redraw = true
	l.v.c.wake()
}

func (l *nextList) show() {
	l.list.SetAttr("aria-busy", page.BoolText(l.v.outcome == nil))
	if l.v.outcome == nil {
		for _, row := range l.rows {
			row.SetClass("waiting", true)
		}
		return
	}
	l.cursor = min(l.cursor, len(l.v.rows)-1)
	most := 0.0
	for i := range l.v.rows {
		most = max(most, l.v.rows[i].Before, l.v.rows[i].After)
	}
	for i, row := range l.rows {
		there := i < len(l.v.rows)
		row.SetHidden(!there)
		if there {
			l.showRow(row, i, &l.v.rows[i], most)
		}
	}
	if l.cursor >= 0 {
		l.list.SetAttr("aria-activedescendant", "candidate-"+page.Decimal(l.cursor))
	} else {
		l.list.Call("removeAttribute", "aria-activedescendant")
	}
}

// showRow writes one candidate.
func (l *nextList) showRow(row *candidateRow, i int, r *resample.Row, most float64) {
	say := l.v.c.words.Say
	piece, before, after := l.v.piece(r.Token), view.Percent(r.Before), view.Percent(r.After)
	rank := page.Grouped(r.Rank)
	class, fate := "", ""
	label := say("next.row", "Rank", rank, "Piece", piece, "Before", before, "After", after)
	switch {
	case r.Removed >= 0:
		fate = l.v.stageName(l.v.outcome.Stages[r.Removed].Kind)
		class, after = "cut", "–"
		label = say("next.row_cut", "Rank", rank, "Piece", piece, "Before", before, "Stage", fate)
	case r.Drawn:
		class, fate = "drawn", say("next.row_drawn")
		label += ", " + fate
	}
	if t, ok := l.v.token(); ok && t.ID == r.Token {
		class += " stands"
	}
	if i == nextRows && len(l.v.rows) > nextRows {
		class += " further"
	}
	if r.Token == l.v.asked {
		class += " asked"
	}
	if i == l.cursor {
		class += " cursor"
	}
	row.rank.Show(rank)
	row.piece.Show(piece)
	row.before.Show(before)
	row.after.Show(after)
	row.fate.Show(fate)
	if class != row.class || row.label == "" {
		row.class = class
		row.Set("className", class)
		row.SetAttr("aria-selected", page.BoolText(r.Token == l.v.asked))
	} else {
		row.SetClass("waiting", false)
	}
	if label != row.label {
		if row.label == "" { // until now it was room kept free
			row.Call("removeAttribute", "aria-hidden")
		}
		row.label = label
		row.SetAttr("aria-label", label)
	}
	width := func(e page.Element, have *string, p float64) {
		if to := strconv.FormatFloat(100*p/most, 'f', 2, 64) + "%"; to != *have {
			*have = to
			e.SetStyle("width", to)
		}
	}
	width(row.model, &row.modelWidth, r.Before)
	width(row.final, &row.finalWidth, r.After)
}

// tokenReading is what the inspector says about a candidate or any other token.
func (v *nextView) tokenReading(id int32) page.Reading {
	o := v.outcome
	if o == nil {
		return page.Reading{}
	}
	verdict := o.Why(id)
	last := len(o.Stages) - 1
	r := page.Reading{Title: v.piece(id), Value: view.Percent(o.ProbAt(last, id)), Note: v.verdict(&verdict)}
	stage := last
	if verdict.Fate == sampler.Removed {
		r.Value = view.Percent(verdict.Prob)
		stage = max(verdict.Stage-1, 0)
	}
	r.Fn = resample.Func(verdict.Kind)
	r.AddFormula(resample.Softmax(&o.Report, stage, id))
	r.By = resample.FuncSoftmax
	if d := resample.Decision(&verdict); d != "" {
		r.AddLine(d)
		if len(r.Rows) == 1 {
			r.By = resample.FuncDecision
		}
	}
	r.AddFact(v.c.words, "next.read_decided", v.stageName(verdict.Kind))
	r.AddFact(v.c.words, "next.read_id", page.Decimal(int(id)))
	r.AddFact(v.c.words, "next.read_logit", page.Exact(verdict.Raw))
	r.AddFact(v.c.words, "next.read_logprob", page.Exact(verdict.RawLogProb))
	r.AddFact(v.c.words, "next.read_rank", page.Grouped(verdict.RawRank))
	r.AddFact(v.c.words, "next.read_before", page.Exact(float32(o.ProbAt(0, id))))
	r.AddFact(v.c.words, "next.read_after", page.Exact(float32(o.ProbAt(last, id))))
	for _, l := range resample.Changes(&verdict) {
		r.Rows = append(r.Rows, page.Fact(l.Name, l.String()))
	}
	if verdict.Fate == sampler.Chosen || verdict.Fate == sampler.LostDraw {
		r.AddFact(v.c.words, "next.read_interval", "["+view.Number(verdict.Lo)+", "+view.Number(verdict.Hi)+")")
	}
	return r
}

// verdict says in words what became of a token.
func (v *nextView) verdict(w *sampler.Verdict) string {
	say, piece := v.c.words.Say, v.piece(w.Token)
	pairs := []string{"Piece", piece, "Rank", page.Grouped(w.Rank)}
	switch {
	case w.Fate == sampler.NeverThere:
		return say("next.why_never", pairs...)
	case w.Fate == sampler.Chosen && w.Kind == sampler.Greedy:
		return say("next.why_greedy_chosen", pairs...)
	case w.Fate == sampler.Chosen:
		return say("next.why_chosen", pairs...)
	case w.Fate == sampler.LostDraw:
		return say("next.why_lost", append(pairs, "P", view.Percent(w.Prob))...)
	}
	share := []string{"Have", view.Percent(w.Have), "Need", view.Percent(w.Need)}
	switch w.Kind {
	case sampler.TopK:
		return say("next.why_top_k", append(pairs, "K", page.Grouped(v.outcome.Stages[w.Stage].Out))...)
	case sampler.TopP:
		return say("next.why_top_p", append(pairs, share...)...)
	case sampler.MinP:
		return say("next.why_min_p", append(pairs, share...)...)
	case sampler.Greedy:
		return say("next.why_greedy", pairs...)
	}
	return say("next.why_banned", append(pairs, "Stage", v.stageName(w.Kind))...)
}
