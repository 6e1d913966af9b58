//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/wire"
)

// draw draws the cells that are in sight, and the overview if not all are.
func (s *spine) draw() {
	p, t := s.pen, s.c.theme
	p.Begin(s.Surface)
	tokens := s.c.shown.Tokens()
	if len(tokens) == 0 {
		return
	}
	floor := s.Height - 1.9*t.Rem // of the bars
	if s.overflows() {
		floor -= overviewHeight
	}
	ceiling := 0.55 * t.Rem
	s.drawScale(ceiling, floor)
	first, last := s.visible()
	for i := first; i <= last && i < len(tokens); i++ {
		s.drawCell(i, tokens[i], ceiling, floor)
	}
	if last >= len(tokens) {
		s.drawNext(len(tokens), ceiling, floor)
	}
	if s.overflows() {
		s.drawOverview(tokens)
	}
}

// visible is the range of cells in sight, both ends included.
func (s *spine) visible() (first, last int) {
	n := s.cells()
	for first = 0; first < n-1 && s.lefts[first+1] < s.offset; {
		first++
	}
	for last = first; last < n-1 && s.lefts[last+1] < s.offset+s.Width; {
		last++
	}
	return first, last
}

// drawScale draws the lines of probability 1 and ½ behind the bars, and the floor.
func (s *spine) drawScale(ceiling, floor float64) {
	p, t := s.pen, s.c.theme
	p.Fill(t.Line)
	p.Rect(0, floor, s.Width, 1)
	p.Outline(t.Line, 1)
	p.Dash(2)
	for half := range 2 {
		y := ceiling + float64(half)*(floor-ceiling)/2 + 0.5
		p.Line(0, y, s.Width, y)
	}
	p.Dash(0)
}

// drawGround draws what lies under a cell that is chosen or pointed at, and
// says where the cell is and whether it is chosen.
func (s *spine) drawGround(i int, ceiling, floor float64) (x, w float64, chosen bool) {
	x, w = s.lefts[i]-s.offset, s.lefts[i+1]-s.lefts[i]-cellGap
	chosen = i == s.c.at.token
	if t := s.c.theme; chosen || i == s.pointed {
		s.pen.Fill(t.Wash)
		s.pen.RoundRect(x, ceiling-4, w, floor-ceiling+1.9*t.Rem, 4)
	}
	return x, w, chosen
}

// drawCell draws a token: its bar, what kind it is, and its label.
//
//   - drawn: a full bar;
//   - forced by hand: an outlined, striped bar under a lozenge;
//   - given by the prompt: no bar, a short foot;
//   - special: as what it is, its label in the accent's colour and underlined.
func (s *spine) drawCell(i int, token wire.Token, ceiling, floor float64) {
	p, t := s.pen, s.c.theme
	x, w, chosen := s.drawGround(i, ceiling, floor)
	drawn := token.Flags&(wire.FlagDrawn|wire.FlagForced) != 0
	if height := float64(token.Prob) * (floor - ceiling); drawn && height == height {
		height = max(height, 1.5)
		if token.Flags&wire.FlagForced != 0 {
			s.drawForced(x+2, floor-height, w-4, height)
		} else {
			p.Fill(t.Bar)
			if chosen {
				p.Fill(t.Accent)
			}
			p.Rect(x+2, floor-height, w-4, height)
			p.Fill(t.Accent)
			p.Rect(x+2, floor-height, w-4, 2)
		}
	} else {
		p.Fill(t.Edge)
		p.Rect(x+w/2-2, floor-3, 4, 3)
	}
	ink := t.Ink
	if !drawn {
		ink = t.Quiet
	}
	if token.Flags&wire.FlagSpecial != 0 {
		ink = t.Accent
		p.Fill(ink)
		p.Rect(x+cellPad, floor+1.5*t.Rem, w-2*cellPad, 1)
	}
	p.Fill(ink)
	weight := ""
	if chosen {
		weight = "600 "
	}
	p.Letter(weight+t.Font(t.Mono, labelRem), "center")
	p.Text(s.labels[i], x+w/2, floor+1.15*t.Rem)
	if chosen {
		p.Fill(t.Accent)
		p.Rect(x, floor+1.75*t.Rem, w, 2)
	}
	if drawn && (chosen || i == s.pointed) && token.Prob == token.Prob {
		s.drawValue(token.Prob, x+w/2, ceiling)
	}
}

