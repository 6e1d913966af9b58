package paint

import "math"

// Bar is one bar.
type Bar struct {
	Value   float32
	Color   Color
	Removed bool // hatched within an outline instead of filled: a stage of the sampler removed it
	Marked  bool // framed along its whole track: chosen
}

// Bars shows values as bars of equal thickness: growing to the right and listed
// from the top, or growing upwards and listed from the left. Their ends are smooth, so
// a bar can grow by less than a pixel. A value above the lower end of the range
// is at least a pixel long, a NaN dots its track.
type Bars struct {
	box              Rect
	count            int
	thickness, pitch int
	upright          bool
}

// Layout fits count bars into box. Each is thickness pixels across with gap
// pixels to the next; a thickness of 0 fills the box. upright has them grow
// upwards. It returns how many of them have room, from the first on; the others
// are not painted.
func (b *Bars) Layout(box Rect, count, thickness, gap int, upright bool) int {
	*b = Bars{}
	room := box.H
	if upright {
		room = box.W
	}
	gap = max(gap, 0)
	if box.Empty() || count <= 0 {
		return 0
	}
	if thickness <= 0 {
		thickness = max(1, (min(room, MaxSide)+gap)/count-gap)
	}
	*b = Bars{box: box, thickness: thickness, pitch: thickness + gap, upright: upright}
	b.count = min(count, (room+gap)/b.pitch)
	return b.count
}

// Track is the rectangle in which a bar can grow, the zero Rect if it has no
// room.
func (b *Bars) Track(i int) Rect {
	if i < 0 || i >= b.count {
		return Rect{}
	}
	if b.upright {
		return Rect{b.box.X + i*b.pitch, b.box.Y, b.thickness, b.box.H}
	}
	return Rect{b.box.X, b.box.Y + i*b.pitch, b.box.W, b.thickness}
}

// At finds the bar whose track, or the gap after it, lies at the pixel (x, y).
func (b *Bars) At(x, y int) (i int, ok bool) {
	if !b.box.Contains(x, y) || b.count == 0 {
		return 0, false
	}
	i = (y - b.box.Y) / b.pitch
	if b.upright {
		i = (x - b.box.X) / b.pitch
	}
	return i, i < b.count
}

// Paint paints the bars over the paper. A bar of the value lo has no length, one of
// hi the whole track's; the range is clipped to, and empty unless lo < hi.
func (b *Bars) Paint(c *Canvas, t *Theme, bars []Bar, lo, hi float32) {
	c.Fill(b.box, t.Paper)
	for i, bar := range bars[:min(len(bars), b.count)] {
		track := b.Track(i)
		length := float64(track.W)
		if b.upright {
			length = float64(track.H)
		}
		share := (float64(bar.Value) - float64(lo)) / (float64(hi) - float64(lo))
		switch {
		case bar.Value != bar.Value:
			c.Dots(track, 4, 1, t.Fog)
		case share > 0 && lo < hi:
			b.paintBar(c, t, track, max(1, length*min(share, 1)), bar)
		}
		if bar.Marked {
			c.Frame(track, max(1, b.thickness/10), t.Hot)
		}
	}
}

// paintBar paints one bar of the given length in pixels.
func (b *Bars) paintBar(c *Canvas, t *Theme, track Rect, length float64, bar Bar) {
	whole := int(length)
	part := length - math.Floor(length)
	body, end := Rect{track.X, track.Y, whole, track.H}, Rect{track.X + whole, track.Y, 1, track.H}
	if b.upright {
		bottom := track.Y + track.H
		body, end = Rect{track.X, bottom - whole, track.W, whole}, Rect{track.X, bottom - whole - 1, track.W, 1}
	}
	if bar.Removed {
		c.Hatch(body, 4, 1, bar.Color)
		c.Frame(body, 1, bar.Color)
		return
	}
	c.Fill(body, bar.Color)
	c.Fill(end.Intersect(track), Mix(t.Paper, bar.Color, part))
}
