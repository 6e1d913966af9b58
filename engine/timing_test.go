package engine_test

import (
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
)

// Who watches gets the times of every step, the neighbour in the same steps
// gets none, and what is drawn is the same.
func TestTimingIsToldToThoseWhoWatch(t *testing.T) {
	const drawn = 5
	e := tiny(t, cpu.New(2), engine.Options{MaxBatchTokens: 16})
	ids := []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4}
	quiet := add(t, e, engine.Request{Prompt: ids, Params: greedy(drawn)})
	watched := add(t, e, engine.Request{Prompt: ids, Params: greedy(drawn), Watch: engine.Watch{Timing: true}})
	plain, timed := collect(t, quiet), collect(t, watched)
	for _, ev := range plain.events {
		if ev.Kind == engine.EventTiming {
			t.Fatal("a request that watches nothing was told times")
		}
	}
	if len(plain.ids) != drawn || len(timed.ids) != drawn || plain.text != timed.text {
		t.Errorf("%v with times, %v without", timed.ids, plain.ids)
	}

	// The last step's times follow the request's end.
	last, err := watched.Next(t.Context())
	for err == nil && last.Kind != engine.EventTiming {
		last, err = watched.Next(t.Context())
	}
	if err != nil {
		t.Fatal("no times of the last step:", err)
	}
	position := -1
	for _, ev := range append(timed.events, last) {
		if ev.Kind != engine.EventTiming {
			continue
		}
		if want := position + ev.Step.Computed; ev.Step.Position != want && position >= 0 {
			t.Errorf("step %d is said to end at position %d, want %d", ev.Step.Number, ev.Step.Position, want)
		}
		position = ev.Step.Position
		if ev.Timing.Draw <= 0 && position >= len(ids)-1 {
			t.Errorf("step %d drew a token in %v", ev.Step.Number, ev.Timing.Draw)
		}
		layers := map[model.Op]int{}
		var sum time.Duration
		for _, s := range ev.Timing.Spans {
			layers[s.Op]++
			sum += s.Duration
		}
		if layers[model.OpAttention] != 3 || layers[model.OpEmbed] != 1 {
			t.Errorf("step %d timed %v", ev.Step.Number, layers)
		}
		if sum > ev.Step.Duration {
			t.Errorf("step %d took %v, its operations %v", ev.Step.Number, ev.Step.Duration, sum)
		}
	}
	// The last token's logits are drawn from, but the token itself is not computed.
	if want := len(ids) + drawn - 2; position != want {
		t.Errorf("the last step that was timed ends at position %d, want %d", position, want)
	}
}

// A request that watches on its way gets times from then on, and none after.
func TestTimingOnlyWhileWatched(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	h := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(100), Paused: true, Hold: true})
	collect(t, h)
	count := func() (n int) {
		if err := h.Step(3); err != nil {
			t.Fatal(err)
		}
		for _, ev := range collect(t, h).events {
			if ev.Kind == engine.EventTiming {
				n++
			}
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d steps were timed before anybody watched", n)
	}
	if err := h.SetWatch(engine.Watch{Timing: true}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n < 2 { // the third may follow the pause
		t.Errorf("%d of 3 steps were timed", n)
	}
	if err := h.SetWatch(engine.Watch{}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n > 1 {
		t.Errorf("%d steps were timed after the watching had ended", n)
	}
}
