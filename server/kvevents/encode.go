package kvevents

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"vitrine/engine"
	"vitrine/engine/kvcache"
)

// medium is vLLM's word for the engine's own memory, on a CPU too: what is not
// there lies in a slower one.
const medium = "GPU"

// encode writes a batch: [time, events, data-parallel rank].
func encode(now time.Time, events []engine.PrefixEvent) ([]byte, error) {
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	groups := group(events)
	if err := encodeAll(e, array(3), float64(now.UnixNano())/1e9, array(len(groups))); err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := encodeEvents(e, g); err != nil {
			return nil, err
		}
	}
	err := e.EncodeInt(0)
	return b.Bytes(), err
}

// group puts together what vLLM tells as one event: blocks that were stored one
// behind the other, and blocks that were removed.
func group(events []engine.PrefixEvent) (groups [][]engine.PrefixEvent) {
	for i, e := range events {
		if i > 0 {
			before := events[i-1]
			follows := e.Kind == kvcache.BlockStored && !e.First && e.Parent == before.Hash
			if e.Kind == before.Kind && (follows || e.Kind == kvcache.BlockRemoved) {
				last := &groups[len(groups)-1]
				*last = append(*last, e)
				continue
			}
		}
		groups = append(groups, []engine.PrefixEvent{e})
	}
	return groups
}

// array and object stand for the beginning of an array, and of a map, of so many.
type (
	array  int
	object int
)

// encodeAll writes values one behind the other.
func encodeAll(e *msgpack.Encoder, values ...any) error {
	for _, v := range values {
		var err error
		switch v := v.(type) {
		case array:
			err = e.EncodeArrayLen(int(v))
		case object:
			err = e.EncodeMapLen(int(v))
		default:
			err = e.Encode(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encodeEvents writes events of one group as a single one of vLLM's, a map that
// begins with its type. What has vLLM's default is left out, as vLLM does.
func encodeEvents(e *msgpack.Encoder, events []engine.PrefixEvent) error {
	first := events[0]
	switch first.Kind {
	case kvcache.BlockStored:
		var parent any // none
		if !first.First {
			parent = first.Parent[:]
		}
		var tokens []int32
		for _, b := range events {
			tokens = append(tokens, b.Tokens...)
		}
		fields := object(9)
		if first.Salt != "" {
			fields++
		}
		err := encodeAll(e, fields, "type", "BlockStored", "block_hashes", hashes(events), "parent_block_hash", parent,
			"token_ids", tokens, "block_size", len(first.Tokens), "lora_id", nil, "medium", medium, "lora_name", nil)
		if err == nil && first.Salt != "" { // what its hash is made of beside the tokens, for each block
			keys := make([][]string, len(events))
			keys[0] = []string{first.Salt}
			err = encodeAll(e, "extra_keys", keys)
		}
		if err != nil {
			return err
		}
	case kvcache.BlockRemoved:
		if err := encodeAll(e, object(4), "type", "BlockRemoved", "block_hashes", hashes(events), "medium", medium); err != nil {
			return err
		}
	case kvcache.AllBlocksCleared:
		return encodeAll(e, object(1), "type", "AllBlocksCleared")
	default:
		return fmt.Errorf("kvevents: an event of the kind %d, which has no name", first.Kind)
	}
	return encodeAll(e, "group_idx", 0)
}

func hashes(events []engine.PrefixEvent) [][]byte {
	out := make([][]byte, len(events))
	for i := range events {
		out[i] = slices.Clone(events[i].Hash[:])
	}
	return out
}
