package session

import "time"

// rateWindow is over how long a rate is measured: a shorter time makes it jump
// with everything else that the machine does.
const rateWindow = 2 * time.Second

// rate measures tokens a second over the last steps of decoding.
type rate struct {
	at []time.Time // of the steps since the last reset, within the window
}

func (r *rate) reset() { r.at = r.at[:0] }

func (r *rate) add(at time.Time) {
	r.at = append(r.at, at)
	old := 0
	for len(r.at)-old > 2 && at.Sub(r.at[old]) > rateWindow {
		old++
	}
	r.at = append(r.at[:0], r.at[old:]...)
}

// perSecond is 0 before the second step.
func (r *rate) perSecond() float32 {
	n := len(r.at)
	if n < 2 {
		return 0
	}
	elapsed := r.at[n-1].Sub(r.at[0]).Seconds()
	if elapsed <= 0 {
		return 0
	}
	return float32(float64(n-1) / elapsed)
}
