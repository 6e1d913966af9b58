package kvevents_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/vmihailenco/msgpack/v5"

	"vitrine/engine"
	"vitrine/engine/kvcache"
	"vitrine/engine/load"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/engine/sampler"
	"vitrine/server/kvevents"
	"vitrine/server/remote"
	"vitrine/server/zmtp"
)

// patience bounds every wait of these tests.
const patience = time.Minute

func listen(t *testing.T, o kvevents.Options) *kvevents.Publisher {
	t.Helper()
	o.Endpoint, o.ReplayEndpoint = "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"
	p, err := kvevents.Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// follow reads what a publisher tells, as a Vitrine that shows another does.
type follow struct {
	mu       sync.Mutex
	blocks   map[string]bool
	stored   int
	cleared  int
	removed  int
	unknown  int // removed without having been stored
	begun    chan struct{}
	finished chan struct{}
}

func newFollow(t *testing.T, source remote.KVSource) *follow {
	t.Helper()
	f := &follow{blocks: map[string]bool{}, begun: make(chan struct{}), finished: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(f.finished)
		remote.KVEvents(ctx, slog.New(slog.DiscardHandler), source, f.apply)
	}()
	t.Cleanup(func() {
		cancel()
		<-f.finished
	})
	<-f.begun
	return f
}

func (f *follow) apply(e remote.KVEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range e.Stored {
		f.blocks[h] = true
		f.stored++
	}
	for _, h := range e.Removed {
		if !f.blocks[h] {
			f.unknown++
		}
		delete(f.blocks, h)
		f.removed++
	}
	if e.Cleared {
		if f.cleared == 0 {
			close(f.begun)
		}
		f.cleared++
		clear(f.blocks)
	}
}

// reaches waits until exactly those blocks are known that the engine says.
func (f *follow) reaches(t *testing.T, want map[string]bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		same := len(f.blocks) == len(want)
		for h := range want {
			same = same && f.blocks[h]
		}
		n := len(f.blocks)
		f.mu.Unlock()
		if same {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d blocks are known by the events, want the %d that the engine has", n, len(want))
		}
	}
}

