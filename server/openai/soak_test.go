package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
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
var soakTime = flag.Duration("soak", 20*time.Second, "how long TestSoak lets 64 clients come and go")

const (
	soakStreams = 64
	soakSeeds   = 24 // answers that are known: seed, prompt and length
)

// soakBody is the request of a seed. Prompts share a beginning, so that blocks
// are shared, and lengths differ.
func soakBody(seed int, stream bool) string {
	prompt := strings.Repeat("the of he ", 4) + strings.Repeat("of", seed%7)
	return fmt.Sprintf(`{"prompt":%q,"seed":%d,"max_tokens":%d,"ignore_eos":true,"stream":%v}`, prompt, seed, 20+seed*5, stream)
}

// manners are what the clients of a soak do.
type manners struct{ whole, vanished, stalled, aborted atomic.Int64 }

// client sends one request and behaves as chance has it; it checks what it gets.
func (m *manners) client(ctx context.Context, url string, want []string, rng *rand.Rand) error {
	seed := rng.IntN(len(want))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	manner := rng.IntN(8)
	if manner == 0 { // gone before or while it is answered
		m.vanished.Add(1)
		time.AfterFunc(time.Duration(rng.IntN(30))*time.Millisecond, cancel)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/completions", strings.NewReader(soakBody(seed, true)))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
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
	text, done, events := "", false, 0
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
		if err := json.Unmarshal(data, &chunk); err != nil || len(chunk.Choices) != 1 {
			return fmt.Errorf("seed %d: event %s: %v", seed, data, err)
		}
		text += chunk.Choices[0].Text
		events++
		switch {
		case !strings.HasPrefix(want[seed], text):
			return fmt.Errorf("seed %d: got %q, want %q: a token was lost or told twice", seed, text, want[seed])
		case manner == 1 && events == 3: // stops reading for a while
			m.stalled.Add(1)
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		case manner == 2 && events > rng.IntN(40): // hangs up in the middle
			m.aborted.Add(1)
			return nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case !done || text != want[seed]:
		return fmt.Errorf("seed %d: ends with %q, done %v (%v), want %q", seed, text, done, lines.Err(), want[seed])
	}
	m.whole.Add(1)
	return nil
}

// TestSoak lets 64 clients at a time come, vanish, stall and abort. Afterwards
// no block, goroutine or memory is lost, and each stream that was read to its end
// told the tokens of its seed, each once. The pool is small, so that requests
// are preempted.
func TestSoak(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{Blocks: 512, BlockSize: 8})
	want := make([]string, soakSeeds)
	for seed := range want {
		want[seed] = at(t, f.ok("/v1/completions", soakBody(seed, false)), "choices", 0, "text").(string)
	}
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
	var m manners
	round := func(d time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), d+patience)
		defer cancel()
		end := time.Now().Add(d)
		var all sync.WaitGroup
		for i := range soakStreams {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
			all.Go(func() {
				for time.Now().Before(end) && !t.Failed() {
					if err := m.client(ctx, f.url, want, rng); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
	round(*soakTime / 4) // what is made once is made
	goroutines, heap := measure()
	round(*soakTime * 3 / 4)
	goroutinesAfter, heapAfter := measure()
	s := f.engine.Stats()
	t.Logf("%v: %d streams whole, %d vanished, %d stalled, %d aborted; %d tokens, %d preemptions, prefix hits %d of %d; goroutines %d then %d, heap %.1f then %.1f MiB",
		*soakTime, m.whole.Load(), m.vanished.Load(), m.stalled.Load(), m.aborted.Load(), s.GenerationTokens, s.Preemptions, s.PrefixHits, s.PrefixQueries,
		goroutines, goroutinesAfter, float64(heap)/(1<<20), float64(heapAfter)/(1<<20))
	if m.whole.Load() == 0 || m.vanished.Load() == 0 || m.aborted.Load() == 0 {
		t.Error("not every kind of client came")
	}
	if goroutinesAfter > goroutines+8 {
		t.Errorf("%d goroutines, then %d", goroutines, goroutinesAfter)
	}
	if heapAfter > heap+heap/4+(4<<20) {
		t.Errorf("the heap was %d bytes, then %d", heap, heapAfter)
	}
}

// killedServer is set in the process that TestKilledServer kills: the address
// to serve at.
const killedServer = "VITRINE_TEST_KILLED_SERVER"

// TestKilledServer kills a server in the middle of 16 streams; started again at
// the same address it serves at once.
func TestKilledServer(t *testing.T) {
	if addr := os.Getenv(killedServer); addr != "" {
		f := newFixture(t, Options{}, engine.Options{})
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Fatal(http.Serve(l, f.server))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	body := soakBody(3, false)
	start := func() (*exec.Cmd, string) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestKilledServer$")
		cmd.Env = append(os.Environ(), killedServer+"="+addr)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			res, err := http.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(body))
			if err == nil {
				var v completion
				err = json.NewDecoder(res.Body).Decode(&v)
				res.Body.Close()
				if err == nil && len(v.Choices) == 1 {
					return cmd, v.Choices[0].Text
				}
			}
			if time.Now().After(deadline) {
				t.Fatal("it does not serve")
			}
		}
	}
	cmd, before := start()
	var streams sync.WaitGroup
	for seed := range 16 {
		res, err := http.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(soakBody(seed, true)))
		if err != nil {
			t.Fatal(err)
		}
		streams.Go(func() {
			defer res.Body.Close()
			_, _ = io.Copy(io.Discard, res.Body)
		})
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	streams.Wait()
	began := time.Now()
	cmd, after := start()
	t.Logf("serves again after %v", time.Since(began))
	if after != before {
		t.Errorf("it answers %q, before %q", after, before)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}
