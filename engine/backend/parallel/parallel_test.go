package parallel_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/modeltest"
	"vitrine/engine/quant"
)

// group makes n ranks on ref.
func group(t *testing.T, n int) *parallel.Backend {
	t.Helper()
	var list []backend.Backend
	for range n {
		list = append(list, ref.New())
	}
	b, err := parallel.New(list...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func random(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

func float32Bytes(values []float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// A column-parallel product followed by a row-parallel one and an AllReduce is
// the product of both, over numbers of ranks, uneven parts and number formats.
func TestColumnThenRowParallel(t *testing.T) {
	const width, inner, rows = 64, 512, 5
	r := rand.New(rand.NewPCG(1, 2))
	up, down, bias, x := random(r, inner*width), random(r, width*inner), random(r, inner), random(r, rows*width)
	for _, format := range []quant.Type{quant.F32, quant.F16, quant.Q4_1, quant.Q8_0} {
		upBytes, downBytes := quantized(t, format, up), quantized(t, format, down)
		run := func(b backend.Backend, column, row func() (backend.Weight, error), biased func() (backend.Weight, error), middle func() (backend.Tensor, error)) []float32 {
			in, out := must[backend.Tensor](t)(b.NewTensor(rows, width)), must[backend.Tensor](t)(b.NewTensor(rows, width))
			between := must[backend.Tensor](t)(middle())
			b.Write(in, 0, x)
			b.MatMul(in, rows, backend.Product{Dst: between, W: must[backend.Weight](t)(column()), Bias: must[backend.Weight](t)(biased())})
			b.MatMul(between, rows, backend.Product{Dst: out, W: must[backend.Weight](t)(row())})
			if p, ok := b.(backend.Parallel); ok {
				p.AllReduce(out, rows)
			}
			both := make([]float32, rows*(width+inner))
			b.Read(both[:rows*width], out, 0)
			b.Read(both[rows*width:], between, 0)
			if err := b.Sync(); err != nil {
				t.Fatal(err)
			}
			return both
		}
		one := ref.New()
		want := run(one, func() (backend.Weight, error) { return one.NewWeight("up", format, inner, width, upBytes) },
			func() (backend.Weight, error) { return one.NewWeight("down", format, width, inner, downBytes) },
			func() (backend.Weight, error) { return one.NewWeight("bias", quant.F32, 1, inner, float32Bytes(bias)) },
			func() (backend.Tensor, error) { return one.NewTensor(rows, inner) })
		for _, at := range []backend.Borders{{0, inner}, {0, 256, inner}, {0, 32, inner}, {0, 96, 224, inner}, {0, 64, 128, 192, 480, inner}} {
			b := group(t, len(at)-1)
			got := run(b, func() (backend.Weight, error) { return b.NewColumnParallel("up", format, inner, width, upBytes, at) },
				func() (backend.Weight, error) { return b.NewRowParallel("down", format, width, inner, downBytes, at) },
				func() (backend.Weight, error) {
					return b.NewColumnParallel("bias", quant.F32, 1, inner, float32Bytes(bias), at)
				},
				func() (backend.Tensor, error) { return b.NewDivided(rows, at) })
			if e := modeltest.RelativeRMS(got, want); !(e <= 1e-6) {
				t.Errorf("%v, borders %v: differs by %.1e relative RMS", format, at, e)
			}
		}
	}
}

func quantized(t *testing.T, format quant.Type, values []float32) []byte {
	t.Helper()
	n, err := format.RowBytes(len(values))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, n)
	if err := quant.Quantize(out, format, values); err != nil {
		t.Fatal(err)
	}
	return out
}

// AllReduce adds up in the order of the ranks: in float32 another order gives
// other numbers. Here each rank has the numbers of its part of a row-parallel
// product with ones.
func TestAllReduceAddsInOrder(t *testing.T) {
	parts := [][]float32{{1e8, 1}, {1, 1e8}, {-1e8, 1}, {0.5, -1e8}}
	b := group(t, len(parts))
	x, sum := must[backend.Tensor](t)(b.NewDivided(1, backend.Borders{0, 1, 2, 3, 4})), must[backend.Tensor](t)(b.NewTensor(1, 2))
	b.Write(x, 0, []float32{1, 1, 1, 1})
	w := make([]float32, 0, 8) // 2 × 4: column r is what rank r has
	for out := range 2 {
		for _, p := range parts {
			w = append(w, p[out])
		}
	}
	row := must[backend.Weight](t)(b.NewRowParallel("w", quant.F32, 2, 4, float32Bytes(w), backend.Borders{0, 1, 2, 3, 4}))
	want := make([]float32, 2)
	for out := range want {
		for _, p := range parts {
			want[out] += p[out]
		}
	}
	for range 20 {
		b.MatMul(x, 1, backend.Product{Dst: sum, W: row})
		b.AllReduce(sum, 1)
		got := make([]float32, 2)
		b.Read(got, sum, 0)
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the sum is %v, in the order of the ranks it is %v", got, want)
		}
	}
}

// Numbers of a divided tensor go where they belong and come back, also in the
// middle of what is noted.
func TestDividedTensor(t *testing.T) {
	b := group(t, 3)
	x := must[backend.Tensor](t)(b.NewDivided(4, backend.Borders{0, 1, 5, 7}))
	if x.Rows() != 4 || x.Cols() != 7 {
		t.Errorf("%d × %d, want 4 × 7", x.Rows(), x.Cols())
	}
	values := random(rand.New(rand.NewPCG(3, 4)), 3*7)
	b.Write(x, 1, values)
	early := make([]float32, 10) // a row and a part of the next
	b.Read(early, x, 1)
	b.Write(x, 1, make([]float32, 7)) // at once, but after what is noted
	rest := make([]float32, 3*7)
	b.Read(rest, x, 1)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(early, values[:10]) {
		t.Errorf("read %v, want %v", early, values[:10])
	}
	if !slices.Equal(rest[:7], make([]float32, 7)) || !slices.Equal(rest[7:], values[7:]) {
		t.Errorf("read %v after a row was overwritten", rest)
	}
}

func TestRefusals(t *testing.T) {
	b := group(t, 2)
	q := quantized(t, quant.Q4_1, make([]float32, 4*128))
	for _, c := range []struct {
		name string
		err  func() error
		want string
	}{
		{"no rank", func() error { _, err := parallel.New(); return err }, "at least one"},
		{"ranks of two kinds", func() error {
			one := cpu.New(1)
			defer one.Close()
			_, err := parallel.New(ref.New(), one)
			return err
		}, "rank 1 is cpu, want ref"},
		{"a border within a block", func() error {
			_, err := b.NewRowParallel("w", quant.Q4_1, 4, 128, q, backend.Borders{0, 48, 128})
			return err
		}, "weight w: border at column 48"},
		{"a border too many", func() error {
			_, err := b.NewRowParallel("w", quant.Q4_1, 4, 128, q, backend.Borders{0, 32, 64, 128})
			return err
		}, "want 3 from 0 to 128"},
		{"too few data", func() error {
			_, err := b.NewColumnParallel("w", quant.Q4_1, 4, 128, q[1:], backend.Borders{0, 1, 4})
			return err
		}, "bytes of data"},
		{"a rank without rows", func() error {
			_, err := b.NewColumnParallel("w", quant.Q4_1, 4, 128, q, backend.Borders{0, 0, 4})
			return err
		}, "leave nothing to rank 0"},
		{"no borders", func() error { _, err := b.NewDivided(1, nil); return err }, "no borders"},
		{"a cache without heads", func() error {
			_, err := b.NewDividedKV(backend.KVConfig{Layers: 1, Blocks: 1, BlockSize: 1, KVHeads: 2, HeadDim: 2}, backend.Borders{0, 2, 2})
			return err
		}, "leave nothing to rank 1"},
	} {
		if err := c.err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
}

// failing is a backend whose Sync fails.
type failing struct {
	backend.Backend
	err error
}

func (f failing) Sync() error { return f.err }

// What fails in a rank is told by Sync, once, with the rank's number.
func TestSyncTellsWhatFailed(t *testing.T) {
	lost := errorString("device lost")
	b := must[*parallel.Backend](t)(parallel.New(ref.New(), failing{ref.New(), lost}))
	defer b.Close()
	x := must[backend.Tensor](t)(b.NewTensor(1, 2))
	b.Scale(x, 2, 1)
	b.Write(x, 0, []float32{1, 2}) // settles what is noted
	if err := b.Sync(); err == nil || !strings.Contains(err.Error(), "rank 1: device lost") {
		t.Errorf("Sync: %v", err)
	}
	if err := b.Sync(); err != nil {
		t.Errorf("the second Sync: %v", err)
	}
}

type errorString string

func (e errorString) Error() string { return string(e) }

// Nobody leaves a barrier before all have come, however late: the sum is that of
// numbers that every rank takes another time for.
func TestAllReduceWaits(t *testing.T) {
	for _, width := range []int{100, 3000} { // few numbers, and many
		t.Run(fmt.Sprint(width), func(t *testing.T) { allReduceWaits(t, width) })
	}
}

func allReduceWaits(t *testing.T, width int) {
	const ranks, rows = 3, 3
	var list []backend.Backend
	for i := range ranks {
		list = append(list, slow{ref.New(), rand.New(rand.NewPCG(5, uint64(i)))})
	}
	b := must[*parallel.Backend](t)(parallel.New(list...))
	defer b.Close()
	x := must[backend.Tensor](t)(b.NewTensor(rows, width))
	numbers, want, got := make([]float32, rows*width), make([]float32, rows*width), make([]float32, rows*width)
	for i := range numbers {
		numbers[i] = float32(i)
		want[i] = 3 * 2 * ranks * ranks * numbers[i]
	}
	for round := range 30 {
		b.Write(x, 0, numbers)
		b.Scale(x, 3, rows)
		b.AllReduce(x, rows)
		b.Scale(x, 2, rows) // sooner than others have the sum
		b.AllReduce(x, rows)
		b.Read(got, x, 0)
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: a sum is wrong", round)
		}
	}
}

// slow does not begin to Scale at once: sooner than others look for it, or
// after they have gone to sleep.
type slow struct {
	*ref.Backend
	random *rand.Rand
}

func (s slow) Scale(x backend.Tensor, factor float32, n int) {
	if s.random.IntN(4) == 0 {
		time.Sleep(time.Duration(s.random.IntN(1000)) * time.Microsecond)
	}
	s.Backend.Scale(x, factor, n)
}
