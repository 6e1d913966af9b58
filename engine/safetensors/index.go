package safetensors

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// readIndexFile reads the index of a sharded model, which may be no larger than a header.
func readIndexFile(path string) ([]byte, error) {
	stat, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("safetensors: %w", err)
	case !stat.Mode().IsRegular():
		return nil, fmt.Errorf("%s: safetensors: not a regular file", path)
	case stat.Size() > maxHeaderBytes:
		return nil, fmt.Errorf("%s: safetensors: the index has %d bytes; at most %d are allowed", path, stat.Size(), maxHeaderBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return data, nil
}

// parseIndex reads the index of a sharded model, {"metadata": …, "weight_map": {"tensor": "shard", …}}, and gives the
// names of the tensors by shard.
func parseIndex(data []byte) (map[string][]string, error) {
	byShard := map[string][]string{}
	found := false
	err := readJSON(data, func(r *jsonReader) error {
		return r.object(func(field string) error {
			if field != "weight_map" {
				return r.skip()
			}
			found = true
			return r.object(func(tensor string) error {
				shard, err := r.string()
				if err != nil {
					return err
				}
				byShard[shard] = append(byShard[shard], tensor)
				return checkShardName(shard)
			})
		})
	})
	if err == nil && !found {
		err = errors.New(`"weight_map" is missing`)
	}
	return byShard, err
}

// checkShardName holds a shard to a file of the index's own folder: an index comes from the network, and may not make
// the program read other files. Both kinds of separator are refused on every system. (A symbolic link may lead
// elsewhere: the cache of Hugging Face consists of them, and no file's content can make one.)
func checkShardName(name string) error {
	if strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) || !strings.HasSuffix(name, extension) {
		return fmt.Errorf("the shard %q has to be the plain name of a file that ends in %s", name, extension)
	}
	return nil
}
