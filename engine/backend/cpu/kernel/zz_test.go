package kernel
import ("testing";"math/rand/v2";"fmt";"vitrine/engine/quant")
func BenchmarkShape(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, sh := range [][2]int{{576,576},{1536,576},{576,1536}} {
		rows, cols := sh[0], sh[1]
		l, _ := LayoutOf(quant.Q4_1)
		w := pack(b, l, rows, cols, matrix(b, r, quant.Q4_1, rows, cols))
		for _, level := range []Level{AVX2,AVX512} {
			s := For(level)
			for _, n := range []int{16,48,512} {
			var q Rows
			q.Reserve(n, cols)
			for i := range n { s.Quantize(&q, i, activations(r, cols)) }
			out := make([]float32, n*rows)
			var p Panel
			b.Run(fmt.Sprintf("%dx%d/%v/%d", rows,cols, level, n), func(b *testing.B) {
				for b.Loop() {
					for i := range w.Panels() { s.MatMul(out[i*PanelRows:], rows, &p, w, i, &q, n) }
				}
				b.ReportMetric(float64(rows*cols*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
			}
		}
	}
}
