package kernel
import ("testing";"math/rand/v2";"fmt";"syscall";"vitrine/engine/quant")
func BenchmarkAMX(b *testing.B) {
	if _,_,e := syscall.RawSyscall(158, 0x1023, 18, 0); e != 0 { b.Fatal(e) }
	r := rand.New(rand.NewPCG(1, 2))
	for _, sh := range [][2]int{{576,576},{1536,576},{576,1536}} {
		rows, cols := sh[0], sh[1]
		l, _ := LayoutOf(quant.Q4_1)
		w := pack(b, l, rows, cols, matrix(b, r, quant.Q4_1, rows, cols))
		s := For(AVX512)
		for _, n := range []int{16, 512} {
			var q Rows
			q.Reserve(n, cols)
			blocks := cols/32
			x := make([]byte, n/16*blocks*1280)
			for i := range n { s.Quantize(&q, i, activations(r, cols)); bunchAMX(&x[i/16*blocks*1280], i%16, pointer(q.rows(i,i+1)), blocks) }
			out := make([]float32, n*rows)
			ref := make([]float32, n*rows)
			var p Panel
			for i := range w.Panels() { s.MatMul(ref[i*PanelRows:], rows, &p, w, i, &q, n) }
			numbers := make([]int8, 16*cols)
			scales := make([]float32, 2*16*blocks)
			sums := make([]int32, 4*256)
			run := func() {
				for t := range w.Tiles() {
					expandQ41AMX(&numbers[0], &scales[0], &w.tile(t)[0], blocks)
					gemm32MinAMX(&out[t*16], rows*4, &numbers[0], &scales[0], &x[0], n/16, blocks, &sums[0], &w.data[0])
				}
			}
			run()
			for i := range out { if out[i] != ref[i] { b.Fatal(i, out[i], ref[i]) } }
			b.Run(fmt.Sprintf("vnni/%dx%d/%d", rows,cols, n), func(b *testing.B) {
				for b.Loop() {
					for i := range w.Panels() { s.MatMul(ref[i*PanelRows:], rows, &p, w, i, &q, n) }
				}
				b.ReportMetric(float64(rows*cols*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
			b.Run(fmt.Sprintf("amx/%dx%d/%d", rows,cols, n), func(b *testing.B) {
				for b.Loop() { run() }
				b.ReportMetric(float64(rows*cols*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}
