package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/engine"
)

// soakTime is how long the soak runs; ten minutes by
//
//	go test ./server/openai -run Soak -soak 10m -timeout 20m -v
var soakTime = flag.Duration("soak", 12*time.Second, "how long TestSoak lets 64 clients come and go; at most 4s with -short")

const (
	soakStreams = 64
	soakSeeds   = 24 // answers that are known: seed, prompt and length

	// soakTimeout is the server's write timeout: whoever reads nothing for that
	// long is given up.
	soakTimeout = 6 * time.Second
	// soakStall is how long a stalled client that comes back holds a write up.
	soakStall = time.Second
)

// soakBody is the request of a seed. Prompts share a beginning, so that blocks
// are shared, and lengths differ.
func soakBody(seed int, stream bool) string {
	prompt := strings.Repeat("the of he ", 4) + strings.Repeat("of", seed%7)
	return fmt.Sprintf(`{"prompt":%q,"seed":%d,"max_tokens":%d,"ignore_eos":true,"stream":%v}`, prompt, seed, 20+seed*5, stream)
}

// stallBody is a request whose stream is far longer than what the buffers
// between the server and a client hold: 480 events with 20 log-probabilities each.
func stallBody(stream bool) string {
	return fmt.Sprintf(`{"prompt":"the of he","seed":1,"n":4,"max_tokens":120,"ignore_eos":true,"logprobs":20,"stream":%v}`, stream)
}

// blockedWrites is a listener whose connections have a small send buffer and
// note how long the server is held up in writing to them.
type blockedWrites struct {
	net.Listener
	count   atomic.Int64 // of writes that took soakStall or more
	longest atomic.Int64 // nanoseconds
	conns   sync.Map     // *connState by the client's address
}

// connState is what the server does with a connection.
type connState struct {
	writing atomic.Int64  // since when, in Unix nanoseconds; 0 if it does not write
	givenUp atomic.Bool   // a write was not done after soakTimeout
	closed  chan struct{} // when the server has closed it
}

// state is that of a client's connection; the client may ask before it is accepted.
func (b *blockedWrites) state(client net.Addr) *connState {
	s, _ := b.conns.LoadOrStore(client.String(), &connState{closed: make(chan struct{})})
	return s.(*connState)
}

func (b *blockedWrites) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := c.(*net.TCPConn).SetWriteBuffer(8 << 10); err != nil {
		return nil, err
	}
	return &watchedConn{Conn: c, of: b, state: b.state(c.RemoteAddr())}, nil
}

type watchedConn struct {
	net.Conn
	of    *blockedWrites
	state *connState
	end   sync.Once
}

func (c *watchedConn) Write(p []byte) (int, error) {
	began := time.Now()
	c.state.writing.Store(began.UnixNano())
	n, err := c.Conn.Write(p)
	c.state.writing.Store(0)
	took := time.Since(began)
	if took >= soakStall {
		c.of.count.Add(1)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.state.givenUp.Store(true)
	}
	for {
		longest := c.of.longest.Load()
		if int64(took) <= longest || c.of.longest.CompareAndSwap(longest, int64(took)) {
			return n, err
		}
	}
}

func (c *watchedConn) Close() error {
	c.end.Do(func() {
		close(c.state.closed)
		c.of.conns.Delete(c.RemoteAddr().String())
	})
	return c.Conn.Close()
}

// smallBuffers is a client that takes in little of what it does not read, and
// uses each connection once.
func smallBuffers() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return c, c.(*net.TCPConn).SetReadBuffer(16 << 10)
		},
	}}
}

// The manners of a client.
const (
	polite   = iota // reads to the end
	vanishes        // is gone before or while it is answered
	aborts          // hangs up in the middle
	stalls          // reads nothing until it holds a write up, and then the rest; on a busy machine it may come back too late
	hangs           // reads nothing until the server has given it up
)

