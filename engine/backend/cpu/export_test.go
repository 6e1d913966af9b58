package cpu

// HandOvers counts the operations that were handed over to the goroutines so far.
func (b *Backend) HandOvers() uint64 { return b.pool.epoch.Load() }
