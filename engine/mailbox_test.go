package engine

import (
	"context"
	"testing"
)

// Of events for the eye that nobody reads the last of each sort stays, in order,
// and all the others do.
func TestMailboxKeepsTheLastOfEachSort(t *testing.T) {
	m := newMailbox(1<<20, newSignal())
	// Another request's prompt is in all steps.
	step := func(number uint64, computed int) Event {
		return Event{Kind: EventStep, Step: StepInfo{Number: number, Computed: computed, Batch: computed + 100, Requests: 2}}
	}
	m.put(Event{Kind: EventState, State: Running})
	m.put(step(1, 7))
	m.put(step(2, 9))
	m.put(Event{Kind: EventAttention, From: 0, Rows: 16})
	const tokens = 100
	for i := range tokens {
		m.put(Event{Kind: EventToken, Pos: i})
		m.put(step(uint64(i+3), 1))
		m.put(Event{Kind: EventLogits, Pos: i})
	}
	m.put(Event{Kind: EventState, State: FinishedLength})
	var sorts [visualSorts]int
	var last [visualSorts]Event
	var first Event
	told := 0
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for e, err := m.next(over); err == nil; e, err = m.next(over) {
		if sort, ok := e.visual(); ok {
			if sorts[sort] == 0 && sort == visualPromptStep {
				first = e
			}
			sorts[sort]++
			last[sort] = e
			continue
		}
		if e.Kind == EventToken {
			if e.Pos != told {
				t.Fatalf("token %d was told, want %d", e.Pos, told)
			}
			told++
		}
	}
	sum := 0
	for _, n := range sorts {
		sum += n
	}
	if told != tokens || sum != maxVisuals || sorts[visualPromptStep] != 1 || sorts[visualAttention] != 1 {
		t.Errorf("%d tokens and %v events for the eye, want %d, and %d with one step of a prompt and one of attention", told, sorts, tokens, maxVisuals)
	}
	if first.Step.Number != 2 || last[visualStep].Step.Number != tokens+2 || last[visualLogits].Pos != tokens-1 {
		t.Errorf("the last of each sort are %+v", last)
	}
	if want := uint64(2*tokens + 3 - maxVisuals); last[visualLogits].Dropped != want {
		t.Errorf("%d were dropped, want %d", last[visualLogits].Dropped, want)
	}
}

// Events that come and are read take no memory, whether the reader keeps up or is always
// some behind.
func TestMailboxDoesNotAllocate(t *testing.T) {
	for _, behind := range []int{0, 1, 5, 100} {
		m := newMailbox(1<<30, newSignal())
		for range behind {
			m.put(Event{Kind: EventToken})
		}
		pos := 0
		n := testing.AllocsPerRun(1000, func() {
			m.put(Event{Kind: EventToken, Pos: pos})
			m.put(Event{Kind: EventStep, Step: StepInfo{Computed: 1}})
			pos++
			for range 2 {
				if _, err := m.next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n != 0 {
			t.Errorf("a reader who is %d events behind: %v allocations an event", behind, n)
		}
	}
}
