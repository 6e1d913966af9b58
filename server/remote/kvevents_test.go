package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/vmihailenco/msgpack/v5"

	"vitrine/server/zmtp"
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
	for _, bad := range []any{"x", []any{1}, []any{1, 2}, []any{1, []any{3}}, []any{1, []any{[]any{"BlockStored", 5}}}, []any{1, []any{[]any{"BlockStored", []any{1}, nil, nil, -1}}}, []any{1, []any{[]any{"BlockRemoved", []any{strings.Repeat("x", maxHash+1)}}}}} {
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
		KVEvents(ctx, slog.New(slog.DiscardHandler), KVSource{Endpoint: "tcp://" + publisher.Addr().String()}, func(e KVEvent) {
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

// What was missed is asked for, told once and in order; what cannot be had any
// more clears everything.
func TestReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	listen := func(own zmtp.SocketType, serve func(*zmtp.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					if z, err := zmtp.Open(c, own, time.Now().Add(time.Minute), zmtp.Limits{}); err == nil {
						serve(z)
					}
				}()
			}
		}()
		return "tcp://" + l.Addr().String()
	}
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	payload := func(n uint64) []byte { // stores a block that is named as the batch is numbered
		b, err := msgpack.Marshal([]any{1.5, []any{map[string]any{"type": "BlockStored", "block_hashes": []any{n}, "block_size": 16}}})
		if err != nil {
			t.Error(err)
		}
		return b
	}
	live := make(chan uint64) // published then
	var mu sync.Mutex
	kept := []uint64{0, 1}
	var asked []uint64
	wrong := false // it answers as no publisher does
	source := KVSource{
		Endpoint: listen(zmtp.Pub, func(z *zmtp.Conn) {
			if m, err := z.Read(); err != nil || len(m) != 1 || string(m[0]) != "\x01" {
				t.Errorf("it subscribes by %q, %v", m, err)
			}
			for {
				select {
				case n := <-live:
					if err := z.Write(nil, number(n), payload(n)); err != nil {
						t.Error(err)
					}
				case <-ctx.Done():
					return
				}
			}
		}),
		Replay: listen(zmtp.Router, func(z *zmtp.Conn) {
			m, err := z.Read()
			if err != nil || len(m) != 2 || len(m[0]) != 0 || len(m[1]) != 8 {
				t.Errorf("it asks %q, %v", m, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, binary.BigEndian.Uint64(m[1]))
			if wrong {
				_ = z.Write(nil, []byte("what?"))
				return
			}
			for _, n := range kept {
				if n >= asked[len(asked)-1] {
					_ = z.Write(nil, nil, number(n), payload(n))
				}
			}
			_ = z.Write(nil, nil, number(math.MaxUint64), nil)
		}),
	}
	told := make(chan KVEvent, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		KVEvents(ctx, slog.New(slog.DiscardHandler), source, func(e KVEvent) { told <- e })
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case e := <-told:
				got := "cleared"
				if !e.Cleared {
					got = strings.Join(e.Stored, " ")
				}
				if got != w {
					t.Fatalf("%s is told, want %s", got, w)
				}
			case <-ctx.Done():
				t.Fatalf("nothing is told, want %s", w)
			}
		}
	}
	keep := func(n ...uint64) {
		mu.Lock()
		defer mu.Unlock()
		kept = n
	}
	expect("cleared", "0", "1") // a late one is told what was before
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		n := len(asked)
		mu.Unlock()
		if n == 2 {
			break // once more, when the subscription has settled
		}
		if time.Now().After(end) {
			t.Fatalf("it asked for %v", asked)
		}
	}
	live <- 1 // known already
	live <- 2
	expect("2")
	keep(0, 1, 2, 3, 4, 5, 6)
	live <- 5
	expect("3", "4", "5", "6") // those between, and one that has come since
	live <- 6
	live <- 7
	expect("7")
	keep(10, 11)
	live <- 11
	expect("cleared", "10", "11") // 8 and 9 are lost
	keep()
	live <- 14
	expect("cleared", "14")
	mu.Lock()
	wrong = true
	mu.Unlock()
	live <- 16
	live <- 17
	expect("cleared", "16", "17") // the events go on
	mu.Lock()
	wrong = false
	mu.Unlock()
	keep(20, 22)
	live <- 22
	expect("cleared", "20", "cleared", "22") // 21 went while it was told
	mu.Lock()
	if !slices.Equal(asked, []uint64{0, 2, 3, 8, 12, 15, 18}) {
		t.Errorf("it asked for %v", asked)
	}
	mu.Unlock()
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
