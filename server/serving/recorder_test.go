package serving

import (
	"testing"
	"time"

	"vitrine/engine"
)

// The rate of a hall that has nothing to do goes down to nothing, and that is told once.
func TestRateAtRest(t *testing.T) {
	r := newRecorder(defaultConfig)
	defer r.idle.Stop()
	r.request(engine.RequestInfo{Request: 1, First: 1, Prompt: 3, MaxTokens: 9})
	for n := range uint64(3) {
		time.Sleep(time.Millisecond)
		r.plan(engine.PlanInfo{Number: n + 1, Duration: time.Millisecond, Parts: []engine.PlanPart{{Request: 1, First: int(n), Count: 1, Drawn: 1}}})
	}
	made := r.take()
	if last := made[len(made)-1]; !(last.Meters.Rate > 0) {
		t.Errorf("after three steps the rate is %v", last.Meters.Rate)
	}
	if r.rest(); len(r.take()) != 0 {
		t.Error("the hall is at rest at once")
	}
	for i := range r.rate { // which is longer ago now
		r.rate[i].at -= rateWindow
	}
	r.rest()
	if made = r.take(); len(made) != 1 || made[0].Meters.Rate != 0 || made[0].Step != 0 || made[0].Meters.Drawn != 3 {
		t.Errorf("at rest: %+v", made)
	}
	if r.rest(); len(r.take()) != 0 {
		t.Error("the rest is told twice")
	}
}
