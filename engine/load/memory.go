package load

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/pbnjay/memory"
)

// minBlocks is a pool that is worth looking at.
const minBlocks = 512

// PoolBlocks is the number of KV blocks for one sequence as long as the model
// was made for, at least 512, but for no more than half of the machine's memory:
// what a file says of its context is no reason to ask the system for more.
func (m *Model) PoolBlocks(blockSize int) int {
	return poolBlocks(m.Config().Context, blockSize, m.most(blockSize))
}

// poolBlocks is PoolBlocks where most blocks fit into the memory, 0 if that is not known.
func poolBlocks(context, blockSize int, most uint64) int {
	blocks := max(minBlocks, (context+blockSize-1)/blockSize)
	if most > 0 && uint64(blocks) > most/2 {
		blocks = int(max(most/2, 1))
	}
	return blocks
}

// CheckPool refuses a pool of KV blocks that is larger than the machine's
// memory: asking the system for it would end the process. The error is a *[MemoryError].
func (m *Model) CheckPool(blocks, blockSize int) error {
	if most := m.most(blockSize); most > 0 && uint64(blocks) > most {
		return &MemoryError{Blocks: blocks, BlockSize: blockSize, Memory: humanize.IBytes(memory.TotalMemory()), Most: most}
	}
	return nil
}

// MemoryError says that a pool of KV blocks is larger than the machine's memory.
type MemoryError struct {
	Blocks    int    // of the pool
	BlockSize int    // tokens of a block
	Memory    string // of the machine, such as "8.0 GiB"
	Most      uint64 // blocks that are as large as that
}

// Error says both sizes in blocks.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("a pool of %d KV blocks does not fit into this machine's memory of %s, which is that of %d blocks of %d tokens",
		e.Blocks, e.Memory, e.Most, e.BlockSize)
}

// FileBytes is the size of the model's file or, of a folder, of the files of
// its weights.
func (m *Model) FileBytes() (int64, error) {
	info, err := os.Stat(m.Path)
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return info.Size(), nil
	}
	files, err := filepath.Glob(filepath.Join(m.Path, "*.safetensors"))
	if err != nil {
		return 0, err
	}
	var total int64
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// most is the number of KV blocks in float32, the largest format of any
// backend, that the machine's memory is as large as; 0 where the system does
// not say how large that is.
func (m *Model) most(blockSize int) uint64 {
	const float32Bytes = 4
	c := m.Config()
	slot := 2 * float32Bytes * uint64(c.Layers) * uint64(c.KVHeads) * uint64(c.HeadDim)
	return memory.TotalMemory() / slot / uint64(blockSize)
}
