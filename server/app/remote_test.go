package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/kvevents"
	"vitrine/server/remote"
	"vitrine/server/session"
	"vitrine/visualizer/wire"
)

// A server that comes late is tried again, its gauges reach the page, and that
// it has gone is told.
func TestRemoteEngine(t *testing.T) {
	var up atomic.Bool
	var asked atomic.Int64
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := map[string]string{"/v1/models": "models.json", "/version": "version.json", "/metrics": "metrics.txt"}[r.URL.Path]
		if !up.Load() || name == "" {
			http.Error(w, `{"error":"not now"}`, http.StatusServiceUnavailable)
			return
		}
		b, err := os.ReadFile(filepath.Join("../remote/testdata", name))
		if err != nil {
			t.Error(err)
		}
		if name == "metrics.txt" { // each time, one more request had its first token after a quarter of a second, and two more
			n := asked.Add(1)
			b = regexp.MustCompile(`(time_to_first_token_seconds|inter_token_latency_seconds)_(count|sum)(\S+) \S+`).ReplaceAllFunc(b, func(line []byte) []byte {
				value := map[string]float64{"time_to_first_token_seconds_count": 100, "time_to_first_token_seconds_sum": 900.25, "inter_token_latency_seconds_count": 200, "inter_token_latency_seconds_sum": 30.125}
				name, _, _ := strings.Cut(string(line), "{")
				by := map[string]float64{"time_to_first_token_seconds_count": 1, "time_to_first_token_seconds_sum": 0.25, "inter_token_latency_seconds_count": 2, "inter_token_latency_seconds_sum": 0.125}[name]
				return fmt.Appendf(nil, "%s %g", strings.Fields(string(line))[0], value[name]+by*float64(n))
			})
		}
		w.Write(b)
	}))
	t.Cleanup(peer.Close)
	a := start(t, Config{Engine: remote.Options{URL: peer.URL}, Version: "test"})
	select {
	case <-a.Ready():
		t.Fatal("it is ready without a server")
	case <-time.After(100 * time.Millisecond):
	}
	up.Store(true)
	select {
	case <-a.Ready():
	case <-time.After(patience):
		t.Fatal("the remote engine is not ready")
	}
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.URL(), "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, &wire.Open{Locale: "en"})); err != nil {
		t.Fatal(err)
	}
	next := func(is func(*wire.Remote) bool) *wire.Remote {
		t.Helper()
		if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if f, err := wire.DecodeFrame(b); err != nil {
				t.Fatal(err)
			} else if r, ok := f.(*wire.Remote); ok && is(r) {
				return r
			}
		}
	}
	if r := next(func(r *wire.Remote) bool { return r.TTFT >= 0 }); r.Address != peer.URL || r.Detail != "" || r.Running != 0 || r.TTFT != 0.25 || r.ITL != 0.0625 || r.Hits != remote.None || r.Server != "vLLM 0.32.0" {
		t.Errorf("the remote engine stands so: %+v", r)
	}
	up.Store(false)
	if r := next(func(r *wire.Remote) bool { return r.Detail != "" }); r.Running == r.Running || r.TTFT == r.TTFT || !strings.Contains(r.Detail, "not now") {
		t.Errorf("gone, it stands so: %+v", r)
	}
	up.Store(true)
	next(func(r *wire.Remote) bool { return r.Detail == "" && r.TTFT > 0 })
}

// Whoever asks for another try does not wait for the next one, which would be more and
// more seconds off.
func TestRemoteIsTriedAgainAtOnce(t *testing.T) {
	tries := make(chan struct{}, 100)
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			tries <- struct{}{}
		}
		http.Error(w, `{"error":"not now"}`, http.StatusServiceUnavailable)
	}))
	t.Cleanup(peer.Close)
	a := start(t, Config{Engine: remote.Options{URL: peer.URL}, Version: "test"})
	const want = 7 // of themselves, they would take a minute
	begin := time.Now()
	for range want {
		for tried := false; !tried; {
			select {
			case <-tries:
				tried = true
			case <-time.After(50 * time.Millisecond): // it may have been asked before the last try had failed
				a.retry()
			}
		}
	}
	if passed := time.Since(begin); passed > 15*time.Second {
		t.Errorf("%d tries took %v", want, passed)
	}
}

