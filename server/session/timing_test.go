package session

import (
	"math"
	"slices"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/model"
	"vitrine/server/machine"
	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// The page's operations are the model's, number by number.
func TestOperationsAreTheModels(t *testing.T) {
	for op := range wire.NumOperations {
		if model.Op(op).InLayer() != op.InLayer() {
			t.Errorf("operation %v is in every layer: %v in the model, %v in the page", model.Op(op), model.Op(op).InLayer(), op.InLayer())
		}
	}
	for _, c := range []struct {
		op   model.Op
		page wire.Operation
	}{
		{model.OpEmbed, wire.OperationEmbed}, {model.OpQKV, wire.OperationQKV}, {model.OpAttention, wire.OperationAttention},
		{model.OpGateUp, wire.OperationGateUp}, {model.OpDown, wire.OperationDown}, {model.OpFinalNorm, wire.OperationFinalNorm}, {model.OpUnembed, wire.OperationUnembed},
		{model.OpEmbedAllReduce, wire.OperationEmbedAllReduce}, {model.OpAttnAllReduce, wire.OperationAttnAllReduce}, {model.OpFFNAllReduce, wire.OperationFFNAllReduce},
		{model.OpGatedUnit, wire.OperationGatedUnit},
	} {
		if wire.Operation(c.op) != c.page {
			t.Errorf("%v is %d in the model and %d in the page", c.op, c.op, c.page)
		}
	}
	if got := model.Op(wire.NumOperations).String(); got != "unknown operation" {
		t.Errorf("the model has an operation more: %v", got)
	}
}

func TestTimingFrame(t *testing.T) {
	step := engine.StepInfo{Number: 9, Position: 30, Computed: 2, Batch: 5, Requests: 3, Duration: 1500 * time.Microsecond}
	span := func(op model.Op, layer uint16, d time.Duration) model.Span {
		return model.Span{Op: op, Layer: layer, Duration: d}
	}
	spans := []model.Span{
		span(model.OpEmbed, 0, 500), span(model.OpQKV, 0, 2000), span(model.OpDown, 0, 3000),
		span(model.OpQKV, 1, 2500), span(model.OpDown, 1, 3500),
		span(model.OpFinalNorm, 0, 1000), span(model.OpFinalNorm, 0, 250), span(model.OpUnembed, 0, 7000),
	}
	got, ok := timingFrame(2, step, &engine.StepTiming{Spans: spans, Draw: 80 * time.Microsecond})
	if !ok || got.Number != 9 || got.Position != 30 || got.Computed != 2 || got.Batch != 5 || got.Requests != 3 || got.Step != 1500 || got.Draw != 80 || got.Layers != 2 {
		t.Errorf("got %+v, %v", got, ok)
	}
	outer := []wire.OperationTime{{Op: wire.OperationEmbed, Micros: 0.5}, {Op: wire.OperationFinalNorm, Micros: 1.25}, {Op: wire.OperationUnembed, Micros: 7}}
	if !slices.Equal(got.Outer, outer) || !slices.Equal(got.Inner, []wire.Operation{wire.OperationQKV, wire.OperationDown}) || !slices.Equal(got.Micros, []float32{2, 3, 2.5, 3.5}) {
		t.Errorf("got %+v", got)
	}
	if _, err := wire.DecodeFrame(wire.AppendFrame(nil, &got)); err != nil {
		t.Error(err)
	}
	if f, ok := timingFrame(2, step, &engine.StepTiming{}); ok {
		t.Errorf("a backend that cannot tell became %+v", f)
	}
}

// Times come while they are watched, of every kind of step, and end with the
// watching; they add up to no more than the step.
func TestTimingWhileWatched(t *testing.T) {
	r := tiny(t, Options{})
	p := visit(t, r.serve(t), "")
	p.send(&wire.Subscribe{Views: wire.ViewTiming})
	p.send(&wire.Chat{Text: "Hello there", Params: params(20)})
	p.waitState(wire.StateLengthCapped)
	p.wait("the rate with the last step", func() bool {
		step, ok := p.know.LastStep()
		return ok && int(step.Position) == len(p.know.Tokens())-2 && step.TokensPerSec > 0
	})
	p.wait("times of a decode step", func() bool { _, ok := p.know.Times(vis.Decode); return ok })
	p.see(func(s *vis.Session) {
		for _, kind := range []vis.StepKind{vis.Decode, vis.Prefill} {
			times, ok := s.Times(kind)
			if !ok {
				t.Errorf("no times of steps of kind %d", kind)
				continue
			}
			var sum float32
			for op := range wire.NumOperations {
				sum += times.Total(op)
			}
			if times.Layers != 3 || times.Total(wire.OperationAttention) <= 0 || sum > times.Step*1.0001 {
				t.Errorf("of %v µs a step the operations take %v: %+v", times.Step, sum, times)
			}
		}
	})
	p.send(&wire.Subscribe{})
	mark := p.mark()
	p.send(&wire.Chat{Text: "And now", Params: params(20)})
	p.waitFrame("the end of the second answer", mark, func(f wire.Frame) bool {
		state, ok := f.(*wire.State)
		return ok && state.State == wire.StateLengthCapped
	})
	p.see(func(*vis.Session) {
		end := len(p.frames)
		for i := end - 1; i >= 0; i-- {
			if tokens, ok := p.frames[i].(*wire.Tokens); ok && len(tokens.Tokens) > 1 {
				for _, f := range p.frames[i:] {
					if f.Kind() == wire.KindTiming {
						t.Error("times came though nobody watched")
					}
				}
				return
			}
		}
		t.Error("the second prompt was not told")
	})
}

// Of times that wait for a slow page the latest stay, of a prompt and of an
// answer, and those of tokens that
// were dropped go.
func TestOutboxTiming(t *testing.T) {
	o := newOutbox()
	for _, f := range []wire.Timing{{Number: 1, Batch: 9, Requests: 1}, {Number: 2, Batch: 8, Requests: 1}, {Number: 3, Batch: 1, Requests: 1}, {Number: 4, Batch: 2, Requests: 2}} {
		o.offerTiming(f)
	}
	if frames := popped(t, o); len(frames) != 2 || frames[0].(*wire.Timing).Number != 2 || frames[1].(*wire.Timing).Number != 4 || o.visualsDropped() != 2 {
		t.Errorf("%+v, %d dropped", frames, o.visualsDropped())
	}
	o.offerTiming(wire.Timing{Number: 3})
	o.discardVisuals()
	if frames := popped(t, o); len(frames) != 0 {
		t.Errorf("%+v after its tokens were dropped", frames)
	}
}

// Pages that are there when the memory was measured are told, and those that
// come later are, once each.
func TestMachineIsTold(t *testing.T) {
	r := tiny(t, Options{})
	url := r.serve(t)
	select {
	case <-r.server.Visited():
		t.Fatal("visited by nobody")
	default:
	}
	first := visit(t, url, "")
	<-r.server.Visited()
	r.server.SetBandwidth(machine.Bandwidth{Threads: 2, Bytes: 1 << 28, BytesPerSecond: 3.5e10})
	want := wire.Machine{StepBytes: uint64(r.engine.Model().StepBytes()), BytesPerSecond: 35e9, Bytes: 1 << 28, Threads: 2}
	for _, come := range []func() *page{ // one after the other: the last takes the first one's session
		func() *page { return first }, func() *page { return visit(t, url, "") }, func() *page { return visit(t, url, first.session()) },
	} {
		p := come()
		p.wait("the machine", func() bool { m, ok := p.know.Machine(); return ok && *m == want })
		p.see(func(*vis.Session) {
			told := 0
			for _, f := range p.frames {
				if f.Kind() == wire.KindMachine {
					told++
				}
			}
			if told != 1 {
				t.Errorf("told %d times, want once", told)
			}
		})
	}
}

// A page that knows how fast memory is read is told how much of keys and values a step
// reads, also of steps that came before it knew.
func TestKVReadIsTold(t *testing.T) {
	r := tiny(t, Options{})
	url := r.serve(t)
	p := visit(t, url, "")
	const answer = 20
	read := func() (n uint64) {
		p.see(func(s *vis.Session) { n = s.KVRead() })
		return n
	}
	talk := func() {
		had := 0
		p.see(func(s *vis.Session) { had = len(s.Tokens()) })
		p.send(&wire.Chat{Text: "Hello there", Params: params(answer)})
		p.wait("an answer", func() bool {
			return len(p.know.Tokens()) > had+answer && p.know.State().State == wire.StateLengthCapped
		})
	}
	talk()
	if n := read(); n != 0 {
		t.Errorf("%d bytes of keys and values were told to a page that knows nothing to hold them against", n)
	}
	r.server.SetBandwidth(machine.Bandwidth{Threads: 2, Bytes: 1 << 28, BytesPerSecond: 3.5e10})
	// The last step had all tokens but the one that it drew.
	last := func() uint64 { return uint64((len(p.know.Tokens()) - 1) * r.engine.Pool().SlotBytes) }
	near := func() bool {
		more := float64(p.know.KVRead()) - float64(last())
		return math.Abs(more) <= float64(r.engine.Model().StepBytes())/100
	}
	p.wait("what the last step read", near)
	before := read()
	talk()
	p.wait("what a longer conversation reads", near)
	if n := read(); n <= before {
		t.Errorf("%d bytes of keys and values are read at the end, %d before", n, before)
	}
}

func TestRate(t *testing.T) {
	var r rate
	at := time.Now()
	step := func(after time.Duration) float32 {
		at = at.Add(after)
		r.add(at)
		return r.perSecond()
	}
	if got := step(0); got != 0 {
		t.Errorf("after one step %v", got)
	}
	if got := step(100 * time.Millisecond); got != 10 {
		t.Errorf("after two steps %v, want 10", got)
	}
	for range 100 {
		step(20 * time.Millisecond)
	}
	if got := r.perSecond(); got != 50 {
		t.Errorf("over the last two seconds %v, want 50: what was before counts no more", got)
	}
	if got := step(5 * time.Second); got != 0.2 {
		t.Errorf("after a step that took 5 s %v, want 0.2", got)
	}
	r.reset()
	if got := step(time.Second); got != 0 {
		t.Errorf("after a reset %v", got)
	}
}
