//go:build js && wasm

package main

import (
	"math"
	"strconv"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/paint"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// races are the comparisons: their figures and their curves side by side.
type races struct {
	c       *client
	says    *page.TextCell
	note    *page.TextCell
	axes    *page.TextCell
	body    page.Element
	head    page.Element
	rows    page.Element
	stop    page.Element
	curve   page.Element
	pushes  []page.Element
	surface *page.Surface
	pen     *page.Pen
	picture *paint.Canvas
	stale   bool
	shown   string
	choice  choice
}

// choice is what the buttons say of the races.
type choice struct {
	race            wire.HallRaceKind
	running, joined bool
}

func newRaces(c *client) *races {
	r := &races{
		c: c, says: page.NewTextCell(page.ByID("race-says")), note: page.NewTextCell(page.ByID("race-note")), axes: page.NewTextCell(page.ByID("race-axes")),
		body: page.ByID("race-body"), stop: page.ByID("race-stop"), curve: page.ByID("race-curve"), picture: paint.NewCanvas(0, 0),
		choice: choice{running: true}, // not what is first seen
	}
	table := page.ByID("race-table")
	r.head, r.rows = table.Find("thead tr"), table.Find("tbody")
	r.surface = page.NewSurface(r.curve.Find("canvas"), func() { r.stale = true; c.changed() })
	r.pen = page.NewPen(r.surface)
	for kind := wire.HallRaceMemory; kind <= wire.HallRaceLookup; kind++ {
		push := page.ByID("race-" + page.Decimal(int(kind)))
		push.OnClick(func() { c.send(&wire.HallStartRace{Race: kind}) })
		r.pushes = append(r.pushes, push)
	}
	r.stop.OnClick(func() { c.send(&wire.HallStartRace{}) })
	return r
}

// side names a side of a race.
func (r *races) side(race *wire.HallRace, i int) string {
	config := race.Runs[i].Config
	key := "hall.side_paged"
	switch race.Race {
	case wire.HallRaceMemory:
		if config.Memory == wire.HallContiguous {
			key = "hall.side_contiguous"
		}
	case wire.HallRaceBatch:
		key = [...]string{wire.HallContinuous: "hall.side_continuous", wire.HallStatic: "hall.side_static", wire.HallOneByOne: "hall.side_one"}[config.Policy]
	case wire.HallRacePrefix:
		key = "hall.side_off"
		if config.PrefixCaching {
			key = "hall.side_on"
		}
	case wire.HallRaceKV:
		key = "hall.side_kv"
		if config.Memory == wire.HallNoCache {
			key = "hall.side_none"
		}
	case wire.HallRaceLookup:
		key = "hall.side_plain"
		if config.Drafts > 0 {
			key = "hall.side_lookup"
		}
	}
	return r.c.words.Say(key)
}

func (r *races) show() {
	c, race := r.c, r.c.hall.Race()
	if now := (choice{race.Race, race.Running, c.hall.Joined()}); now != r.choice {
		r.choice = now
		for i, push := range r.pushes {
			push.SetDisabled(!now.joined || now.running)
			push.SetAttr("aria-pressed", page.BoolText(int(race.Race) == i+1))
		}
		r.stop.SetDisabled(!race.Running)
	}
	r.says.Show(r.sentence(race))
	note := ""
	if len(race.Runs) > 0 {
		config := race.Runs[0].Config
		note = c.words.Count("hall.race_note", int(race.Requests), "Blocks", page.Decimal(int(config.Blocks)), "Size", page.Decimal(int(config.BlockSize)))
		if race.Disturbed {
			note = c.words.Sentences(note, c.words.Say("hall.race_disturbed"))
		}
		if !race.Running && race.Problem == "" {
			same := "hall.race_differ"
			if race.Same {
				same = "hall.race_same"
			}
			note = c.words.Sentences(note, c.words.Say(same))
		}
	}
	r.note.Show(note)
	r.body.SetHidden(len(race.Runs) == 0)
	axes := "hall.race_axes_time"
	if race.Race == wire.HallRaceKV {
		axes = "hall.race_axes_kv"
	}
	r.axes.Show(c.words.Say(axes))
	r.fill(race)
	r.stale = true
}

// sentence says what the race has come to.
func (r *races) sentence(race *wire.HallRace) string {
	w := r.c.words
	switch {
	case race.Problem != "":
		return w.Say("hall.race_failed", "Detail", wire.Told(race.Problem, w.Lang))
	case race.Race == wire.HallRaceNone:
		return w.Say("hall.race_none")
	case race.Running:
		for i := range race.Runs {
			if !race.Runs[i].Done {
				return w.Say("hall.race_running", "Side", r.side(race, i), "Finished", page.Decimal(int(race.Runs[i].Finished)), "Requests", page.Decimal(int(race.Requests)))
			}
		}
	}
	ratios := hall.Ratios(race)
	if len(ratios) == 0 {
		return ""
	}
	times := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	switch race.Race {
	case wire.HallRaceMemory:
		return w.Say("hall.race_ratio_memory", "Ratio", times(ratios[0]))
	case wire.HallRaceBatch:
		return w.Say("hall.race_ratio_batch", "Ratio", times(ratios[0]), "Other", times(ratios[len(ratios)-1]))
	case wire.HallRacePrefix:
		return w.Say("hall.race_ratio_prefix", "Ratio", times(ratios[0]))
	case wire.HallRaceLookup:
		a, b := &race.Runs[0], &race.Runs[len(race.Runs)-1]
		return w.Say("hall.race_ratio_lookup", "Ratio", times(ratios[0]), "Accepted", page.Grouped(int(a.Accepted)), "Drafted", page.Grouped(int(a.Drafted)),
			"Steps", page.Grouped(int(a.Steps)), "Other", page.Grouped(int(b.Steps)))
	}
	return w.Say("hall.race_ratio_kv", "Ratio", times(ratios[0]))
}

var dashes = [...]string{"dash", "dash second", "dash third"}

// fill writes the table.
func (r *races) fill(race *wire.HallRace) {
	c, w := r.c, r.c.words
	columns := []struct {
		key  string
		text func(*wire.HallRun) string
	}{
		{"hall.c_time", func(run *wire.HallRun) string { return hall.Duration(float64(run.Micros) / 1000) }},
		{"hall.c_rate", func(run *wire.HallRun) string { return strconv.FormatFloat(hall.Rate(run), 'f', 1, 64) }},
		{"hall.c_computed", func(run *wire.HallRun) string { return page.Grouped(int(run.Computed)) }},
		{"hall.c_steps", func(run *wire.HallRun) string { return page.Grouped(int(run.Steps)) }},
		{"hall.c_at_once", func(run *wire.HallRun) string { return strconv.FormatFloat(float64(run.AtOnce), 'f', 1, 64) }},
		{"hall.c_waste", func(run *wire.HallRun) string { return strconv.FormatFloat(100*float64(run.Waste), 'f', 1, 64) + " %" }},
		{"hall.c_first", func(run *wire.HallRun) string { return hall.Duration(float64(run.FirstMs)) }},
		{"hall.c_between", func(run *wire.HallRun) string { return hall.Duration(float64(run.BetweenMs)) }},
		{"hall.c_preempted", func(run *wire.HallRun) string { return page.Decimal(int(run.Preempted)) }},
		{"hall.c_hits", func(run *wire.HallRun) string {
			if run.Lookups == 0 || !run.Config.PrefixCaching {
				return "—"
			}
			return strconv.FormatFloat(100*float64(run.Hits)/float64(run.Lookups), 'f', 0, 64) + " %"
		}},
		{"hall.c_accepted", func(run *wire.HallRun) string {
			if run.Drafted == 0 {
				return "—"
			}
			return strconv.FormatFloat(100*float64(run.Accepted)/float64(run.Drafted), 'f', 0, 64) + " %"
		}},
	}
	key := w.Lang + c.theme.Paper + page.Decimal(int(race.Race))
	for i := range race.Runs {
		key += "|" + page.BoolText(race.Runs[i].Done)
		for _, column := range columns {
			key += " " + column.text(&race.Runs[i])
		}
	}
	if key == r.shown {
		return
	}
	r.shown = key
	r.head.Clear()
	r.rows.Clear()
	heading := func(text, scope string) page.Element {
		th := page.Create("th", "").With(text)
		th.SetAttr("scope", scope)
		return th
	}
	r.head.Append(heading(w.Say("hall.c_side"), "col"))
	for _, column := range columns {
		r.head.Append(heading(w.Say(column.key), "col"))
	}
	label := ""
	for i := range race.Runs {
		run := &race.Runs[i]
		row, name := page.Create("tr", ""), heading("", "row")
		mark := page.Create("i", dashes[i%len(dashes)])
		mark.SetAttr("aria-hidden", "true")
		mark.SetStyle("--swatch", c.css(i+1))
		name.Append(mark, page.Create("span", "").With(r.side(race, i)))
		row.Append(name)
		for _, column := range columns {
			text := "—"
			if run.Done || run.Micros > 0 {
				text = column.text(run)
			}
			row.Append(page.Create("td", "").With(text))
		}
		r.rows.Append(row)
		label = w.Sentences(label, w.Say("hall.race_curve_says", "Side", r.side(race, i), "Tokens", page.Decimal(int(run.Drawn)), "Time", hall.Duration(float64(run.Micros)/1000)))
	}
	r.curve.SetAttr("aria-label", label)
}

// frame draws the curves.
func (r *races) frame() {
	c, s, race := r.c, r.surface, r.c.hall.Race()
	if !r.stale || s.Width == 0 {
		return
	}
	r.stale = false
	theme := c.theme
	device := func(rem float64) int { return int(math.Round(rem * theme.Rem * s.Ratio)) }
	lines, maxX, maxY := hall.Curves(race)
	r.picture.Resize(s.DeviceWidth(), s.DeviceHeight())
	r.picture.Clear(theme.Paint.Paper)
	left, bottom := device(3.6), device(1.5)
	plot := paint.Lines{Box: paint.Rect{X: left, Y: device(0.6), W: r.picture.W - left - device(0.8), H: r.picture.H - bottom - device(0.6)}, MaxX: maxX * 1.02, MaxY: maxY * 1.05}
	r.picture.Fill(paint.Rect{X: left, Y: plot.Box.Y, W: 1, H: plot.Box.H}, theme.Paint.Line)
	r.picture.Fill(paint.Rect{X: left, Y: plot.Box.Y + plot.Box.H, W: plot.Box.W, H: 1}, theme.Paint.Dim)
	width := math.Max(2, 0.16*theme.Rem*s.Ratio)
	for i := len(lines) - 1; i >= 0; i-- {
		plot.Paint(r.picture, lines[i], width, [...]int{0, device(0.6), device(0.22)}[i%3], theme.Paint.Hue(i+1))
	}
	r.pen.Begin(s)
	s.Show(r.picture, 0, 0)
	if maxX <= 0 || maxY <= 0 {
		return
	}
	r.pen.Fill(theme.Quiet)
	x, y := hall.Duration(maxX), page.Decimal(int(maxY))
	if race.Race == wire.HallRaceKV {
		x, y = page.Decimal(int(maxX)), hall.Duration(maxY)
	}
	r.pen.Letter(theme.Font(theme.Mono, 0.75), "right")
	px, py := plot.Pixel(paint.XY{X: maxX, Y: maxY})
	r.pen.Text(x, px/s.Ratio, s.Height-0.4*theme.Rem)
	r.pen.Text(y, float64(left)/s.Ratio-0.4*theme.Rem, py/s.Ratio+0.3*theme.Rem)
	r.pen.Text("0", float64(left)/s.Ratio-0.4*theme.Rem, s.Height-0.4*theme.Rem)
	// Each line says whose it is at its end, below another's name that is there already.
	type name struct{ from, to, y float64 }
	var named []name
	r.pen.Fill(theme.Ink)
	r.pen.Letter(theme.Font(theme.Sans, 0.83), "right")
	for i, line := range lines {
		if len(line) < 2 {
			continue
		}
		x, y := plot.Pixel(line[len(line)-1])
		says := r.side(race, i)
		one := name{to: x/s.Ratio - 0.5*theme.Rem, y: y/s.Ratio - 0.5*theme.Rem}
		one.from = one.to - r.pen.Width(says)
		for range named {
			for _, n := range named {
				if one.from < n.to+0.5*theme.Rem && n.from < one.to+0.5*theme.Rem && math.Abs(one.y-n.y) < 1.1*theme.Rem {
					one.y = n.y + 1.1*theme.Rem
				}
			}
		}
		named = append(named, one)
		r.pen.Text(says, one.to, one.y)
	}
}
