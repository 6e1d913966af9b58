// Package alternatives multiplies with matrices in Q4_1 in two ways that package kernel
// does not use, so that its choice can be measured: with weights unpacked to float32 and
// activations in float32, and with activations of 8 bits. Only tests import it.
package alternatives

//go:generate go -C ../../gen run . -room alternatives -out ../internal/alternatives/q41_amd64.s -stubs ../internal/alternatives/q41_amd64.go -pkg alternatives
