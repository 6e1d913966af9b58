package engine

import (
	"time"

	"vitrine/engine/model"
)

// AllReduceInfo tells an [Observer] of one all-reduce of a step: all ranks of a
// model that is divided among them (tensor parallelism) waited for one another
// and added up what each of them had.
type AllReduceInfo struct {
	Step  uint64 // the step's number, as in [StepInfo]
	Layer int    // 0 for the embedding's
	// Point is what the sum made whole: the token's embedding, the output
	// projection of the attention, or the down projection of the feed-forward layer.
	Point model.Point
	Ranks int
	Bytes int64 // what each rank gave, and has afterwards: rows × width numbers of 4 bytes
	// Duration is that of the first rank, its wait for the others included.
	Duration time.Duration
}

// tellsAllReduces says whether somebody wants to be told of all-reduces and there are any.
func (e *Engine) tellsAllReduces() bool {
	return e.observer.AllReduce != nil && e.model.Ranks() > 1
}

// tellAllReduces tells of those of the step that was just computed, whose times
// are among those of its other operations.
func (e *Engine) tellAllReduces(step StepInfo) {
	c, batch := e.model.Config(), &e.step.batch
	for _, s := range e.step.timing.Spans {
		if point, ok := s.Op.AllReduces(); ok {
			rows := int64(len(batch.Tokens))
			if s.Op.InLayer() {
				rows = int64(e.model.LayerRows(batch, int(s.Layer)))
			}
			e.observer.AllReduce(AllReduceInfo{
				Step: step.Number, Layer: int(s.Layer), Point: point, Ranks: e.model.Ranks(),
				Bytes: rows * int64(c.Width) * 4, Duration: s.Duration,
			})
		}
	}
}
