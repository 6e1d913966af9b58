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
// 16-bit integers with a power of two as scale for each 32 of them ([Rows]): exact
// sums of products then cost as little as sums of 8-bit numbers, and what is lost in
// rounding is some 10⁻⁵ of a vector, less than float16 loses.
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
// `go generate` runs it.
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
