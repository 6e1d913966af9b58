package model

import (
	"time"

	"vitrine/engine/backend"
)

// Op is one operation of a step, as far as it is timed on its own: what a
// backend is given together is one.
type Op uint8

// The operations, up to OpUnembed in their order. Those from OpAttnNorm to
// OpResidOut run once in every layer.
const (
	OpEmbed        Op = iota // rows of the embedding matrix, scaled in models that do
	OpAttnNorm               // RMS norm before attention
	OpQKV                    // query, key and value projections
	OpQKNorm                 // RMS norm of each head's query and key; in models that have it
	OpRoPE                   // queries and keys turned by their positions
	OpStoreKV                // keys and values written to the cache
	OpAttention              // scores, softmax, and the weighted sum of the values
	OpOProj                  // output projection
	OpAttnPostNorm           // RMS norm of it; in models with PostNorms
	OpResidMid               // sum with the residual stream
	OpFFNNorm                // RMS norm before the feed-forward network
	OpGateUp                 // gate and up projections
	OpActivation             // SiLU(gate) ⊙ up (GELU in models that gate with it)
	OpDown                   // down projection
	OpFFNPostNorm            // RMS norm of it; in models with PostNorms
	OpResidOut               // sum with the residual stream
	OpFinalNorm              // RMS norm after the last layer
	OpUnembed                // vocabulary projection
	// The all-reduces of a model that is divided among ranks. They stand behind
	// the others because a model that is not has none.
	OpEmbedAllReduce // after OpEmbed
	OpAttnAllReduce  // after OpOProj, in every layer
	OpFFNAllReduce   // after OpDown, in every layer
	// OpGatedUnit is OpGateUp and OpActivation in one, where a backend is a
	// [backend.Gater] and nobody taps what is between the two.
	OpGatedUnit
	numOps
)

var opNames = [numOps]string{
	"embed", "attn_norm", "qkv", "qk_norm", "rope", "store_kv", "attention", "o_proj", "attn_post_norm", "resid_mid",
	"ffn_norm", "gate_up", "activation", "down", "ffn_post_norm", "resid_out", "final_norm", "unembed",
	"embed_all_reduce", "attn_all_reduce", "ffn_all_reduce",
	"gated_unit",
}

// String is the operation's name: that of the point it leads to, where there is
// one (see [Point]).
func (o Op) String() string {
	if o < numOps {
		return opNames[o]
	}
	return "unknown operation"
}

// InLayer says whether every layer has such an operation.
func (o Op) InLayer() bool {
	return o >= OpAttnNorm && o <= OpResidOut || o >= OpAttnAllReduce && o <= OpGatedUnit
}

// AllReduces is the point that an all-reduce makes whole; false for every other
// operation.
func (o Op) AllReduces() (Point, bool) {
	switch o {
	case OpEmbedAllReduce:
		return Embed, true
	case OpAttnAllReduce:
		return OProj, true
	case OpFFNAllReduce:
		return Down, true
	}
	return 0, false
}

// Span is how long one operation of a step took, of all rows of the batch.
type Span struct {
	Op       Op
	Layer    uint16 // 0 for the operations outside the layers
	Duration time.Duration
}

// Timing asks a [Model.Forward] how long each of its operations took.
type Timing struct {
	// Spans are there when Forward returns, in the order of the operations; a
	// model of which an operation is not part has no span of it, and a backend
	// that is no [backend.Timer] leaves them empty. What is read of an operation's
	// result for a tap counts as part of it. Forward writes over them: a Timing
	// that is used again costs no memory.
	Spans []Span

	marks []time.Duration
}

// stopwatch marks the end of each operation of a step that is timed. The zero
// value does nothing: nobody asked.
type stopwatch struct {
	timer  backend.Timer
	timing *Timing
}

// begin starts the stopwatch for a batch, if somebody asked and the backend can tell.
func begin(b backend.Backend, t *Timing) stopwatch {
	if t == nil {
		return stopwatch{}
	}
	t.Spans, t.marks = t.Spans[:0], t.marks[:0]
	timer, ok := b.(backend.Timer)
	if !ok {
		return stopwatch{}
	}
	t.marks = timer.Marks(t.marks)[:0] // those of a step that failed
	timer.Mark()
	return stopwatch{timer, t}
}

// done is called behind each operation.
func (s stopwatch) done(op Op, layer int) {
	if s.timing != nil {
		s.timer.Mark()
		s.timing.Spans = append(s.timing.Spans, Span{Op: op, Layer: uint16(layer)})
	}
}

// end fills in the durations, after Sync.
func (s stopwatch) end() {
	if s.timing == nil {
		return
	}
	s.timing.marks = s.timer.Marks(s.timing.marks)
	for i := range s.timing.Spans {
		s.timing.Spans[i].Duration = s.timing.marks[i+1] - s.timing.marks[i]
	}
}
