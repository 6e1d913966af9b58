package safetensors

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vitrine/engine/internal/mapfile"
)

const (
	fileName  = "model.safetensors"
	indexName = "model.safetensors.index.json"
	extension = ".safetensors"
)

// Open maps a model into memory. path is a file, or a folder: then the model is its model.safetensors, or else the
// shards that its model.safetensors.index.json lists, or else its only file that ends in .safetensors. Close it when
// done.
func Open(path string) (*Set, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	if !stat.IsDir() {
		return openFile(path)
	}
	if single := filepath.Join(path, fileName); exists(single) {
		return openFile(single)
	}
	if exists(filepath.Join(path, indexName)) {
		return openShards(path)
	}
	files, err := safetensorsFiles(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("safetensors: %w", err)
	case len(files) == 1:
		return openFile(filepath.Join(path, files[0]))
	case len(files) == 0:
		return nil, fmt.Errorf("%s: safetensors: the folder has neither %s nor %s", path, fileName, indexName)
	}
	return nil, fmt.Errorf("%s: safetensors: the folder has %d files that end in %s, and no %s that says what is where", path, len(files), extension, indexName)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// safetensorsFiles lists the names in a folder that end in .safetensors.
func safetensorsFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	var names []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), extension) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// openFile maps and parses one file.
func openFile(path string) (*Set, error) {
	mapping, err := mapfile.Map(path, "safetensors")
	if err != nil {
		return nil, err
	}
	s, err := Parse(mapping)
	if err != nil {
		_ = mapping.Unmap() // the error that matters is the file's
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.unmap = []func() error{mapping.Unmap}
	return s, nil
}

// openShards maps the shards of a folder that has an index. The set has exactly the tensors that the index lists, each
// from the shard that it names.
func openShards(folder string) (*Set, error) {
	index := filepath.Join(folder, indexName)
	data, err := readIndexFile(index)
	if err != nil {
		return nil, err
	}
	byShard, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%s: safetensors: %w", index, err)
	}
	all := &Set{Metadata: map[string]string{}}
	for _, shard := range slices.Sorted(maps.Keys(byShard)) {
		if err := all.addShard(filepath.Join(folder, shard), byShard[shard]); err != nil {
			_ = all.Close() // the error that matters is the shard's
			return nil, err
		}
	}
	slices.SortFunc(all.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// addShard opens a shard and adds the tensors of the names, all of which it has to have.
func (s *Set) addShard(path string, names []string) error {
	shard, err := openFile(path)
	if err != nil {
		return err
	}
	s.unmap = append(s.unmap, shard.unmap...)
	maps.Copy(s.Metadata, shard.Metadata)
	for _, name := range names {
		t, ok := shard.Tensor(name)
		if !ok {
			return fmt.Errorf("%s: safetensors: the index places tensor %q in this shard, which does not have it", path, name)
		}
		s.Tensors = append(s.Tensors, *t)
	}
	return nil
}
