package machine

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"vitrine/engine/backend/cpu/kernel"
)

func TestDescribe(t *testing.T) {
	i := Describe()
	if i.CPU == "" || i.Processors < 1 || i.Memory < 1<<28 {
		t.Errorf("%+v", i)
	}
	if !strings.HasPrefix(i.String(), i.CPU+", ") || !strings.HasSuffix(i.String(), strings.Join(i.Features, " ")) {
		t.Errorf("in words: %s", i)
	}
}

func TestMemoryBuffer(t *testing.T) {
	for _, c := range []struct {
		l3     int
		memory uint64
		want   int
	}{{32 << 20, 16 << 30, 256 << 20}, {480 << 20, 16 << 30, 1920 << 20}, {480 << 20, 4 << 30, 1 << 30}, {0, 0, 256 << 20}} {
		if got := (Info{L3: c.l3, Memory: c.memory}).MemoryBuffer(); got != c.want {
			t.Errorf("L3 of %d, memory of %d: %d bytes, want %d", c.l3, c.memory, got, c.want)
		}
	}
}

func TestReadBandwidth(t *testing.T) {
	b, err := ReadBandwidth(t.Context(), 2, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	// No machine that runs Go reads slower than a tenth of a GB/s or faster than ten TB/s.
	if b.Threads != 2 || b.Bytes != 8<<20 || !(b.GB() > 0.1 && b.GB() < 1e4) {
		t.Errorf("%+v", b)
	}
	for _, c := range []struct{ threads, bytes int }{{0, 1 << 20}, {4, 200}, {1, -1}} {
		if _, err := ReadBandwidth(t.Context(), c.threads, c.bytes); err == nil {
			t.Errorf("%d threads, %d bytes: no error", c.threads, c.bytes)
		}
	}
}

func TestReadBandwidthGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadBandwidth(ctx, 1, 8<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestSum(t *testing.T) {
	words := make([]uint64, 2*chunk/8)
	for i := range words {
		words[i] = 1 << i
	}
	if got, want := sum(words), uint64(0x0101010101010101); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestResidentMemory(t *testing.T) {
	before, ok := ResidentMemory()
	if !ok {
		if runtime.GOOS == "linux" {
			t.Fatal("Linux does not say")
		}
		t.Skip("this system does not say")
	}
	const size = 64 << 20
	touched := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		touched[i] = 1
	}
	after, _ := ResidentMemory()
	runtime.KeepAlive(touched)
	if after.Now < before.Now+size/2 || after.Peak < after.Now || before.Peak > after.Peak {
		t.Errorf("64 MiB more took it from %+v to %+v", before, after)
	}
}

func TestLoadAverage(t *testing.T) {
	if load, ok := LoadAverage(); ok != (runtime.GOOS == "linux") || load < 0 {
		t.Errorf("%g, %v", load, ok)
	}
}

func BenchmarkReadBandwidth(b *testing.B) {
	bytes := Describe().MemoryBuffer()
	for b.Loop() {
		w, err := ReadBandwidth(b.Context(), runtime.GOMAXPROCS(0), bytes)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(w.GB(), "GB/s")
	}
}

// The peak is that of the instructions that the kernels of a level use.
func TestMeasurePeak(t *testing.T) {
	with := map[kernel.Level]string{kernel.AVX2: "AVX2", kernel.AVX512: "AVX-512 VNNI", kernel.AMX: "AVX-512 VNNI"}
	if kernel.Best() == kernel.Go {
		with = nil
	}
	for level := kernel.Go; level <= kernel.AMX; level++ {
		p, ok, err := MeasurePeak(2, level)
		if err != nil {
			t.Fatal(err)
		}
		if want := with[level]; ok != (want != "" && level <= kernel.Best()) || ok && p.Int8With != want {
			t.Errorf("%v: a peak %v, with %q, want %q", level, ok, p.Int8With, want)
		}
		if !ok {
			continue
		}
		// A thread of a processor with AVX2 does 10⁹ to 10¹³ a second, and bytes no slower than float32.
		if p.Threads != 2 || !(p.Float32 > 1e9 && p.Float32 < 1e13) || !(p.Int8 > p.Float32 && p.Int8 < 1e14) || p.Float32With == "" {
			t.Errorf("%v: %+v", level, p)
		}
		if tiles := level == kernel.AMX; tiles != (p.AMXInt8 > 0) || tiles && !(p.AMXInt8 > p.Int8 && p.AMXInt8 < 1e14) {
			t.Errorf("%v: bytes with tiles %.3g, without them %.3g", level, p.AMXInt8, p.Int8)
		}
	}
	if _, _, err := MeasurePeak(0, kernel.Best()); err == nil {
		t.Error("no threads: no error")
	}
}

func BenchmarkPeak(b *testing.B) {
	for b.Loop() {
		p, _, err := MeasurePeak(runtime.GOMAXPROCS(0), kernel.Best())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(p.Int8/1e9, "int8-GMAC/s")
		b.ReportMetric(p.Float32/1e9, "float32-GMAC/s")
		b.ReportMetric(p.AMXInt8/1e9, "AMX-int8-GMAC/s")
	}
}
