//go:build js && wasm

package main

import (
	"math"
	"slices"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/paint"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// chart is the picture of the scheduler's steps: a row a request, a column a step.
type chart struct {
	c       *client
	element page.Element
	empty   page.Element
	*page.Surface
	pen      *page.Pen
	layout   paint.Gantt
	picture  *paint.Canvas
	data     *hall.Chart
	row, col int // under the pointer or the keys, −1 for none
	stale    bool
	said     string
}

func newChart(c *client) *chart {
	g := &chart{c: c, element: page.ByID("gantt"), picture: paint.NewCanvas(0, 0), data: new(hall.Chart), row: -1, col: -1}
	g.empty = g.element.Find(".empty")
	g.Surface = page.NewSurface(g.element.Find("canvas"), c.redraw)
	g.Sight(c.redraw)
	g.pen = page.NewPen(g.Surface)
	g.element.On("pointermove", func(event js.Value) {
		x, y := g.Point(event)
		row, col, ok := g.layout.At(int(x*g.Ratio), int(y*g.Ratio))
		if !ok || row >= len(g.data.Requests) || col >= len(g.data.Steps) {
			row, col = -1, -1
		}
		g.moveTo(row, col)
	})
	g.element.On("pointerleave", func(js.Value) { g.moveTo(-1, -1) })
	g.element.On("blur", func(js.Value) { g.moveTo(-1, -1) })
	g.element.On("click", func(js.Value) { g.pick() })
	g.element.On("keydown", g.key)
	return g
}

func (g *chart) key(event js.Value) {
	row, col := g.row, g.col
	switch event.Get("key").String() {
	case "ArrowDown":
		row++
	case "ArrowUp":
		row--
	case "ArrowRight":
		col++
	case "ArrowLeft":
		col--
	case "Home":
		col = 0
	case "End":
		col = len(g.data.Steps) - 1
	case "Enter", " ":
		g.pick()
	default:
		return
	}
	event.Call("preventDefault")
	event.Call("stopPropagation")
	if len(g.data.Requests) > 0 && len(g.data.Steps) > 0 {
		g.moveTo(min(max(row, 0), len(g.data.Requests)-1), min(max(col, 0), len(g.data.Steps)-1))
	}
}

func (g *chart) moveTo(row, col int) {
	if row == g.row && col == g.col {
		return
	}
	g.row, g.col, g.stale = row, col, true
	if row < 0 {
		g.c.inspector.Leave()
		g.c.wake()
		return
	}
	g.c.inspector.Point(g.reading())
}

// reading is what the inspector says of the cell that is pointed at now, for as
// long as it says it.
func (g *chart) reading() func() page.Reading {
	id := g.data.Requests[g.row].ID
	if g.col < 0 {
		return func() page.Reading { return g.c.requestReading(id) }
	}
	seq := g.c.hall.Records()[g.data.Steps[g.col]].Seq
	return func() page.Reading { return g.c.stepReading(id, seq) }
}

// pick chooses the request of the row, and the moment of the column.
func (g *chart) pick() {
	if g.row < 0 || g.row >= len(g.data.Requests) {
		return
	}
	g.c.inspector.Keep(g.reading())
	g.c.chosen = g.data.Requests[g.row].ID
	if g.col >= 0 && g.col < len(g.data.Steps) && g.data.Steps[g.col] != g.c.at {
		g.c.seek(g.data.Steps[g.col])
	}
	g.c.changed()
}

// Sizes in rem.
const (
	rowMost   = 1.25
	rowLeast  = 0.56
	nameWidth = 3.0
	colWidth  = 0.55
	// What is left below the rows for how many there are no rows for.
	noteHeight = 1.05
	topMargin  = 0.25
)

func (g *chart) frame() {
	if !g.stale {
		return
	}
	g.stale = false
	c, theme := g.c, g.c.theme
	device := func(rem float64) int { return max(1, int(math.Round(rem*theme.Rem*g.Ratio))) }
	if g.Surface.Width == 0 {
		return
	}
	w, h := g.DeviceWidth(), g.DeviceHeight()
	// While an old moment is shown the chart stays where it is, with what came after.
	last := c.at
	columns := max(1, (w-device(nameWidth))/device(colWidth))
	if !c.live {
		last = min(len(c.hall.Records())-1, max(c.at+columns/3, columns-1))
	}
	note := device(noteHeight)
	g.data = c.hall.Chart(last, columns, max(1, (h-note-device(topMargin))/device(rowLeast)))
	g.empty.SetHidden(len(g.data.Steps) > 0)
	box := paint.Rect{W: w, H: h}
	box.Y += device(topMargin)
	box.H -= note + box.Y
	g.layout.Layout(box, len(g.data.Requests), device(rowMost), columns, device(colWidth), device(nameWidth))
	if g.Unseen {
		g.tell()
		return
	}
	g.picture.Resize(w, h)
	g.picture.Clear(theme.Paint.Paper)
	hues, tokens := make([]int, len(g.data.Requests)), make([][]int, len(g.data.Requests))
	for i := range hues {
		hues[i], tokens[i] = c.moment.Hue(g.data.Requests[i].ID, c.by), g.data.Tokens(i)
	}
	g.layout.Paint(g.picture, theme.Paint, g.data.Work, tokens, hues)
	for _, f := range g.data.Forks {
		g.layout.PaintFork(g.picture, theme.Paint, f.From, f.Row, f.Col)
	}
	if !c.live {
		for col, at := range g.data.Steps {
			if at == c.at || at < c.at && (col+1 == len(g.data.Steps) || g.data.Steps[col+1] > c.at) {
				g.picture.Frame(g.layout.Column(col).Inset(-1), max(1, device(0.1)), theme.Paint.Hot)
			}
		}
	}
	if row := g.data.Row(c.chosen); row >= 0 {
		line := g.layout.Cell(row, 0)
		line.W = w - line.X // not over the names, which are higher than a row
		g.picture.Frame(line, max(1, device(0.07)), theme.Paint.Hot)
	}
	if g.row >= 0 && g.col >= 0 {
		g.picture.Frame(g.layout.Cell(g.row, g.col), 1, theme.Paint.Ink)
	}
	g.pen.Begin(g.Surface)
	g.Show(g.picture, 0, 0)
	g.label()
	g.tell()
}

// label writes the requests' numbers, as many as there is room for.
func (g *chart) label() {
	theme := g.c.theme
	g.pen.Letter(theme.Font(theme.Mono, 0.7), "right")
	line := func(row int) float64 {
		box := g.layout.Cell(row, 0)
		return (float64(box.Y)+float64(box.H)/2)/g.Ratio + 0.25*theme.Rem
	}
	// The chosen one's and the one's that is pointed at come first.
	kept := []int{g.row, g.data.Row(g.c.chosen)}
	if g.row < 0 {
		kept = kept[1:]
	}
	next := math.Inf(-1)
	for i := range g.data.Requests {
		y, own := line(i), slices.Contains(kept, i)
		crowded := y < next || slices.ContainsFunc(kept, func(k int) bool { return k >= 0 && math.Abs(line(k)-y) < 0.8*theme.Rem })
		if crowded && !own {
			continue
		}
		next = y + 0.8*theme.Rem
		g.pen.Fill(theme.Quiet)
		if own {
			g.pen.Fill(theme.Ink)
		}
		g.pen.Text(g.data.Requests[i].Name(), (nameWidth-0.4)*theme.Rem, y)
	}
	if g.data.Hidden > 0 {
		g.pen.Letter(theme.Font(theme.Sans, 0.75), "left")
		g.pen.Fill(theme.Quiet)
		g.pen.Text(g.c.words.Count("hall.more_rows", g.data.Hidden), nameWidth*theme.Rem, g.Height-0.25*theme.Rem)
	}
}

func (g *chart) tell() {
	c := g.c
	var label string
	switch n := len(g.data.Steps); {
	case n == 0:
		label = c.words.Say("hall.no_steps")
	case g.row >= 0 && g.row < len(g.data.Requests) && g.col >= 0 && g.col < n:
		what := c.workName(g.data.Work[g.row][g.col])
		if n := int(g.data.Parts[g.row][g.col].Drawn); n > 1 {
			what += ", " + c.words.Count("hall.tokens_drawn", n)
		}
		label = c.words.Say("hall.cell_says", "N", g.data.Requests[g.row].Name(),
			"Step", page.Grouped(int(c.hall.Records()[g.data.Steps[g.col]].Step)), "What", what)
	default:
		records := c.hall.Records()
		label = c.words.Say("hall.gantt_says", "From", page.Grouped(int(records[g.data.Steps[0]].Step)),
			"To", page.Grouped(int(records[g.data.Steps[n-1]].Step)), "N", page.Decimal(len(g.data.Requests)))
	}
	if label != g.said {
		g.said = label
		g.element.SetAttr("aria-label", label)
	}
}

func (c *client) workName(w paint.Work) string {
	key := "hall.read_no"
	switch w {
	case paint.WorkWaiting:
		key = "hall.waiting"
	case paint.WorkHeld:
		key = "hall.held"
	case paint.WorkPrefill:
		key = "hall.prefill"
	case paint.WorkRecompute:
		key = "hall.recompute"
	case paint.WorkDecode:
		key = "hall.decode"
	case paint.WorkPreempted:
		key = "hall.preempted"
	case paint.WorkEnd:
		key = "hall.finished"
	}
	return c.words.Say(key)
}

// stepReading is what the inspector says of what a step did for a request.
func (c *client) stepReading(id uint32, seq uint64) page.Reading {
	records := c.hall.Records()
	i := c.hall.Index(seq)
	if i < 0 || i >= len(records) || records[i].Seq != seq {
		return page.Reading{}
	}
	w, record := c.words, &records[i]
	r := page.Reading{Title: w.Say("hall.read_step") + " " + page.Grouped(int(record.Step)), Fn: hall.FuncPlan}
	r.AddFact(w, "hall.read_took", hall.Duration(float64(record.Micros)/1000))
	r.AddFact(w, "hall.read_batch", page.Decimal(int(record.Meters.Batch)))
	r.AddFact(w, "hall.read_requests", page.Decimal(int(record.Meters.Running)))
	r.Value = c.moment.Name(id)
	for _, p := range record.Parts {
		if p.Request == id {
			phase := [...]paint.Work{wire.HallPrefill: paint.WorkPrefill, wire.HallDecode: paint.WorkDecode, wire.HallRecompute: paint.WorkRecompute}[p.Phase]
			r.Value += " · " + c.workName(phase)
			if p.Count > 0 {
				r.AddFact(w, "hall.read_part", page.Decimal(int(p.Count)))
				r.AddFact(w, "hall.read_positions", page.Decimal(int(p.First))+" … "+page.Decimal(int(p.First+p.Count)-1))
			}
			if p.Drawn > 0 {
				r.AddFact(w, "hall.read_drawn", page.Decimal(int(p.Drawn)))
			}
			if p.Drafted > 0 {
				r.Fn = hall.FuncVerify
				r.AddFact(w, "hall.read_drafted", page.Decimal(int(p.Drafted)))
				r.AddFact(w, "hall.read_accepted", page.Decimal(max(int(p.Drawn)-1, 0)))
			}
		}
	}
	if q := c.hall.Now().Request(id); q != nil {
		r.Note = q.Title
	}
	return r
}

// requestReading is what the inspector says of a request.
func (c *client) requestReading(id uint32) page.Reading {
	q := c.moment.Request(id)
	if q == nil {
		return page.Reading{}
	}
	w := c.words
	r := page.Reading{Title: w.Say("hall.chosen") + " " + q.Name(), Value: c.stateName(q.State), Note: q.Title, Fn: hall.FuncPlan}
	r.AddFact(w, "hall.read_reader", c.readerName(q.Reader))
	if q.Outputs > 1 {
		r.AddFact(w, "hall.read_outputs", page.Decimal(int(q.Index)+1)+" / "+page.Decimal(int(q.Outputs)))
	}
	r.AddFact(w, "hall.read_prompt", page.Decimal(int(q.Prompt)))
	if q.FirstMs > 0 {
		r.AddFact(w, "hall.read_first", hall.Duration(float64(q.FirstMs)))
	}
	return r
}

// resting is what the inspector says when nothing is pointed at.
func (c *client) resting() page.Reading { return c.requestReading(c.chosen) }
