package hall

import (
	"cmp"
	"slices"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/wire"
)

// A Chart is what each of some steps did for each of some requests.
type Chart struct {
	Steps    []int     // places in [Hall.Records], one a column
	Requests []Request // one a row, in the order they came in and a request's outputs together, as they were in the last column
	Hidden   int       // requests for which there is no row
	Work     [][]paint.Work
	Parts    [][]wire.HallPart // the zero part where a step did nothing for the request
	Forks    []Fork
}

// A Fork is where an output was forked off from the first one of its request.
type Fork struct{ Col, From, Row int }

// Chart makes the chart of the last columns steps up to the record at a place, and of
// the requests that were there in them. If there are more than rows, those go first
// that waited in all of them, the last in the queue before the others; and then
// the oldest.
func (h *Hall) Chart(last, columns, rows int) *Chart {
	c := new(Chart)
	for i := min(last, len(h.records)-1); i >= 0 && len(c.Steps) < columns; i-- {
		if h.records[i].Step != 0 {
			c.Steps = append(c.Steps, i)
		}
	}
	for i, j := 0, len(c.Steps)-1; i < j; i, j = i+1, j-1 {
		c.Steps[i], c.Steps[j] = c.Steps[j], c.Steps[i]
	}
	first := last + 1
	if len(c.Steps) > 0 {
		first = c.Steps[0]
	}
	at, end := h.Moment(first-1), h.Moment(last)
	// Rows are the latest requests of those that had not ended before the first column.
	for _, q := range end.Requests {
		if before := at.Request(q.ID); before == nil || !before.Finished() {
			c.Requests = append(c.Requests, q)
		}
	}
	h.choose(c, first, last, max(rows, 0))
	row := make(map[uint32]int, len(c.Requests))
	for i := range c.Requests {
		row[c.Requests[i].ID] = i
		c.Work = append(c.Work, make([]paint.Work, len(c.Steps)))
		c.Parts = append(c.Parts, make([]wire.HallPart, len(c.Steps)))
	}
	col := 0
	for i := first; i <= last && i < len(h.records); i++ {
		r := &h.records[i]
		at.apply(r)
		if r.Step == 0 {
			for _, change := range r.Requests {
				if j, shown := row[change.Request]; shown && change.State >= wire.StateStopped && col > 0 {
					c.Work[j][col-1] = paint.WorkEnd // it was ended between two steps
				}
			}
			continue
		}
		for j := range c.Requests {
			c.Work[j][col] = idle(at.Request(c.Requests[j].ID))
		}
		for _, p := range r.Parts {
			j, shown := row[p.Request]
			if !shown {
				continue
			}
			c.Parts[j][col] = p
			c.Work[j][col] = [...]paint.Work{wire.HallPrefill: paint.WorkPrefill, wire.HallDecode: paint.WorkDecode, wire.HallRecompute: paint.WorkRecompute}[p.Phase]
		}
		for _, change := range r.Requests {
			if j, shown := row[change.Request]; shown && change.State >= wire.StateStopped {
				c.Work[j][col] = paint.WorkEnd
			}
		}
		col++
	}
	c.fork()
	return c
}

// fork finds the forks whose rows are both there.
func (c *Chart) fork() {
	for row := range c.Requests {
		from := c.Row(c.Requests[row].First)
		if from < 0 || from == row {
			continue
		}
		for col, p := range c.Parts[row] {
			if p.Drawn > 0 && p.Count == 0 {
				c.Forks = append(c.Forks, Fork{col, from, row})
			}
		}
	}
}

// idle is what is shown of a request that a step did nothing for.
func idle(q *Request) paint.Work {
	switch {
	case q == nil || q.Finished():
		return paint.WorkNone
	case q.State == wire.StateWaiting:
		return paint.WorkWaiting
	case q.State == wire.StatePreempted:
		return paint.WorkPreempted
	}
	return paint.WorkHeld
}

// choose leaves as many requests in the chart as there are rows.
func (h *Hall) choose(c *Chart, first, last, rows int) {
	worked := map[uint32]bool{}
	for i := max(first, 0); i <= last && i < len(h.records); i++ {
		for _, p := range h.records[i].Parts {
			worked[p.Request] = true
		}
	}
	order := func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(c.Requests, func(a, b Request) int {
		switch {
		case worked[a.ID] != worked[b.ID]:
			if worked[a.ID] {
				return -1
			}
			return 1
		case worked[a.ID]:
			return order(b, a)
		}
		return order(a, b)
	})
	c.Hidden = max(0, len(c.Requests)-rows)
	c.Requests = c.Requests[:len(c.Requests)-c.Hidden]
	slices.SortFunc(c.Requests, order)
}

// Tokens is how many tokens the steps drew for the request of a row.
func (c *Chart) Tokens(row int) []int {
	tokens := make([]int, len(c.Steps))
	for col := range tokens {
		tokens[col] = int(c.Parts[row][col].Drawn)
	}
	return tokens
}

// Row finds a request's row, −1 if it is not shown.
func (c *Chart) Row(id uint32) int {
	for i := range c.Requests {
		if c.Requests[i].ID == id {
			return i
		}
	}
	return -1
}