// The API is the remote engine's, also while that is away, and the hall says
// that it is none.
func TestRemotePassesOn(t *testing.T) {
	shown := startReady(t)
	a := start(t, Config{Engine: remote.Options{URL: shown.URL()}, Version: "test", APIKey: "ours"})
	ask := func(path, body, key string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+path, strings.NewReader(body))
		if body == "" {
			r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s comes without a policy", path)
		}
		return res.StatusCode, string(said)
	}
	for _, c := range []struct {
		path, body, key string
		status          int
		want            string
	}{
		{"/v1/models", "", "ours", 200, `"owned_by":"vitrine"`},
		{"/v1/completions", `{"prompt":"abc","max_tokens":2,"ignore_eos":true}`, "ours", 200, `"completion_tokens":2`},
		{"/v1/completions", `{"prompt":"abc","max_tokens":2,"ignore_eos":true,"stream":true}`, "ours", 200, "data: [DONE]"},
		{"/v1/completions", `{"prompt":"abc","nonsense":2}`, "ours", 400, `"param":"nonsense"`},
		{"/tokenize", `{"prompt":"abc"}`, "ours", 200, `"count":`},
		{"/metrics", "", "ours", 200, "vllm:num_requests_running"},
		{"/version", "", "ours", 200, `"version":"test"`},
		{"/v1/elsewhere", "", "ours", 404, `"code":"not_found"`},
		{"/v1/models", "", "wrong", 401, `"code":"invalid_api_key"`},
		{"/serving?lang=en", "", "ours", 200, "This server shows a remote engine"},
		{"/serving?lang=zh", "", "ours", 200, "这台服务器展示的是远程引擎"},
		{"/ws/serving", "", "ours", 404, ""},
	} {
		if status, said := ask(c.path, c.body, c.key); status != c.status || !strings.Contains(said, c.want) {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, said)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	a = start(t, Config{Engine: remote.Options{URL: nobody}, Version: "test"})
	if status, said := ask("/v1/models", "", ""); status != 502 || !strings.Contains(said, nobody+": the server cannot be reached") || !strings.Contains(said, `"type":"server_error"`) {
		t.Errorf("nobody there: %d %s", status, said)
	}
}

// One Vitrine shows another, whose blocks it sees though it came after them.
func TestShowsAnotherVitrine(t *testing.T) {
	shown := start(t, Config{
		Model: tinymodel.Folder(t), Version: "test",
		KVEvents: kvevents.Options{Endpoint: "tcp://127.0.0.1:0", ReplayEndpoint: "tcp://127.0.0.1:0"},
	})
	wait := func(a *App) {
		t.Helper()
		select {
		case <-a.Ready():
		case <-time.After(patience):
			t.Fatal("it is not ready")
		}
	}
	wait(shown)
	res, err := http.Post(shown.URL()+"/v1/completions", "application/json", strings.NewReader(`{"prompt":"`+strings.Repeat("abcdefgh", 8)+`","max_tokens":2}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the completion is answered by %d", res.StatusCode)
	}
	endpoints := shown.events.Endpoints()
	a := start(t, Config{
		Engine: remote.Options{URL: shown.URL(), KVEvents: remote.KVSource{Endpoint: endpoints[0], Replay: endpoints[1]}}, Version: "test",
	})
	wait(a)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.URL(), "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, &wire.Open{Locale: "en"})); err != nil {
		t.Fatal(err)
	}
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// 64 bytes are 64 tokens and a beginning: four full blocks, in a pool whose
	// size the metrics tell.
	hashed, total, want, server := map[uint32]bool{}, uint32(0), uint32(shown.engine.engine.Pool().Blocks), ""
	for len(hashed) < 4 || total != want {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("%d blocks are seen of a pool of %d, want 4 of %d: %v", len(hashed), total, want, err)
		}
		f, err := wire.DecodeFrame(b)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := f.(*wire.Remote); ok {
			server = r.Server
		}
		if blocks, ok := f.(*wire.Blocks); ok {
			total = blocks.Total
			for _, c := range blocks.Changes {
				if c.Hashed {
					hashed[c.Block] = c.Filled == 16
				}
			}
		}
	}
	if server != "Vitrine test" {
		t.Errorf("the server is %q", server)
	}
	for place, full := range hashed {
		if !full {
			t.Errorf("block %d is not full", place)
		}
	}
}

// Each block has a place, and places are used again.
func TestRemoteBlocks(t *testing.T) {
	b := newRemoteBlocks(session.NewServer(session.Options{}))
	b.resize(8)
	if b.heard() {
		t.Error("it has heard of blocks before there was a word")
	}
	b.apply(remote.KVEvent{Stored: []string{"a", "b", "c"}, BlockSize: 16})
	b.apply(remote.KVEvent{Stored: []string{"b"}, BlockSize: 16})
	b.apply(remote.KVEvent{Removed: []string{"b", "never"}})
	b.apply(remote.KVEvent{Stored: []string{"d", "e"}, BlockSize: 16})
	for hash, place := range map[string]uint32{"a": 0, "c": 2, "d": 1, "e": 3} {
		if b.places[hash] != place {
			t.Errorf("%s is at %d, want %d", hash, b.places[hash], place)
		}
	}
	b.apply(remote.KVEvent{Cleared: true})
	if len(b.places) != 0 || !b.heard() {
		t.Errorf("cleared, it has %v", b.places)
	}
}

func TestRemoteConfig(t *testing.T) {
	for _, c := range []struct {
		o     remote.Options
		field string
	}{{remote.Options{URL: "host:1"}, "engine"},
		{remote.Options{URL: "http://host:1", KVEvents: remote.KVSource{Endpoint: "host"}}, "engine-kv-events"},
		{remote.Options{URL: "http://host:1", KVEvents: remote.KVSource{Endpoint: "tcp://*:1"}}, "engine-kv-events"},
		{remote.Options{URL: "http://host:1", KVEvents: remote.KVSource{Endpoint: "tcp://host:1", Replay: "tcp://host:x"}}, "engine-kv-events-replay"},
		{remote.Options{URL: "http://host:1", KVEvents: remote.KVSource{Replay: "tcp://host:1"}}, "engine-kv-events-replay"},
	} {
		_, err := Start(t.Context(), Config{Engine: c.o})
		if err == nil || !strings.HasPrefix(err.Error(), c.field+": ") {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}
