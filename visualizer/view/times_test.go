package view

import (
	"testing"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// someTimes are those of a step of 100 µs of two layers.
func someTimes() *session.Times {
	return &session.Times{
		Steps: 4, Step: 100, Draw: 25, Layers: 2, Inner: []wire.Operation{wire.OperationRoPE, wire.OperationDown},
		Outer:  []wire.OperationTime{{Op: wire.OperationUnembed, Micros: 40}},
		Micros: []float32{1, 20, 2, 25},
	}
}

func TestTimeTotals(t *testing.T) {
	times := someTimes()
	got := TimeTotals(times)
	want := []TimeTotal{
		{TimeItem(wire.OperationDown), 45, 2}, {TimeItem(wire.OperationUnembed), 40, 1}, {ItemDraw, 25, 1},
		{ItemRest, 12, 1}, {TimeItem(wire.OperationRoPE), 3, 2},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	var sum float32
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("number %d is %+v, want %+v", i, got[i], want[i])
		}
		sum += got[i].Micros
	}
	if sum != Whole(times) {
		t.Errorf("the totals are %v together, the whole is %v", sum, Whole(times))
	}
	times.Step = 80 // rounded below its operations
	if rest := TimeTotals(times)[4]; rest != (TimeTotal{ItemRest, 0, 1}) {
		t.Errorf("the least is %+v, want a rest of nothing", rest)
	}
}

func TestTimeLines(t *testing.T) {
	m := &wire.Machine{StepBytes: 98_650_000, BytesPerSecond: 33_000_000_000}
	for got, want := range map[string]string{
		TimeShare(someTimes(), 45)[0].String(): "t/(step + draw) = 45.00 µs/(100.00 µs + 25.00 µs) = 36.00 %",
		Mean(4, 45)[0].String():                "t = Σ tᵢ/4 = 45.00 µs",
		Bandwidth(m, 2.3e6, 143.2)[0].String(): "(98.65 MB + 2.30 MB)·143.2/s = 14.46 GB/s",
		Bandwidth(m, 2.3e6, 143.2)[1].String(): "14.46 GB/s ÷ 33.00 GB/s = 43.81 %",
		Bandwidth(m, 0, 1000)[1].String():      "98.65 GB/s ÷ 33.00 GB/s = 298.94 %", // from a cache
		Micros(1234567.125):                    "1,234,567.12 µs",
		Micros(999.999):                        "1,000.00 µs",
		Micros(0.5):                            "0.50 µs",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// One step that was held up does not flatten the bars of the others.
func TestFullBar(t *testing.T) {
	micros := make([]float32, 100)
	for i := range micros {
		micros[i] = float32(10 + i%3)
	}
	micros[40] = 5000
	if got := FullBar(micros); got != 12 {
		t.Errorf("a full bar is %v, want 12", got)
	}
}

// An operation reads weights if and only if a product does it.
func TestOperationFunc(t *testing.T) {
	for op := range wire.NumOperations {
		name := OperationFunc("cpu", TimeItem(op))
		if product := name == BackendFunc("cpu", MethodMatMul) || name == BackendFunc("cpu", methodMatMulGLU); product != ReadsWeights(TimeItem(op)) {
			t.Errorf("operation %d is done by %s, and reads weights: %v", op, name, ReadsWeights(TimeItem(op)))
		}
		if name == "" {
			t.Errorf("operation %d is done by nobody", op)
		}
	}
	if OperationFunc("cpu", ItemDraw) != FuncSample || OperationFunc("cpu", ItemRest) != FuncStep || OperationFunc("cpu", NumTimeItems) != "" {
		t.Error("what is no operation is done by another function")
	}
}
