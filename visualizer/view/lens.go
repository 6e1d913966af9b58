package view

import "vitrine/visualizer/wire"

// Settling says when the logit lens shows the token that it ends with.
type Settling struct {
	ID    int32 // the likeliest token after the last layer
	First int   // the first entry of [wire.Lens.Layers] that has it on top
	Stays int   // the first one from which on it stays on top
}

// SettlingOf reads a lens; ok is false if it has no last layer.
func SettlingOf(l *wire.Lens) (s Settling, ok bool) {
	last := len(l.Layers) - 1
	if last < 0 || len(l.Layers[last]) == 0 {
		return s, false
	}
	s = Settling{ID: l.Layers[last][0].ID, First: last, Stays: last}
	staying := true
	for i := last; i >= 0; i-- {
		if len(l.Layers[i]) > 0 && l.Layers[i][0].ID == s.ID {
			s.First = i
			if staying {
				s.Stays = i
			}
		} else {
			staying = false
		}
	}
	return s, true
}
