package view

import (
	"strconv"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// BlockOf is a block of the pool as it is painted; own is the request that the
// page watches, 0 if there is none.
func BlockOf(b wire.BlockChange, own uint32) paint.Block {
	block := paint.Block{Own: b.Refs > 0 && own != 0 && b.Owner == own, Hashed: b.Hashed, Filled: int(b.Filled)}
	switch {
	case b.Refs > 1:
		block.State = paint.BlockShared
	case b.Refs == 1:
		block.State = paint.BlockUsed
	case b.Hashed:
		block.State = paint.BlockCached
	}
	return block
}

// BlockEvent is what happened to a block between two looks at the pool.
type BlockEvent uint8

// The events.
const (
	BlockSame    BlockEvent = iota
	BlockTaken              // from nobody to somebody
	BlockFreed              // the other way round
	BlockWritten            // other slots are filled, or another request holds it
)

// BlockEventOf compares a block's condition at two times.
func BlockEventOf(before, after wire.BlockChange) BlockEvent {
	switch {
	case before.Refs == 0 && after.Refs > 0:
		return BlockTaken
	case before.Refs > 0 && after.Refs == 0:
		return BlockFreed
	case before.Filled != after.Filled || before.Owner != after.Owner || before.Index != after.Index:
		return BlockWritten
	}
	return BlockSame
}

// Waste is the number of bytes in a chat's blocks that hold nothing yet: the
// empty slots of its last block. (Kwon et al. 2023 call it internal
// fragmentation; with pages it is less than a block a sequence.)
func Waste(m session.Memory) uint64 {
	if m.Filled > m.Blocks {
		return 0
	}
	return m.Blocks - m.Filled
}

// SlotBytes tells what one token's keys and values take over all layers, in
// one line named "slot"; the width of a number is what the model says it is.
//
//	2·30 layers·3 heads·64·4 B = 46080 B
func SlotBytes(m *wire.Model) []Line {
	values := 2 * uint64(m.Layers) * uint64(m.KVHeads) * uint64(m.HeadDim)
	if values == 0 {
		return nil
	}
	each := Number(float64(m.BytesPerSlot) / float64(values))
	if uint64(m.BytesPerSlot)%values == 0 {
		each = strconv.FormatUint(uint64(m.BytesPerSlot)/values, 10)
	}
	return []Line{line("slot", plain("2·"+strconv.Itoa(int(m.Layers))+"·"+strconv.Itoa(int(m.KVHeads))+"·"+
		strconv.Itoa(int(m.HeadDim))+"·"+each+" B = "+strconv.Itoa(int(m.BytesPerSlot))+" B"))}
}

// BlockBytes tells what a number of blocks takes, in one line named "blocks".
//
//	5·16·46080 B = 3686400 B
func BlockBytes(m *wire.Model, blocks int) []Line {
	return []Line{product("blocks", uint64(blocks), uint64(m.BlockSize), uint64(m.BytesPerSlot))}
}

// ContiguousBytes tells what a reservation of the longest sequence takes, in
// one line named "contiguous".
//
//	8192·46080 B = 377487360 B
func ContiguousBytes(m *wire.Model) []Line {
	return []Line{product("contiguous", uint64(m.Context), uint64(m.BytesPerSlot))}
}

// WasteBytes tells what the empty slots of a chat's blocks take, in one line
// named "waste".
//
//	(5·16 − 71)·46080 B = 414720 B
func WasteBytes(m *wire.Model, blocks, filled int) []Line {
	empty := max(blocks*int(m.BlockSize)-filled, 0)
	return []Line{line("waste", plain("("+strconv.Itoa(blocks)+"·"+strconv.Itoa(int(m.BlockSize))+" − "+strconv.Itoa(filled)+")·"+
		strconv.Itoa(int(m.BytesPerSlot))+" B = "+strconv.FormatUint(uint64(empty)*uint64(m.BytesPerSlot), 10)+" B"))}
}

// product is a line of factors, the last of them bytes, and their product.
func product(name string, factors ...uint64) Line {
	text, n := "", uint64(1)
	for i, f := range factors {
		if i > 0 {
			text += "·"
		}
		text += strconv.FormatUint(f, 10)
		n *= f
	}
	return line(name, plain(text+" B = "+strconv.FormatUint(n, 10)+" B"))
}

// Place tells where a position's keys and values lie, in two lines named
// "logical" and "physical": its place in the block table, and the slot of the
// pool.
//
//	⌊71/16⌋ = 4, 71 mod 16 = 7
//	table[4] = 37, 37·16 + 7 = 599
func Place(position, blockSize, physical int) []Line {
	if blockSize <= 0 || position < 0 {
		return nil
	}
	p, size, block := strconv.Itoa(position), strconv.Itoa(blockSize), strconv.Itoa(physical)
	index, offset := strconv.Itoa(position/blockSize), strconv.Itoa(position%blockSize)
	return []Line{
		line("logical", plain("⌊"+p+"/"+size+"⌋ = "+index+", "+p+" mod "+size+" = "+offset)),
		line("physical", plain("table["+index+"] = "+block+", "+block+"·"+size+" + "+offset+" = "+
			strconv.Itoa(physical*blockSize+position%blockSize))),
	}
}
