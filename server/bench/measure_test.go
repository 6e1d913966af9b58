package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCaseCheck(t *testing.T) {
	for _, c := range []struct {
		of   Case
		want string // "" for none
	}{
		{Case{Prompt: 10, Output: 5, Batch: 1}, ""},
		{Case{Depth: 10, Output: 5, Batch: 2}, ""},
		{Case{Depth: 10, Output: 89, Batch: 1}, ""},
		{Case{Depth: 10, Output: 90, Batch: 1}, "got 101 tokens together, want at most the model's context of 100"},
		{Case{Prompt: 10, Depth: 10, Output: 5, Batch: 1}, "one of them"},
		{Case{Output: 5, Batch: 1}, "one of them"},
		{Case{Prompt: -1, Depth: 1, Output: 5, Batch: 1}, "one of them"},
		{Case{Prompt: 1, Output: 0, Batch: 1}, "at least 1"},
		{Case{Prompt: 1, Output: 1, Batch: 0}, "at least 1"},
	} {
		err := c.of.Check(100)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.of, err, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	if got, want := NewSpread([]float64{3, 1.005, 2}), (Spread{1, 2, 3}); got.Median != want.Median || got.Max != want.Max || got.Min < 1 || got.Min > 1.01 {
		t.Errorf("%+v, want about %+v", got, want)
	}
	if got, want := NewSpread([]float64{4, 1, 2, 3}), (Spread{1, 2.5, 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// At a depth, every run decodes from the same position: the sequences are as
// long afterwards as after the first, and their tokens are the same.
func TestRunsAtADepth(t *testing.T) {
	m := tiny(t)
	r, err := Open(m, streams, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if want := int64(3*2*16) * int64(r.engine.Pool().SlotBytes); r.KVBytes() != want { // two blocks of 16 a sequence
		t.Errorf("a KV pool of %d bytes, want %d", r.KVBytes(), want)
	}
	// The steps of the decode read 21 to 24 tokens of each sequence.
	if want := int64(3*(21+22+23+24)) * int64(r.engine.Pool().SlotBytes) / 4; r.stepKVBytes() != want {
		t.Errorf("a step reads %d bytes of keys and values, want %d", r.stepKVBytes(), want)
	}
	var first [][]int32
	for run := range 3 {
		rates, err := r.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !(rates.Decode > 0) || rates.Prefill != 0 {
			t.Errorf("run %d: %+v", run, rates)
		}
		for i, h := range r.held {
			s, err := h.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Tokens) != 20+1+4 {
				t.Errorf("run %d: sequence %d has %d tokens, want 25", run, i, len(s.Tokens))
			}
			if run == 0 {
				first = append(first, s.Tokens)
			} else if !slices.Equal(s.Tokens, first[i]) {
				t.Errorf("run %d: sequence %d is %v, in the first run %v", run, i, s.Tokens, first[i])
			}
		}
	}
}

func TestMeasure(t *testing.T) {
	m := tiny(t)
	got, err := Measure(t.Context(), m, Case{Prompt: 30, Output: 5, Batch: 2}, 7, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !(0 < got.Prefill.Min && got.Prefill.Min <= got.Prefill.Max) || !(0 < got.Decode.Min && got.Decode.Min <= got.Decode.Max) {
		t.Errorf("%+v", got)
	}
	if got, err = Measure(t.Context(), m, deep, 0, 1); err != nil || got.Prefill != (Spread{}) || !(got.Decode.Median > 0) {
		t.Errorf("at a depth: %+v, %v", got, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(cancelled, m, deep, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
