package serving

import (
	"testing"

	"vitrine/server/telling"
	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
)

// Each race answers the same requests on every side and comes to a ratio that
// speaks for its first side; the hall goes on afterwards.
func TestRaces(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	for kind := wire.HallRaceMemory; kind <= wire.HallRaceLookup; kind++ {
		p.send(&wire.HallStartRace{Race: kind})
		p.until("the race", func() bool { r := p.hall.Race(); return r.Race == kind && !r.Running })
		race := p.hall.Race()
		if race.Problem != "" || race.Disturbed || !race.Same || len(race.Runs) < 2 {
			t.Fatalf("race %d: %+v", kind, race)
		}
		first := &race.Runs[0]
		for i := range race.Runs {
			r := &race.Runs[i]
			if !r.Done || r.Finished != uint32(race.Requests) || r.Drawn == 0 || r.Drawn != first.Drawn || r.Micros == 0 ||
				r.AtOnce < 1 || r.Peak < 1 || r.FirstMs <= 0 || r.BetweenMs <= 0 || len(r.Curve) < 2 || len(r.Curve) > curvePoints || r.Computed < uint64(r.Drawn) {
				t.Errorf("race %d, side %d: %+v", kind, i, r)
			}
			for j := 1; j < len(r.Curve); j++ {
				if a, b := r.Curve[j-1], r.Curve[j]; b.X < a.X || b.Y < a.Y {
					t.Errorf("race %d, side %d: the curve goes back from %v to %v", kind, i, a, b)
				}
			}
		}
		ratios := hall.Ratios(race)
		if len(ratios) != len(race.Runs)-1 {
			t.Fatalf("race %d: ratios %v", kind, ratios)
		}
		t.Logf("race %d: %.2f; waste %.3f and %.3f, at once %.1f and %.1f, computed %d and %d", kind, ratios,
			first.Waste, race.Runs[1].Waste, first.AtOnce, race.Runs[1].AtOnce, first.Computed, race.Runs[1].Computed)
		// What is counted, and not timed, is the same on every machine.
		switch second := &race.Runs[1]; kind {
		case wire.HallRaceMemory:
			if ratios[0] < 1.2 || first.Waste > second.Waste {
				t.Errorf("paged runs %.2f × as many at once, its waste is %.2f, contiguous %.2f", ratios[0], first.Waste, second.Waste)
			}
		case wire.HallRaceBatch:
			if first.AtOnce <= race.Runs[2].AtOnce || race.Runs[2].Peak != 1 {
				t.Errorf("at once: %+v", race.Runs)
			}
		case wire.HallRacePrefix:
			if ratios[0] < 1.5 || first.Hits == 0 || second.Hits != 0 {
				t.Errorf("with the prefix cache %.2f × fewer tokens, hits %d and %d", ratios[0], first.Hits, second.Hits)
			}
		case wire.HallRaceKV:
			if second.Computed < 20*first.Computed {
				t.Errorf("without a cache %d tokens go through the model, with one %d", second.Computed, first.Computed)
			}
		case wire.HallRaceLookup:
			if first.Drafted == 0 || first.Accepted > first.Drafted || second.Drafted != 0 || uint64(second.Steps) != uint64(first.Steps)+first.Accepted {
				t.Errorf("%d steps with %d of %d guesses accepted, %d steps without guesses (%d)", first.Steps, first.Accepted, first.Drafted, second.Steps, second.Drafted)
			}
		}
	}
	p.send(&wire.HallAdd{Count: 2})
	p.until("the hall goes on", func() bool { return p.finished() == 2 })
	// A race can be ended, and another begins then.
	p.send(&wire.HallStartRace{Race: wire.HallRaceKV})
	p.send(&wire.HallStartRace{Race: wire.HallRaceBatch})
	p.send(&wire.HallConfigure{Config: defaultConfig})
	p.send(&wire.HallStartRace{})
	p.until("two refusals", func() bool { return len(p.problems) == 2 })
	for _, problem := range p.problems {
		if problem.Code != telling.CodeBusy {
			t.Errorf("%+v", problem)
		}
	}
	p.until("the end of the race", func() bool { r := p.hall.Race(); return r.Race == wire.HallRaceKV && !r.Running && r.Problem != "" })
	checkLanguages(t, p.hall.Race().Problem)
}