// What a real engine stores and removes arrives: at one who listens all the time,
// and at one who comes late and asks for a replay. After a reset of the cache, too.
func TestEngineIsFollowed(t *testing.T) {
	p := listen(t, kvevents.Options{})
	source := remote.KVSource{Endpoint: p.Endpoints()[0], Replay: p.Endpoints()[1]}
	early := newFollow(t, source)

	found, err := load.Find(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := found.Open(load.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	hashed := map[int32]bool{} // what the pool says, whose Check proves it
	known := map[string]bool{}
	observer := &engine.Observer{
		Block: func(b engine.BlockInfo) {
			if b.Hashed {
				hashed[b.Block] = true
			} else {
				delete(hashed, b.Block)
			}
		},
		Prefix: func(events []engine.PrefixEvent) {
			for _, e := range events {
				switch e.Kind {
				case kvcache.BlockStored:
					known[string(e.Hash[:])] = true
				case kvcache.BlockRemoved:
					delete(known, string(e.Hash[:]))
				case kvcache.AllBlocksCleared:
					clear(known)
				}
			}
			p.Publish(events)
		},
	}
	e, err := engine.Start(m.Model, m.Tokenizer, engine.Options{BlockSize: 4, Blocks: 40, Observer: observer})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := rand.New(rand.NewPCG(1, 2))
	run := func(n int) {
		t.Helper()
		for range n {
			prompt := make([]int32, 8+r.IntN(40))
			for i := range prompt {
				prompt[i] = int32(r.IntN(2)) // so that some begin alike
			}
			params := sampler.Defaults()
			params.MaxTokens, params.IgnoreEOS = 6, true
			request := engine.Request{Prompt: prompt, Params: params}
			if r.IntN(4) == 0 {
				request.CacheSalt = "salt"
			}
			h, err := e.Add(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			for {
				ev, err := h.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if ev.Kind == engine.EventState && ev.State.Finished() {
					break
				}
			}
		}
		// A call, so that what the last step told is told.
		if err := e.AllowSteps(t.Context(), -1); err != nil {
			t.Fatal(err)
		}
		if s := e.Stats(); len(known) != len(hashed) || len(known) != s.CachedBlocks || len(known) == 0 {
			t.Fatalf("%d blocks are known by the events, the pool has %d and %d of them free", len(known), len(hashed), s.CachedBlocks)
		}
	}
	run(30)
	early.reaches(t, known)
	if early.removed == 0 || early.unknown > 0 || early.stored-early.removed != len(known) {
		t.Errorf("%d were stored and %d removed, %d of them unknown; %d are there", early.stored, early.removed, early.unknown, len(known))
	}
	late := newFollow(t, source)
	late.reaches(t, known)
	without := newFollow(t, remote.KVSource{Endpoint: source.Endpoint})
	run(3)
	early.reaches(t, known)
	late.reaches(t, known)
	without.mu.Lock()
	if len(without.blocks) >= len(known) {
		t.Errorf("who came late and did not ask knows %d blocks of %d", len(without.blocks), len(known))
	}
	without.mu.Unlock()
	if err := e.ResetPrefixCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	early.reaches(t, map[string]bool{})
	late.reaches(t, map[string]bool{})
	if early.cleared != 2 || late.cleared != 2 { // one is of the connection
		t.Errorf("it was cleared %d and %d times, want 2", early.cleared, late.cleared)
	}
	run(3)
	late.reaches(t, known)
}

// events stores blocks of four tokens, one behind the other.
func events(from, n int) (out []engine.PrefixEvent) {
	hash := func(i int) (h kvcache.Hash) {
		binary.BigEndian.PutUint64(h[:], uint64(i))
		return h
	}
	for i := from; i < from+n; i++ {
		out = append(out, engine.PrefixEvent{Kind: kvcache.BlockStored, Hash: hash(i), Parent: hash(i - 1), First: i == from, Tokens: []int32{1, 2, 300, int32(i)}})
	}
	return out
}

// The batches are those of vLLM, field by field, read by libraries that know
// nothing of ours.
func TestFormat(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := listen(t, kvevents.Options{Topic: "kv@here"})
	sub := zmq4.NewSub(ctx)
	defer sub.Close()
	if err := sub.Dial(p.Endpoints()[0]); err != nil {
		t.Fatal(err)
	}
	if err := sub.SetOption(zmq4.OptionSubscribe, "kv@"); err != nil {
		t.Fatal(err)
	}
	all := events(1, 2)
	salted := events(8, 1)
	salted[0].Salt = "s"
	all = append(all, salted...)
	all = append(all, engine.PrefixEvent{Kind: kvcache.BlockRemoved, Hash: all[0].Hash}, engine.PrefixEvent{Kind: kvcache.BlockRemoved, Hash: all[1].Hash})
	all = append(all, engine.PrefixEvent{Kind: kvcache.AllBlocksCleared})
	more := events(20, 1)
	more[0].First = false
	all = append(all, more...)
	// A subscription says nothing when it has arrived.
	got := make(chan zmq4.Msg, 1)
	go func() {
		m, err := sub.Recv()
		if err != nil {
			t.Error(err)
		}
		got <- m
	}()
	var m zmq4.Msg
	for waiting := true; waiting; {
		p.Publish(all)
		select {
		case m = <-got:
			waiting = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if len(m.Frames) != 3 || string(m.Frames[0]) != "kv@here" || len(m.Frames[1]) != 8 {
		t.Fatalf("%q", m.Frames)
	}
	var batch []any
	if err := msgpack.Unmarshal(m.Frames[2], &batch); err != nil {
		t.Fatal(err)
	}
	if at, ok := batch[0].(float64); len(batch) != 3 || !ok || time.Since(time.Unix(int64(at), 0)).Abs() > time.Hour || fmt.Sprint(batch[2]) != "0" {
		t.Errorf("%v", batch)
	}
	hash := func(i int) string { e := events(i, 1); return fmt.Sprintf("%d", e[0].Hash) }
	want := []string{
		"map[block_hashes:[" + hash(1) + " " + hash(2) + "] block_size:4 group_idx:0 lora_id:<nil> lora_name:<nil> medium:GPU parent_block_hash:<nil> token_ids:[1 2 300 1 1 2 300 2] type:BlockStored]",
		"map[block_hashes:[" + hash(8) + "] block_size:4 extra_keys:[[s]] group_idx:0 lora_id:<nil> lora_name:<nil> medium:GPU parent_block_hash:<nil> token_ids:[1 2 300 8] type:BlockStored]",
		"map[block_hashes:[" + hash(1) + " " + hash(2) + "] group_idx:0 medium:GPU type:BlockRemoved]",
		"map[type:AllBlocksCleared]",
		"map[block_hashes:[" + hash(20) + "] block_size:4 group_idx:0 lora_id:<nil> lora_name:<nil> medium:GPU parent_block_hash:" + hash(19) + " token_ids:[1 2 300 20] type:BlockStored]",
	}
	list, _ := batch[1].([]any)
	if len(list) != len(want) {
		t.Fatalf("%d events, want %d: %v", len(list), len(want), list)
	}
	for i := range want {
		if fmt.Sprint(list[i]) != want[i] {
			t.Errorf("event %d is\n%v, want\n%v", i, list[i], want[i])
		}
	}
}

// What is kept for a replay is bounded, and begins where it has to.
func TestReplayIsBounded(t *testing.T) {
	p := listen(t, kvevents.Options{BufferSteps: 100})
	for i := range 250 {
		p.Publish(events(i, 1))
	}
	z, err := zmtp.Dial(t.Context(), p.Endpoints()[1], zmtp.Req, patience, zmtp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for from, first := range map[uint64]uint64{0: 150, 200: 200, 249: 249, 250: 250, 1 << 40: 250} {
		if err := z.Write(nil, binary.BigEndian.AppendUint64(nil, from)); err != nil {
			t.Fatal(err)
		}
		for next := first; ; next++ {
			m, err := z.Read()
			if err != nil || len(m) != 4 {
				t.Fatalf("%q, %v", m, err)
			}
			number := binary.BigEndian.Uint64(m[2])
			if number == 1<<64-1 && len(m[3]) == 0 {
				if next != 250 {
					t.Errorf("the replay from %d ends before %d", from, next)
				}
				break
			}
			if number != next {
				t.Fatalf("the replay from %d has %d, want %d", from, number, next)
			}
		}
	}
}

// Who subscribes and does not read holds up neither the engine, nor the others,
// nor the end; who is too slow finds numbers missing.
func TestSlowSubscriber(t *testing.T) {
	before := runtime.NumGoroutine()
	p, err := kvevents.Listen(t.Context(), kvevents.Options{Endpoint: "tcp://127.0.0.1:0", BufferSteps: 50})
	if err != nil {
		t.Fatal(err)
	}
	address, err := zmtp.Address(p.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	subscribe := func() *zmtp.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		// Little, whatever the machine gives: what the sockets hold is not missed.
		if err := c.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		z, err := zmtp.Open(c, zmtp.Sub, time.Now().Add(patience), zmtp.Limits{Message: 1 << 24})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { z.Close() })
		if err := z.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		return z
	}
	slow, quick := subscribe(), subscribe()
	read := func(z *zmtp.Conn) uint64 {
		t.Helper()
		if err := z.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		m, err := z.Read()
		if err != nil {
			t.Fatal(err)
		}
		return binary.BigEndian.Uint64(m[1])
	}
	// Both have subscribed when both have read something.
	arrived := make(chan uint64)
	for _, z := range []*zmtp.Conn{slow, quick} {
		go func() { arrived <- read(z) }()
	}
	number := uint64(0)
	for n := 0; n < 2; {
		p.Publish(events(0, 1))
		number++
		select {
		case <-arrived:
			n++
		case <-time.After(10 * time.Millisecond):
		}
	}
	large := events(0, 2000) // some 80 kB: more than the sockets hold in all
	for range 400 {
		p.Publish(large)
		for number++; read(quick) != number-1; {
		}
	}
	last, gaps := uint64(0), 0
	for last != number-1 {
		n := read(slow)
		if last > 0 && n != last+1 {
			gaps++
		}
		last = n
	}
	if gaps != 1 {
		t.Errorf("it finds %d gaps", gaps)
	}
	for range 400 {
		p.Publish(large) // nobody reads any more
	}
	begin := time.Now()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it closes after %v", took)
	}
	if err := p.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// Those who connect and say nothing, or nonsense, keep out nobody.
func TestHostileSubscribers(t *testing.T) {
	p := listen(t, kvevents.Options{})
	for i, endpoint := range slices.Repeat(p.Endpoints(), 10) {
		address, err := zmtp.Address(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%4 >= 2 {
			if _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := newFollow(t, remote.KVSource{Endpoint: p.Endpoints()[0], Replay: p.Endpoints()[1]})
	p.Publish(events(1, 3))
	want := map[string]bool{}
	for _, e := range events(1, 3) {
		want[string(e.Hash[:])] = true
	}
	f.reaches(t, want)
}

func TestEndpoints(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, o := range []kvevents.Options{
		{Endpoint: "127.0.0.1:1"}, {Endpoint: "tcp://127.0.0.1:0", ReplayEndpoint: "ipc://x"}, {Endpoint: "tcp://" + taken.Addr().String()},
	} {
		if p, err := kvevents.Listen(t.Context(), o); err == nil {
			t.Errorf("%+v is listened on", o)
			p.Close()
		}
	}
}

// BenchmarkPublish is what the engine pays for a step that stores 32 blocks of 16
// tokens, as one of 512 tokens does.
func BenchmarkPublish(b *testing.B) {
	p, err := kvevents.Listen(b.Context(), kvevents.Options{Endpoint: "tcp://127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	step := events(0, 32)
	for i := range step {
		step[i].Tokens = slices.Repeat([]int32{1234}, 16)
	}
	for b.Loop() {
		p.Publish(step)
	}
}
