package recording

import "vitrine/visualizer/wire"

// Player plays records in their own time. It has no clock: the caller says how
// much time has gone by ([Player.Advance]) or steps from token to token
// ([Player.Step]), and applies what it gets.
type Player struct {
	records []Record
	next    int     // the first record that was not played
	at      float64 // the place in the recording, milliseconds
	speed   float64
}

// NewPlayer plays records, which have to be in the order of their times as a
// [Reader] gives them, from the beginning and at the speed of the recording.
func NewPlayer(records []Record) *Player { return &Player{records: records, speed: 1} }

// SetSpeed makes the recording run speed times as fast as it was made; 0
// stands still. A negative speed or NaN counts as 0.
func (p *Player) SetSpeed(speed float64) {
	if !(speed > 0) {
		speed = 0
	}
	p.speed = speed
}

// Speed is how many times as fast as it was made the recording runs.
func (p *Player) Speed() float64 { return p.speed }

// Advance lets some milliseconds of the caller's time go by and returns the
// records that have become due, in order. Time that is not above 0 does
// nothing. The slice is a part of the player's records.
func (p *Player) Advance(elapsed float64) []Record {
	if !(elapsed > 0) || p.speed == 0 {
		return nil
	}
	p.at = min(p.at+elapsed*p.speed, max(p.at, p.Length()))
	return p.playWhile(func(r Record) bool { return float64(r.At) <= p.at })
}

// Step plays up to and with the next Tokens frame and what followed it before
// the one after, whatever the time, and returns it: one token on.
func (p *Player) Step() []Record {
	met := false
	played := p.playWhile(func(r Record) bool {
		if kind, _ := wire.KindOf(r.Frame); kind == wire.KindTokens {
			if met {
				return false
			}
			met = true
		}
		return true
	})
	if len(played) > 0 {
		p.at = max(p.at, float64(played[len(played)-1].At))
	}
	return played
}

// playWhile plays the next records as long as they fulfil a condition.
func (p *Player) playWhile(more func(Record) bool) []Record {
	first := p.next
	for p.next < len(p.records) && more(p.records[p.next]) {
		p.next++
	}
	return p.records[first:p.next:p.next]
}

// Wait is how many milliseconds of the caller's time will go by until the next
// record is due; ok is false if there is none or the recording stands still.
func (p *Player) Wait() (elapsed float64, ok bool) {
	if p.Done() || p.speed == 0 {
		return 0, false
	}
	return max(0, (float64(p.records[p.next].At)-p.at)/p.speed), true
}

// Restart goes back to the beginning. The caller begins with a new session.
func (p *Player) Restart() { p.next, p.at = 0, 0 }

// Done says that everything was played.
func (p *Player) Done() bool { return p.next == len(p.records) }

// At is the place in the recording, in milliseconds.
func (p *Player) At() float64 { return p.at }

// Length is how long the recording is, in milliseconds.
func (p *Player) Length() float64 {
	if len(p.records) == 0 {
		return 0
	}
	return float64(p.records[len(p.records)-1].At)
}
