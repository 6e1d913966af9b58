package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/vmihailenco/msgpack/v5"
)

// batches are those that the recorded chat made.
func batches(t testing.TB, b []byte) (out [][]byte) {
	t.Helper()
	for line := range bytes.Lines(b) {
		raw, err := hex.DecodeString(string(bytes.TrimSpace(line)))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

func TestParseBatch(t *testing.T) {
	stored := 0
	for _, b := range batches(t, file(t, "kv_events.hex")) {
		events, err := parseBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			stored += len(e.Stored)
			if len(e.Stored) > 0 && e.BlockSize <= 0 {
				t.Errorf("%+v", e)
			}
		}
	}
	if stored < 2 {
		t.Errorf("%d blocks were stored", stored)
	}
	// Older versions of vLLM send arrays.
	old, err := msgpack.Marshal([]any{1.5, []any{
		[]any{"BlockStored", []any{uint64(1) << 63, 7}, nil, []int{1, 2}, 16, nil, "GPU"},
		[]any{"BlockRemoved", []any{7}, "GPU"}, []any{"BlockRemoved", []any{7}, "CPU"}, []any{"AllBlocksCleared"}, []any{"News"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	events, err := parseBatch(old)
	if err != nil || len(events) != 3 || len(events[0].Stored) != 2 || events[0].BlockSize != 16 || !slices.Equal(events[1].Removed, []string{"7"}) || !events[2].Cleared {
		t.Errorf("%+v, %v", events, err)
	}
	for _, bad := range []any{"x", []any{1}, []any{1, 2}, []any{1, []any{3}}, []any{1, []any{[]any{"BlockStored", 5}}}, []any{1, []any{[]any{"BlockStored", []any{1}, nil, nil, -1}}}} {
		b, err := msgpack.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseBatch(b); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// The subscriber tells of what is published, and that it has missed something.
func TestKVEvents(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	publisher := zmq4.NewPub(ctx)
	defer publisher.Close()
	if err := publisher.Listen("tcp://127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	batch := batches(t, file(t, "kv_events.hex"))[0]
	told := make(chan KVEvent, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		KVEvents(ctx, slog.New(slog.DiscardHandler), "tcp://"+publisher.Addr().String(), func(e KVEvent) {
			select {
			case told <- e:
			default:
			}
		})
	}()
	next := func() KVEvent {
		select {
		case e := <-told:
			return e
		case <-time.After(time.Minute):
			t.Fatal("nothing is told")
		}
		return KVEvent{}
	}
	if e := next(); !e.Cleared {
		t.Errorf("the first is %+v", e)
	}
	// A subscription arrives some time later; until then nothing is sent to it.
	number := uint64(0)
	publish := func() {
		m := zmq4.NewMsgFrom(nil, binary.BigEndian.AppendUint64(nil, number), batch)
		if err := publisher.SendMulti(m); err != nil {
			t.Error(err)
		}
		number++
	}
	deadline := time.Now().Add(time.Minute)
	for len(told) == 0 && time.Now().Before(deadline) {
		publish()
		time.Sleep(20 * time.Millisecond)
	}
	if e := next(); len(e.Stored) == 0 {
		t.Errorf("the next is %+v", e)
	}
	number += 5
	publish()
	for e := next(); !e.Cleared; e = next() {
		if len(e.Stored) == 0 {
			t.Errorf("between is %+v", e)
		}
	}
	cancel()
	<-done
}

func FuzzBatch(f *testing.F) {
	b, err := msgpack.Marshal([]any{1.5, []any{map[string]any{"type": "BlockStored", "block_hashes": []any{[]byte{1}}, "block_size": 16}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := parseBatch(b)
		for _, e := range events {
			if err != nil || len(e.Stored) > 0 && e.BlockSize < 1 {
				t.Fatalf("%+v, %v", e, err)
			}
		}
	})
}
