package load

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/pbnjay/memory"
)

// CheckPool refuses a pool of KV blocks that is larger than the machine's
// memory: asking the system for it would end the process.
func (m *Model) CheckPool(blocks, blockSize int) error {
	const float32Bytes = 4
	c := m.Config()
	slot := 2 * float32Bytes * uint64(c.Layers) * uint64(c.KVHeads) * uint64(c.HeadDim)
	total := memory.TotalMemory() // 0 where the system does not say
	if most := total / slot / uint64(blockSize); total > 0 && uint64(blocks) > most {
		return fmt.Errorf("a pool of %d KV blocks does not fit into this machine's memory of %s, which is that of %d blocks of %d tokens",
			blocks, humanize.IBytes(total), most, blockSize)
	}
	return nil
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
