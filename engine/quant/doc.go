// Package quant holds the number formats in which a model's weights are stored, and turns them into float32 and back.
//
// A stored tensor is a run of blocks. The plain formats (F32, F16, BF16) hold one element a block. The quantized
// formats hold 32 or 256 neighbouring elements of a row in one block: small integers q, and the few numbers that turn
// them back into weights:
//
//	Q4_0, Q5_0, Q8_0   x = d·q          32 elements, q signed, d a float16 scale
//	Q4_1, Q5_1         x = d·q + m      32 elements, q unsigned, m a float16 minimum
//	Q3_K, Q6_K         x = d·s·q        256 elements, an integer scale s for every 16
//	Q2_K, Q4_K, Q5_K   x = d·s·q − dmin·m   256 elements, integers s and m for every 16 (Q2_K) or 32
//
// The layouts are those of ggml (block_q4_0 … block_q6_K in ggml-common.h, dequantize_row_* in ggml-quants.c), which
// are what a GGUF file holds: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. All are little-endian. The
// comment of each function here gives its layout byte by byte.
//
// Every product is rounded to float32 before it is added to (no fused multiply-add), so that the same file gives the
// same weights on every processor, in the browser too.
package quant
