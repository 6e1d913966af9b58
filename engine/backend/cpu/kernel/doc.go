// Package kernel holds the inner loops of the cpu backend: for AVX-512 with
// VNNI and for AVX2 in assembly, and in plain Go for every other processor.
//
// # Basics
//
// A [Set] is all kernels for one [Level]. [Best] names the level that suits
// the machine; building with the tag noasm leaves only [Go].
//
// Quantized weights are kept as integers. [Packer.Pack] interleaves sixteen rows of a
// matrix into a tile, so that a vector of sixteen lanes holds a pair of columns
// of each, and no sum ever has to be taken across lanes. Activations become
// 16-bit integers with a power of two as scale for each 32 of them ([Rows]), whose
// products are summed exactly.
//
// # Why integers of 16 bits
//
// The other ways are to unpack weights to float32 and multiply and add in that, which loses
// nothing, and to round activations to 8 bits, as llama.cpp does. BenchmarkFloatOrInteger
// measures all three on tiles in Q4_1: decoding with two threads and matrices that come
// from memory, 960 MiB of them, and multiplying 480 rows with 1,536 × 576 weights on one.
// The figures are 10⁹ multiply–adds a second on an Intel Xeon with AMX, medians of five
// rounds in one run (November 2026); the error is that of a product, relative RMS:
//
//	                  decode         prefill               error
//	                  AVX2  AVX-512  AVX2  AVX-512  AMX
//	float32           21.7  23.2     48.5   77.3           4·10⁻⁷
//	int16, as here    23.7  24.9     66.4  119.8    219.6  3·10⁻⁵
//	int8                    33.8           206.3           5·10⁻³
//
// So float32 costs a decode, which waits for memory, 7 to 8 %, and a prompt 27 to 35 % of
// its speed; and nobody sees the 3·10⁻⁵, for keys and values in float16 lose more.
// 8 bits are the fastest, but their error is what leaves llama.cpp's logits 0.7 to 4.4 %
// away from those of float32, where these kernels are to stay within 1 %.
//
// # Kernels
//
// One row of activations is multiplied with many tiles ([Set.MatVec]), for then
// reading them is what takes the time; several rows with two tiles after two
// ([Set.MatMul]), taken apart in registers or, where those are few, expanded to
// a [Panel]. With AMX, sixteen rows at a time are multiplied with tiles expanded to
// bfloat16, the high and the low bytes of the activations apart. float32 holds their
// sums without rounding, so they are the same. There a core's second-level cache
// is what bounds them, and so many rows are divided among the workers ([Set.Slab]).
// For fewer rows, such as the next tokens of a batch, tiles are expanded while the
// ones before are multiplied.
//
// # Caveats
//
// A result of a row depends on that row and the weights alone, and is the same
// to the bit at [AVX2], [AVX512] and [AMX] and whichever kernel computes it. [Go]
// computes the same integers, but rounds products that the others do not round.
//
// Some ways are faster with AMX and give that up: products of many rows in fixed point of
// 16 bits ([FixedRows]), with the gating of such ([Set.GatePanel]), and attention of many
// queries as two bfloat16 a number ([AttentionTiles]). They are there for who asks for them.
//
// The assembly is written by the generator in folder gen, a module of its own;
// `go generate` runs it. The comment of each stub has the same in Go, with the helpers of
// testdata/stubs.go; TestStubsAreGo compiles it and runs the kernels' tests with it. Where
// the assembly adds up in an order that it does not tell, so does the Go in another.
package kernel

//go:generate go -C gen run . -room matmul -out ../matmul_amd64.s -stubs ../matmul_amd64.go -pkg kernel
//go:generate go -C gen run . -room amx -out ../amx_amd64.s -stubs ../amx_amd64.go -pkg kernel
//go:generate go -C gen run . -room fused -out ../fused_amd64.s -stubs ../fused_amd64.go -pkg kernel
//go:generate go -C gen run . -room fixed -out ../fixed_amd64.s -stubs ../fixed_amd64.go -pkg kernel
//go:generate go -C gen run . -room gated -out ../gated_amd64.s -stubs ../gated_amd64.go -pkg kernel
//go:generate go -C gen run . -room floats -out ../floats_amd64.s -stubs ../floats_amd64.go -pkg kernel
//go:generate go -C gen run . -room hints -out ../hints_amd64.s -stubs ../hints_amd64.go -pkg kernel
//go:generate go -C gen run . -room vector -out ../vector_amd64.s -stubs ../vector_amd64.go -pkg kernel
//go:generate go -C gen run . -room attention -out ../attention_amd64.s -stubs ../attention_amd64.go -pkg kernel
//go:generate go -C gen run . -room attentiontiles -out ../attentiontiles_amd64.s -stubs ../attentiontiles_amd64.go -pkg kernel