// drawForced draws the bar of a token that was put in by hand.
func (s *spine) drawForced(x, y, w, h float64) {
	p, t := s.pen, s.c.theme
	p.Fill(t.Mark)
	for at := y + h - 2; at > y; at -= 5 {
		p.Rect(x, at, w, 2)
	}
	p.Outline(t.Mark, 1)
	p.Frame(x+0.5, y+0.5, w-1, h-1)
	p.Disc(x+w/2, y-4, 2.5)
}

// drawValue prints the probability on the bar, on a piece of paper so that it
// is read over every bar.
func (s *spine) drawValue(prob float32, centre, ceiling float64) {
	p, t := s.pen, s.c.theme
	text := strconv.FormatFloat(float64(prob), 'f', 3, 32)
	p.Letter(t.Font(t.Mono, 0.72), "center")
	w := p.Width(text) + 8
	x := min(max(centre, w/2+2), s.Width-w/2-2)
	p.Fill(t.Paper)
	p.RoundRect(x-w/2, ceiling, w, 1.1*t.Rem, 3)
	p.Fill(t.Ink)
	p.Text(text, x, ceiling+0.82*t.Rem)
}

// drawNext draws the cell of the token to come.
func (s *spine) drawNext(i int, ceiling, floor float64) {
	p, t := s.pen, s.c.theme
	x, w, chosen := s.drawGround(i, ceiling, floor)
	p.Outline(t.Accent, 1)
	p.Dash(3)
	p.Frame(x+2.5, ceiling+0.5, w-5, floor-ceiling-1)
	p.Dash(0)
	p.Fill(t.Accent)
	p.Letter(t.Font(t.Sans, labelRem), "center")
	p.Text(s.c.words.Say("spine.next"), x+w/2, floor+1.15*t.Rem)
	if chosen {
		p.Rect(x, floor+1.75*t.Rem, w, 2)
	}
}

// drawOverview draws the whole sequence in a strip of its own: a column of
// pixels shows the likeliest of the tokens that share it, and what is in sight is washed.
func (s *spine) drawOverview(tokens []wire.Token) {
	p, t := s.pen, s.c.theme
	top, height := s.Height-overviewHeight, overviewHeight-4
	scale := (s.Width - 2*stripPad) / s.length()
	p.Fill(t.Line)
	p.Rect(0, top-1, s.Width, 1)
	p.Fill(t.Wash)
	p.Rect(stripPad+s.offset*scale, top, s.Width*scale, overviewHeight)
	p.Fill(t.Accent)
	for i := 0; i < len(tokens); {
		// Tokens that share a column of pixels are one line, the likeliest's.
		left, level := float64(int(stripPad+s.lefts[i]*scale)), 0.0
		right := left + 1
		for ; i < len(tokens) && stripPad+s.lefts[i]*scale < right; i++ {
			level = max(level, overviewLevel(tokens[i]))
			right = max(left+1, float64(int(stripPad+s.lefts[i+1]*scale))-1)
		}
		p.Rect(left, top+2+height*(1-level), right-left, height*level)
	}
	if i := s.c.at.token; i >= 0 && i < s.cells() {
		p.Fill(t.Mark)
		p.Rect(stripPad+s.lefts[i]*scale-1, top, 2, overviewHeight)
	}
}

// overviewLevel is the height of a token in the overview: its probability, or
// a foot where it was not drawn.
func overviewLevel(token wire.Token) float64 {
	const foot = 0.12
	if token.Flags&(wire.FlagDrawn|wire.FlagForced) == 0 || token.Prob != token.Prob {
		return foot
	}
	return max(float64(token.Prob), foot)
}
