package engine_test

import (
	"slices"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
	"vitrine/engine/tokenizer"
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
		if ev.Timing != nil {
			t.Fatal("a request that watches nothing was told times")
		}
	}
	if len(plain.ids) != drawn || len(timed.ids) != drawn || plain.text != timed.text {
		t.Errorf("%v with times, %v without", timed.ids, plain.ids)
	}

	// The last step's times follow the request's end.
	last, err := watched.Next(t.Context())
	for err == nil && last.Timing == nil {
		last, err = watched.Next(t.Context())
	}
	if err != nil {
		t.Fatal("no times of the last step:", err)
	}
	position := -1
	for _, ev := range append(timed.events, last) {
		if ev.Timing == nil {
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
			if ev.Timing != nil {
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

// BenchmarkTiming compares, on the real model, how fast tokens are drawn with
// and without somebody who watches where the time goes, in turns:
//
//	go test -run '^$' -bench Timing -benchtime 8x ./engine
func BenchmarkTiming(b *testing.B) {
	const drawn = 64
	path := modeltest.SmolLM2(b)
	backend := cpu.New(0)
	defer backend.Close()
	m, err := model.Load(path, backend, model.LoadOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	tok, err := tokenizer.Load(path)
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.Start(m, tok, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	ids, err := tok.Encode("Once upon a time there was a house of glass by the sea.", tokenizer.EncodeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	rate := func(w engine.Watch) float64 {
		h, err := e.Add(b.Context(), engine.Request{Prompt: ids, Params: greedy(drawn), Watch: w})
		if err != nil {
			b.Fatal(err)
		}
		var first, last time.Duration // drawn token
		steps := 0
		begin := time.Now()
		for steps < drawn {
			ev, err := h.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if ev.Kind == engine.EventToken {
				if steps++; steps == 1 {
					first = time.Since(begin)
				}
				last = time.Since(begin)
			}
		}
		return float64(drawn-1) / (last - first).Seconds()
	}
	var off, on, ratios []float64
	for b.Loop() {
		// Off, on, on, off: what drifts falls on both.
		first, on1 := rate(engine.Watch{}), rate(engine.Watch{Timing: true})
		on2, last := rate(engine.Watch{Timing: true}), rate(engine.Watch{})
		a, w := (first+last)/2, (on1+on2)/2
		off, on, ratios = append(off, a), append(on, w), append(ratios, w/a)
	}
	for _, list := range [][]float64{off, on, ratios} {
		slices.Sort(list)
	}
	b.ReportMetric(off[len(off)/2], "tokens/s-off")
	b.ReportMetric(on[len(on)/2], "tokens/s-on")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(0, "ns/op")
}
