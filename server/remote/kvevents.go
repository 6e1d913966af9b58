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

	"github.com/vmihailenco/msgpack/v5"

	"vitrine/server/zmtp"
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
	// settling is the time after which a subscription is in force: nothing says
	// so, and what was published meanwhile is asked for then.
	settling = time.Second
)

// A KVSource says where a server publishes its events.
type KVSource struct {
	Endpoint string // "tcp://host:5557"
	// Replay is where it answers who has missed some, "tcp://host:5558"; empty if
	// it does not.
	Replay string
}

// KVEvents subscribes to the server's events and tells them until ctx is done.
// A publisher that is not there or goes away is tried again. At every new
// connection everything is told to be cleared, and then, if the server replays
// events, all that it still has. So it is when messages were missed and it does
// not have them.
func KVEvents(ctx context.Context, log *slog.Logger, from KVSource, tell func(KVEvent)) {
	for ctx.Err() == nil {
		err := subscribe(ctx, log, from, tell)
		if ctx.Err() != nil {
			return
		}
		log.Debug("remote: the KV events ended; trying again", "address", from.Endpoint, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(resubscribe):
		}
	}
}

// kvLimits bound a message of the publisher: its topic, number and batch, and,
// in a replay, an empty frame before them.
var kvLimits = zmtp.Limits{Message: maxKVMessage + 4096, Frames: 4}

func subscribe(ctx context.Context, log *slog.Logger, from KVSource, tell func(KVEvent)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	socket, err := zmtp.Dial(ctx, from.Endpoint, zmtp.Sub, dialTimeout, kvLimits)
	if err != nil {
		return err
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	if err := socket.Write([]byte{1}); err != nil { // to every topic
		return err
	}
	f := &follower{log: log, replay: from.Replay, tell: tell}
	f.clear()
	if err := f.catchUp(ctx, 0); err != nil {
		return err
	}
	messages, ended := make(chan [][]byte), make(chan error, 1)
	go func() {
		for {
			m, err := socket.Read()
			if err != nil {
				ended <- err
				return
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	settled := time.After(settling)
	for {
		select {
		case m := <-messages:
			if err := f.follow(ctx, m); err != nil {
				return err
			}
		case <-settled:
			if err := f.catchUp(ctx, f.next); err != nil {
				return err
			}
		case err := <-ended:
			return err
		}
	}
}

// follower keeps to the order of what a publisher numbers.
type follower struct {
	log    *slog.Logger
	replay string
	tell   func(KVEvent)
	next   uint64 // the number that is due, once it has begun
	begun  bool
}

// clear says that nothing is known.
func (f *follower) clear() { f.tell(KVEvent{Cleared: true}) }

// follow takes a message of the subscription, after those that were missed.
func (f *follower) follow(ctx context.Context, m [][]byte) error {
	number, batch, err := parseMessage(m)
	if err != nil {
		return err
	}
	if f.begun && number > f.next {
		if err := f.catchUp(ctx, f.next); err != nil {
			return err
		}
	}
	return f.take(number, batch)
}

// take tells of a batch, if it is not known yet.
func (f *follower) take(number uint64, batch []byte) error {
	if f.begun && number < f.next {
		return nil
	}
	events, err := parseBatch(batch)
	if err != nil {
		return err
	}
	if f.begun && number > f.next {
		f.clear() // those between are lost
	}
	f.next, f.begun = number+1, true
	for _, e := range events {
		f.tell(e)
	}
	return nil
}

// catchUp asks for what was published from a number on, if there is one to ask.
// That nobody answers, or not as vLLM does, is no error: the events go on.
func (f *follower) catchUp(ctx context.Context, from uint64) error {
	if f.replay == "" {
		return nil
	}
	if err := f.ask(ctx, from); err != nil && ctx.Err() == nil {
		f.log.Warn("remote: the KV events of before cannot be had", "address", f.replay, "error", err)
	}
	return ctx.Err()
}

// ask reads a replay from a number on to its end.
func (f *follower) ask(ctx context.Context, from uint64) error {
	socket, err := zmtp.Dial(ctx, f.replay, zmtp.Req, dialTimeout, kvLimits)
	if err != nil {
		return err
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	if err := socket.Write(nil, binary.BigEndian.AppendUint64(nil, from)); err != nil {
		return err
	}
	for {
		if err := socket.SetReadDeadline(time.Now().Add(dialTimeout)); err != nil {
			return err
		}
		m, err := socket.Read()
		if err != nil {
			return fmt.Errorf("the replay of KV events: %w", err)
		}
		if len(m) == 4 && len(m[0]) == 0 {
			m = m[1:]
		}
		number, batch, err := parseMessage(m)
		if err != nil {
			return fmt.Errorf("the replay of KV events: %w", err)
		}
		if number == math.MaxUint64 && len(batch) == 0 {
			return nil
		}
		if err := f.take(number, batch); err != nil {
			return fmt.Errorf("the replay of KV events: %w", err)
		}
	}
}

// parseMessage reads a message: topic, sequence number, batch.
func parseMessage(m [][]byte) (number uint64, batch []byte, err error) {
	if len(m) != 3 || len(m[1]) != 8 || len(m[2]) > maxKVMessage {
		return 0, nil, errors.New("a message that is not one of vLLM's KV events")
	}
	return binary.BigEndian.Uint64(m[1]), m[2], nil
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

// maxHash is the most bytes of a block's hash; vLLM's have 32.
const maxHash = 64

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
		if len(out[i]) > maxHash {
			return nil, fmt.Errorf("block_hashes[%d]: is %d bytes long, want %d at most", i, len(out[i]), maxHash)
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
