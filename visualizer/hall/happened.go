package hall

import "vitrine/visualizer/wire"

// An Event is something that happened to a block or an output, and when.
type Event struct {
	wire.HallEvent
	Index int    // place of its record in [Hall.Records]
	Seq   uint64 // of its record
	Step  uint64 // the step in which it happened, or after which
}

// lookBack bounds the records that are searched for events.
const lookBack = 512

// Happened lists the latest events up to the record at a place, at most so many and
// the latest first.
func (h *Hall) Happened(last, most int) []Event {
	var events []Event
	last = min(last, len(h.records)-1)
	for i := last; i >= 0 && i > last-lookBack && len(events) < most; i-- {
		r := &h.records[i]
		for j := len(r.Events) - 1; j >= 0 && len(events) < most; j-- {
			events = append(events, Event{HallEvent: r.Events[j], Index: i, Seq: r.Seq, Step: h.stepOf(i)})
		}
	}
	return events
}

// A Mark points out a block that was just evicted or copied.
type Mark struct {
	Block int
	From  int // the block that it was copied from, −1 for an eviction
}

// Marks lists what a record has to point out.
func Marks(r *wire.HallRecord) []Mark {
	var marks []Mark
	for _, e := range r.Events {
		switch e.Kind {
		case wire.HallEvicted:
			marks = append(marks, Mark{int(e.Block), -1})
		case wire.HallCopied:
			marks = append(marks, Mark{int(e.Block), int(e.Other)})
		}
	}
	return marks
}

// stepOf is the step of a record, or the last one before it.
func (h *Hall) stepOf(index int) uint64 {
	for ; index >= 0; index-- {
		if step := h.records[index].Step; step != 0 {
			return step
		}
	}
	return h.first.Step
}
