package app

import "vitrine/visualizer/wire"

// describe says the model's and the pool's numbers in the page's words.
func describe(r *running, hasTemplate bool) wire.Model {
	c, pool := r.model.Config(), r.engine.Pool()
	return wire.Model{
		Name:         r.model.Name,
		Title:        r.model.Title,
		Architecture: c.Architecture,
		Quantization: c.Quantization,
		Licence:      r.model.Licence,
		Backend:      r.model.Backend().Name(),
		Threads:      uint16(r.model.Threads),
		Layers:       uint16(c.Layers),
		Width:        uint32(c.Width),
		Heads:        uint16(c.Heads),
		KVHeads:      uint16(c.KVHeads),
		HeadDim:      uint16(c.HeadDim),
		FFN:          uint32(c.FFN),
		Vocab:        uint32(c.Vocab),
		Context:      uint32(c.Context),
		RopeTheta:    c.RopeTheta,
		NormEps:      c.NormEps,
		BlockSize:    uint16(pool.BlockSize),
		Blocks:       uint32(pool.Blocks),
		BytesPerSlot: uint32(pool.SlotBytes),
		EOS:          r.model.Tokenizer.EOSIDs(),
		HasTemplate:  hasTemplate,
		Parameters:   uint64(c.Parameters),
	}
}
