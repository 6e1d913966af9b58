package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/vmihailenco/msgpack/v5"
)

// A KVEvent is what happened to the blocks of the server's prefix cache, as
// vLLM publishes it (vllm/distributed/kv_events.py). Exactly one of its parts is
// set. A block is known by its hash; the server does not tell where it lies nor
// who holds it.
type KVEvent struct {
	Stored    []string // hashes of blocks that were registered, in the order of the sequence
	BlockSize int      // tokens a block, of Stored
	Removed   []string // hashes of blocks that were evicted
	Cleared   bool     // the whole cache was emptied, or events were missed and nothing is known any more
}

const (
	// maxEvents bounds what one message holds, events and blocks each.
	maxEvents = 1 << 16
	// maxBatchFields bounds the fields of a batch, of which two are read.
	maxBatchFields = 16
	// maxKVMessage bounds one message, in bytes: the library's reading of arrays
	// within arrays takes some stack for each.
	maxKVMessage = 1 << 20
	// resubscribe is the time before a publisher that is gone is tried again.
	resubscribe = 2 * time.Second
)

// KVEvents subscribes to the server's events and tells them until ctx is done.
// A publisher that is not there or goes away is tried again. When messages were
// missed, and at every new connection, everything is told to be cleared.
func KVEvents(ctx context.Context, log *slog.Logger, address string, tell func(KVEvent)) {
	for ctx.Err() == nil {
		err := subscribe(ctx, address, tell)
		if ctx.Err() != nil {
			return
		}
		log.Debug("remote: the KV events ended; trying again", "address", address, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(resubscribe):
		}
	}
}

func subscribe(ctx context.Context, address string, tell func(KVEvent)) error {
	socket := zmq4.NewSub(ctx, zmq4.WithDialerMaxRetries(0), zmq4.WithDialerTimeout(dialTimeout))
	defer socket.Close()
	if err := socket.Dial(address); err != nil {
		return err
	}
	if err := socket.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		return err
	}
	tell(KVEvent{Cleared: true})
	next, begun := uint64(0), false
	for {
		m, err := socket.Recv()
		if err != nil {
			return err
		}
		// Topic, sequence number, batch.
		if len(m.Frames) != 3 || len(m.Frames[1]) != 8 || len(m.Frames[2]) > maxKVMessage {
			return errors.New("a message that is not one of vLLM's KV events")
		}
		number := binary.BigEndian.Uint64(m.Frames[1])
		if begun && number != next {
			tell(KVEvent{Cleared: true})
		}
		next, begun = number+1, true
		events, err := parseBatch(m.Frames[2])
		if err != nil {
			return err
		}
		for _, e := range events {
			tell(e)
		}
	}
}

// parseArray reads an array's elements, each as it stands. The library would
// make room for as many as the array says it has, whatever is there.
func parseArray(b []byte, most int) ([]msgpack.RawMessage, error) {
	d := msgpack.NewDecoder(bytes.NewReader(b))
	n, err := d.DecodeArrayLen()
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, fmt.Errorf("%d elements, want at most %d", n, most)
	}
	var list []msgpack.RawMessage
	for range n {
		raw, err := d.DecodeRaw()
		if err != nil {
			return nil, err
		}
		list = append(list, raw)
	}
	return list, nil
}

// parseBatch reads a batch of events: [time, events, …] in MessagePack. Each
// event is a map with its "type", or, in older versions of vLLM, an array that
// begins with it.
func parseBatch(b []byte) (events []KVEvent, err error) {
	batch, err := parseArray(b, maxBatchFields)
	if err == nil && len(batch) < 2 {
		err = errShape
	}
	if err != nil {
		return nil, fmt.Errorf("a batch of KV events: want [time, events, …]: %w", err)
	}
	list, err := parseArray(batch[1], maxEvents)
	if err != nil {
		return nil, fmt.Errorf("a batch of KV events: events: %w", err)
	}
	for _, raw := range list {
		e, known, err := parseEvent(raw)
		if err != nil {
			return nil, fmt.Errorf("a KV event: %w", err)
		}
		if known {
			events = append(events, e)
		}
	}
	return events, nil
}

var errShape = errors.New("not the shape of vLLM's events")

// parseEvent reads one event. known is false for a sort that is new, and for
// blocks that lie elsewhere than in the engine's own memory.
func parseEvent(raw []byte) (e KVEvent, known bool, err error) {
	var value any
	if err := msgpack.Unmarshal(raw, &value); err != nil {
		return e, false, err
	}
	var sort, medium string
	var hashes, size any
	switch v := value.(type) {
	case map[string]any:
		sort, _ = v["type"].(string)
		hashes, size = v["block_hashes"], v["block_size"]
		medium, _ = v["medium"].(string)
	case []any:
		at := func(i int) any {
			if i < len(v) {
				return v[i]
			}
			return nil
		}
		sort, _ = at(0).(string)
		hashes, size = at(1), at(4)
		if i, has := map[string]int{"BlockStored": 6, "BlockRemoved": 2}[sort]; has {
			medium, _ = at(i).(string)
		}
	default:
		return e, false, errShape
	}
	if medium != "" && medium != "GPU" {
		return e, false, nil // a copy in a slower memory
	}
	switch sort {
	case "BlockStored":
		e.Stored, err = parseHashes(hashes)
		n, isNumber := integer(size)
		if err == nil && (!isNumber || n < 1 || n > math.MaxUint16) {
			err = fmt.Errorf("block_size: %v, want 1 to %d", size, math.MaxUint16)
		}
		e.BlockSize = int(n)
	case "BlockRemoved":
		e.Removed, err = parseHashes(hashes)
	case "AllBlocksCleared":
		e.Cleared = true
	default:
		return e, false, nil
	}
	return e, err == nil, err
}

// parseHashes reads block hashes: bytes, or integers in older versions.
func parseHashes(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok || len(list) > maxEvents {
		return nil, fmt.Errorf("block_hashes: want a list of at most %d", maxEvents)
	}
	out := make([]string, len(list))
	for i, h := range list {
		switch h := h.(type) {
		case []byte:
			out[i] = string(h)
		case string:
			out[i] = h
		default:
			n, ok := integer(h)
			if !ok {
				return nil, fmt.Errorf("block_hashes[%d]: want bytes or an integer", i)
			}
			out[i] = fmt.Sprint(n)
		}
	}
	return out, nil
}

// integer is a whole number of MessagePack, which has a type for each size. One
// over the largest int64 keeps its bits.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(n), true
	}
	return 0, false
}
