// Package sampler turns one row of logits into one token and can tell, for
// every token of the vocabulary, what each stage did to it.
//
// # Basics
//
// A [Sampler] holds the scratch memory for one vocabulary size; [Sampler.Sample]
// is the fast path and [Sampler.Explain] the same computation with a recorder:
//
//	p := sampler.Defaults()
//	p.Temperature, p.Seed = 0.8, 7
//	if err := p.Validate(vocab); err != nil { … }
//	s := sampler.New(vocab)
//	h := sampler.History{Prompt: prompt, Output: output}
//	res, err := s.Sample(logits, &p, h, len(prompt)+len(output))
//	rep, err := s.Explain(logits, &p, h, len(prompt)+len(output))
//	v := rep.Why(token) // the stage where it fell, with the operands
//
// # Stages
//
// Parameters have the names, defaults and order of vLLM's SamplingParams:
// raw log-probabilities are taken first; then the mask of a structured output,
// allowed_token_ids, bad_words,
// min_tokens, logit_bias, repetition, frequency and presence penalty; then
// either the greedy choice, or temperature, min_p, top_k, top_p and the draw.
// [Order] offers two other orders for comparison.
//
// # The kept set is a prefix
//
// Tokens are ordered by descending logit after the bias and the penalties, ties
// by ascending id. Temperature, min_p, top_k and top_p cannot change that
// order, so what is kept is always a prefix of it, and a stage is told by the
// last token that it kept. The cuts are found with a radix descent
// over the bits of the logits: no sort and no allocation.
//
// Few tokens decide a draw. So the descent runs over candidates alone, the tokens above a
// floor that sinks until it holds what a stage asks for. What has to see all of the
// vocabulary, the maximum, the rank and the sum of all weights, is assembly for AVX-512 and
// AVX2 besides plain Go; the build tag noasm leaves it out. The assembly is written by the
// generator of the cpu backend's kernels, which `go generate` runs.
//
// # The draw
//
// A token's weight is exp((z−z_max)/T) as a 64-bit fixed-point integer
// (the best token weighs 2^s, with s as large as the vocabulary's sum allows;
// 2^47 for 49,152 tokens). Sums of integers do not depend on the order of
// summation, so the cumulative distribution is exact: the interval
// [lo, hi) of every token, the cut of top_p and the draw are the same bits on
// every platform. One 64-bit word u of Philox4x32-10, keyed by the seed and
// counted by the position, is the needle: the chosen token is the one whose interval
// holds u·total/2^64. A draw thus depends on (seed, position) and the
// distribution alone, never on earlier draws.
//
// vLLM draws argmax(p_i/e_i) with an exponential variate e_i per token. That is
// the same distribution with other random numbers: a seed gives other tokens here
// than there.
//
// # Caveats
//
// A token whose probability is below 2^-(s+1) of the best token's weighs nothing and
// is never drawn. A Sampler is not safe for concurrent use. The package is part
// of the browser client and therefore imports nothing there beyond math, math/bits, strconv,
// errors and slices.
package sampler
