package kernel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"vitrine/engine/quant"
)

func BenchmarkShape(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	s := For(AVX2)
	for _, n := range []int{16, 512} {
		for _, sh := range [][2]int{{960, 576}, {576, 576}, {3072, 576}, {576, 1536}} {
			rows, cols := sh[0], sh[1]
			l, _ := LayoutOf(quant.Q4_1)
			w := pack(b, l, rows, cols, matrix(b, r, quant.Q4_1, rows, cols))
			var q Rows
			s.Reserve(&q, n, cols)
			for i := range n {
				s.Quantize(&q, i, activations(r, cols))
			}
			stride := min(rows, 1536)
			at := PanelRows
			if os.Getenv("STRIDE") != "" {
				stride, at = 32, 0
			}
			out := make([]float32, n*stride+rows)
			if os.Getenv("HUGE") != "" {
				h := huge(len(q.blocks)*blockBytes + 4*len(out))
				nb := unsafe.Slice((*Block)(unsafe.Pointer(&h[0])), len(q.blocks))
				copy(nb, q.blocks)
				q.blocks = nb
				if os.Getenv("HUGE") == "2" {
					out = unsafe.Slice((*float32)(unsafe.Pointer(&h[len(nb)*blockBytes])), len(out))
				}
			}
			var p Panel
			b.Run(fmt.Sprintf("%d/%dx%d", n, rows, cols), func(b *testing.B) {
				for b.Loop() {
					for i := range w.Panels() {
						s.MatMul(out[i*at:], stride, &p, w, i, &q, n)
					}
				}
				b.ReportMetric(float64(rows*cols*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}

func huge(n int) []byte {
	n = (n + 4<<20) &^ (2<<20 - 1)
	m, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	skip := -uintptr(unsafe.Pointer(&m[0])) % (2 << 20)
	syscall.Madvise(m[skip:], 14)
	return m[skip:]
}