// mannerOf draws what a client does. Stalls last so much longer than other
// requests that a quarter of the clients stall at a time.
func mannerOf(rng *rand.Rand) int {
	switch n := rng.IntN(64); {
	case n < 8:
		return vanishes
	case n < 16:
		return aborts
	case n < 18:
		return stalls
	case n < 19:
		return hangs
	}
	return polite
}

// crowd is the clients of a soak, and what became of them.
type crowd struct {
	url     string
	want    [][]string // the answers of the seeds, one each
	long    []string   // those of stallBody
	slow    *http.Client
	writes  *blockedWrites // the server's
	events  atomic.Int64
	whole   atomic.Int64
	vanish  atomic.Int64
	abort   atomic.Int64
	stalled atomic.Int64 // read nothing for a while, and then the rest
	dropped atomic.Int64 // read nothing until they were given up
}

// client sends one request, behaves in its manner and checks what it gets.
func (m *crowd) client(ctx context.Context, manner int, rng *rand.Rand) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seed := rng.IntN(len(m.want))
	body, want, with := soakBody(seed, true), m.want[seed], http.DefaultClient
	switch manner {
	case vanishes:
		m.vanish.Add(1)
		time.AfterFunc(time.Duration(rng.IntN(30))*time.Millisecond, cancel)
	case stalls, hangs:
		body, want, with = stallBody(true), m.long, m.slow
	}
	var server *connState // of this client's connection
	if manner == stalls || manner == hangs {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { server = m.writes.state(i.Conn.LocalAddr()) }})
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/v1/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := with.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		return fmt.Errorf("seed %d: %d %s", seed, res.StatusCode, body)
	}
	texts, done, events, leaves := make([]string, len(want)), false, 0, 1+rng.IntN(20)
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		if done = string(data) == "[DONE]"; done {
			break
		}
		var chunk completion
		if err := json.Unmarshal(data, &chunk); err != nil || len(chunk.Choices) != 1 || chunk.Choices[0].Index >= len(want) {
			if ctx.Err() != nil || manner == hangs || manner == stalls && server.givenUp.Load() { // it was cut off in the middle of an event
				break
			}
			return fmt.Errorf("manner %d, seed %d: event %s: %v", manner, seed, data, err)
		}
		index := chunk.Choices[0].Index
		texts[index] += chunk.Choices[0].Text
		events++
		m.events.Add(1)
		switch {
		case !strings.HasPrefix(want[index], texts[index]):
			return fmt.Errorf("seed %d: got %q, want %q: a token was lost or told twice", seed, texts[index], want[index])
		case manner == aborts && events == leaves:
			m.abort.Add(1)
			return nil
		case manner == stalls && events == 3:
			if err := m.stall(server); err != nil {
				return err
			}
		case manner == hangs && events == 3:
			select {
			case <-server.closed:
			case <-time.After(patience):
				return fmt.Errorf("a client that has read nothing for %v is not given up", patience)
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case manner == hangs && done:
		return errors.New("a client that read nothing has got its whole stream: it held nothing up")
	case manner == hangs, manner == stalls && !done && server.givenUp.Load():
		m.dropped.Add(1)
		return nil
	case !done || !slices.Equal(texts, want):
		return fmt.Errorf("manner %d, seed %d: ends with %q, done %v (%v), want %q", manner, seed, texts, done, lines.Err(), want)
	case manner == stalls:
		m.stalled.Add(1)
	}
	m.whole.Add(1)
	return nil
}

// stall reads nothing until the server has been held up for soakStall. Others
// have to be told tokens in that time.
func (m *crowd) stall(server *connState) error {
	write, told := int64(0), int64(0) // the write that is watched, and what was told when it was first seen
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		switch since := server.writing.Load(); {
		case since != write:
			write, told = since, m.events.Load()
		case since == 0 || time.Since(time.Unix(0, since)) < soakStall:
		case m.events.Load() == told:
			return fmt.Errorf("while one client held the server up for %v, no other was told anything", soakStall)
		default:
			return nil
		}
	}
	return fmt.Errorf("a client that has read nothing for %v holds nothing up", patience)
}

