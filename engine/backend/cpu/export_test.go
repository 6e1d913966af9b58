package cpu

import "vitrine/engine/backend/cpu/kernel"

// Defined has b compute with the definition of all kernels, those too that only AMX has.
func (b *Backend) Defined() { b.kernels = kernel.Definition() }

// HandOvers counts the operations that were handed over to the goroutines so far.
func (b *Backend) HandOvers() uint64 { return b.pool.epoch.Load() }
