package view

import (
	"math"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// Origin is how a token came into the sequence.
type Origin uint8

// The origins; they are told apart by shape, not by colour alone.
const (
	Given  Origin = iota // by the prompt
	Drawn                // by the sampler
	Forced               // by the person at the page, instead of the drawn one
)

// OriginOf reads a token's origin from its flags. A token that was forced
// where another was drawn is forced.
func OriginOf(flags wire.TokenFlag) Origin {
	switch {
	case flags&wire.FlagForced != 0:
		return Forced
	case flags&wire.FlagDrawn != 0:
		return Drawn
	}
	return Given
}

// Bar is one token of the timeline.
type Bar struct {
	Label   string  // see [session.Label]
	Height  float32 // the probability that it is drawn as high as, in [0, 1]; 0 if none is known
	Known   bool    // Height is a probability
	Origin  Origin
	Special bool // a control token
}

// BarOf is a token's bar: as high as the probability in the distribution that
// it was drawn from; where it was not drawn, as the model's raw probability, if
// that was computed.
func BarOf(t *wire.Token) Bar {
	b := Bar{Label: session.Label(t.Bytes), Origin: OriginOf(t.Flags), Special: t.Flags&wire.FlagSpecial != 0}
	p := float64(t.Prob)
	if b.Origin == Given || math.IsNaN(p) {
		p = math.Exp(float64(t.LogProb))
	}
	if p >= 0 && p <= 1 {
		b.Height, b.Known = float32(p), true
	}
	return b
}