// TestSoak lets 64 clients at a time come, vanish, stall and abort. Afterwards
// no block, goroutine or memory is lost, and each stream that was read to its end
// told the tokens of its seed, each once. The pool is small, so that requests
// are preempted. Those that stall hold the server's writes up, and nobody else.
func TestSoak(t *testing.T) {
	f := newFixture(t, Options{WriteTimeout: soakTimeout}, engine.Options{Blocks: 256, BlockSize: 8})
	m := &crowd{url: f.url, slow: smallBuffers()}
	for seed := range soakSeeds {
		m.want = append(m.want, []string{at(t, f.ok("/v1/completions", soakBody(seed, false)), "choices", 0, "text").(string)})
	}
	long := f.ok("/v1/completions", stallBody(false))
	for i := range 4 {
		m.long = append(m.long, at(t, long, "choices", i, "text").(string))
	}
	web := httptest.NewUnstartedServer(f.server)
	writes := &blockedWrites{Listener: web.Listener}
	web.Listener, m.writes = writes, writes
	web.Start()
	t.Cleanup(web.Close)
	m.url = web.URL
	measure := func() (goroutines int, heap uint64) {
		f.quiet()
		http.DefaultClient.CloseIdleConnections()
		time.Sleep(200 * time.Millisecond) // connections end
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	length := *soakTime
	if testing.Short() {
		length = min(length, 4*time.Second)
	}
	round := func(d time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), d+patience)
		defer cancel()
		end := time.Now().Add(d)
		var all sync.WaitGroup
		for i := range soakStreams {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
			all.Go(func() {
				manner := i % 16 // each manner comes, then chance has it
				if manner > hangs {
					manner = polite
				}
				for time.Now().Before(end) && !t.Failed() {
					if err := m.client(ctx, manner, rng); err != nil {
						t.Error(err)
					}
					manner = mannerOf(rng)
				}
			})
		}
		all.Wait()
	}
	round(length / 4) // what is made once is made
	goroutines, heap := measure()
	round(length * 3 / 4)
	goroutinesAfter, heapAfter := measure()
	s := f.engine.Stats()
	t.Logf("%v: %d streams whole, %d vanished, %d aborted, %d stalled and came back, %d stalled until they were given up; %d writes were held up, the longest %v; "+
		"%d tokens, %d preemptions, prefix hits %d of %d; goroutines %d then %d, heap %.1f then %.1f MiB",
		length, m.whole.Load(), m.vanish.Load(), m.abort.Load(), m.stalled.Load(), m.dropped.Load(),
		writes.count.Load(), time.Duration(writes.longest.Load()).Round(time.Millisecond), s.GenerationTokens, s.Preemptions, s.PrefixHits, s.PrefixQueries,
		goroutines, goroutinesAfter, float64(heap)/(1<<20), float64(heapAfter)/(1<<20))
	for what, n := range map[string]int64{
		"was read to its end": m.whole.Load(), "vanished": m.vanish.Load(), "aborted": m.abort.Load(),
		"stalled and came back": m.stalled.Load(), "stalled until it was given up": m.dropped.Load(), "was preempted": int64(s.Preemptions),
	} {
		if n == 0 {
			t.Errorf("no stream %s", what)
		}
	}
	if n, want := writes.count.Load(), m.stalled.Load()+m.dropped.Load(); n < want {
		t.Errorf("%d writes were held up by %d clients that stalled", n, want)
	}
	if goroutinesAfter > goroutines+8 {
		t.Errorf("%d goroutines, then %d", goroutines, goroutinesAfter)
	}
	if heapAfter > heap+heap/4+(4<<20) {
		t.Errorf("the heap was %d bytes, then %d", heap, heapAfter)
	}
}
