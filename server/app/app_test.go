package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/kvevents"
	"vitrine/server/remote"
	"vitrine/visualizer/wire"
)

// patience bounds every wait in these tests; the first build of the client on a
// machine is the longest.
const patience = 2 * time.Minute

// start starts a server on a free port that ends with the test.
func start(t *testing.T, c Config) *App {
	t.Helper()
	c.Addr = "127.0.0.1:0"
	a, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return a
}

// startReady starts a server and waits for its model.
func startReady(t *testing.T) *App {
	t.Helper()
	a := start(t, Config{Model: tinymodel.Folder(t), Version: "test"})
	select {
	case <-a.Ready():
	case <-time.After(patience):
		t.Fatal("the model is not ready")
	}
	return a
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestServesThePage(t *testing.T) {
	a := startReady(t)
	for _, c := range []struct {
		path   string
		header []string
		code   int
		kind   string
		want   string
	}{
		{"/", nil, 200, "text/html", `<html lang="en"`},
		{"/", []string{"Accept-Language", "zh-CN,zh;q=0.9"}, 200, "text/html", `<html lang="zh"`},
		{"/?lang=zh", nil, 200, "text/html", `<html lang="zh"`},
		{"/", nil, 200, "text/html", `data-version="test"`},
		{"/static/boot.js", nil, 200, "text/javascript", "client.wasm"},
		{"/static/style.css", nil, 200, "text/css", "{"},
		{"/client.wasm", nil, 200, "application/wasm", "\x00asm"},
		{"/serving", nil, 200, "text/html", `data-program="/hall.wasm"`},
		{"/serving?lang=zh", nil, 200, "text/html", `<html lang="zh"`},
		{"/hall.wasm", nil, 200, "application/wasm", "\x00asm"},
		{"/wasm_exec.js", nil, 200, "text/javascript", "globalThis.Go"},
		{"/health", nil, 200, "text/plain", "ok\n"},
		{"/nothing", nil, 404, "text/plain", ""},
		{"/static/", nil, 404, "text/plain", ""},
		{"/static/../go.mod", nil, 404, "text/plain", ""},
		{"/ws", nil, 400, "", ""},
		{"/ws/serving", nil, 400, "", ""},
		{"/serving/", nil, 404, "text/plain", ""},
		{"/", []string{"Host", "attacker.example"}, 403, "text/plain", "--allowed-hosts"},
		{"/", []string{"Origin", "https://attacker.example"}, 403, "text/plain", "refused"},
	} {
		res, body := get(t, a.URL()+c.path, c.header...)
		if res.StatusCode != c.code || !strings.HasPrefix(res.Header.Get("Content-Type"), c.kind) || !strings.Contains(body, c.want) {
			t.Errorf("%s %q: %d %s, %d bytes; want %d %s with %q", c.path, c.header, res.StatusCode, res.Header.Get("Content-Type"), len(body), c.code, c.kind, c.want)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: security headers are missing", c.path)
		}
	}
}

func TestMethodsAndSizes(t *testing.T) {
	a := startReady(t)
	res, err := http.Post(a.URL()+"/", "text/plain", bytes.NewReader(make([]byte, 4<<20)))
	if err == nil { // or the connection was closed while the body was being sent
		res.Body.Close()
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST / gives %d", res.StatusCode)
		}
	}
	if res, _ := get(t, a.URL()+"/", "X-Long", strings.Repeat("a", 64<<10)); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 64 KiB gives %d", res.StatusCode)
	}
}

func TestSocket(t *testing.T) {
	a := startReady(t)
	url := "ws" + strings.TrimPrefix(a.URL(), "http") + "/ws"
	if _, res, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {"https://attacker.example"}}); err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page may open the socket: %v", err)
	}
	conn, _, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {a.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, &wire.Open{Locale: "en"})); err != nil {
		t.Fatal(err)
	}
	_, message, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	frame, err := wire.DecodeFrame(message)
	if err != nil {
		t.Fatal(err)
	}
	hello, isHello := frame.(*wire.Hello)
	if !isHello {
		t.Fatalf("the first frame is a %T", frame)
	}
	m := hello.Model
	if hello.Phase != wire.PhaseReady || m.Layers != 3 || m.Width != 64 || m.Heads != 4 || m.KVHeads != 2 || m.Vocab != 320 ||
		m.Context != 256 || m.Backend != "cpu" || m.Threads == 0 || m.BlockSize != 16 || m.Blocks == 0 || !m.HasTemplate {
		t.Errorf("Hello tells %+v", hello)
	}
	// Three layers of keys and values, two heads of 16 numbers of 2 bytes each.
	if want := uint32(3 * 2 * 2 * 16 * 2); m.BytesPerSlot != want {
		t.Errorf("a slot takes %d bytes, want %d", m.BytesPerSlot, want)
	}
}

// TestBeforeTheModel holds a download back: the page works meanwhile, its
// health tells the phase, and the server ends at once when it is told to.
func TestBeforeTheModel(t *testing.T) {
	asked := make(chan struct{}, 100)
	hub := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer hub.Close()
	t.Setenv("VITRINE_CACHE", t.TempDir())
	t.Setenv("VITRINE_SOURCES", "hub")
	t.Setenv("VITRINE_HUB", hub.URL)
	a := start(t, Config{})
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("the hub was not asked for the model")
	}
	if res, body := get(t, a.URL()+"/health"); res.StatusCode != 503 || body != "downloading\n" {
		t.Errorf("health is %d %q", res.StatusCode, body)
	}
	if res, _ := get(t, a.URL()+"/"); res.StatusCode != 200 {
		t.Errorf("the page gives %d", res.StatusCode)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the end took %v", took)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(a.URL(), "http://")); err == nil {
		t.Error("the port is still open")
	}
}

func TestModelThatCannotBeLoaded(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.gguf")
	if err := os.WriteFile(broken, []byte("GGUF\x03\x00\x00\x00cut in half"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log syncBuffer
	a := start(t, Config{Model: broken, Log: slog.New(slog.NewTextHandler(&log, nil))})
	deadline := time.Now().Add(patience)
	for {
		res, body := get(t, a.URL()+"/health")
		if body == "failed\n" && res.StatusCode == 503 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("health is %d %q", res.StatusCode, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if res, _ := get(t, a.URL()+"/"); res.StatusCode != 200 {
		t.Errorf("the page gives %d", res.StatusCode)
	}
	if said := log.String(); !strings.Contains(said, "broken.gguf") || !strings.Contains(said, "level=ERROR") {
		t.Errorf("the log says %q", said)
	}
}

func TestWrongConfig(t *testing.T) {
	model := tinymodel.Folder(t)
	for _, c := range []struct {
		config Config
		field  string
	}{
		{Config{Addr: "8080", Model: model}, "addr"},
		{Config{Addr: "127.0.0.1:70000", Model: model}, "addr"},
		{Config{Addr: "127.0.0.1:0", Model: "no-such-model"}, "model"},
		{Config{Addr: "127.0.0.1:0", Model: "/no/such.gguf"}, "model"},
		{Config{Addr: "127.0.0.1:0", Model: model, Blocks: -1}, "kv-blocks"},
		{Config{Addr: "127.0.0.1:0", Model: model, MaxSessions: -1}, "max-sessions"},
		{Config{Addr: "127.0.0.1:0", Model: model, AllowHosts: []string{"*"}}, "allowed-hosts"},
		{Config{Addr: "127.0.0.1:0", Model: model, RateLimit: math.NaN()}, "rate-limit"},
		{Config{Addr: "127.0.0.1:0", Model: model, RateLimit: -1}, "rate-limit"},
		{Config{Addr: "127.0.0.1:0", Model: model, MaxWaiting: -1}, "max-waiting"},
		{Config{Addr: "127.0.0.1:0", Model: model, KVEvents: kvevents.Options{Endpoint: "ipc://x"}}, "kv-events-endpoint"},
		{Config{Addr: "127.0.0.1:0", Model: model, KVEvents: kvevents.Options{ReplayEndpoint: "tcp://127.0.0.1:0"}}, "kv-events-replay-endpoint"},
		{Config{Addr: "127.0.0.1:0", Engine: remote.Options{URL: "http://h:1"}, KVEvents: kvevents.Options{Endpoint: "tcp://127.0.0.1:0"}}, "kv-events-endpoint"},
	} {
		a, err := Start(t.Context(), c.config)
		var wrong *ConfigError
		if !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%+v: %v, want an error about %s", c.config, err, c.field)
		}
		if a != nil {
			t.Errorf("%+v: it serves all the same", c.config)
		}
	}
}

func TestPortInUse(t *testing.T) {
	a := startReady(t)
	addr := strings.TrimPrefix(a.URL(), "http://")
	_, err := Start(t.Context(), Config{Addr: addr, Model: tinymodel.Folder(t)})
	if err == nil || !strings.Contains(err.Error(), "is in use") || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("got %v, want what to do", err)
	}
}

// TestSlowHeader sends a header a byte at a time: the server does not wait for
// its end.
func TestSlowHeader(t *testing.T) {
	a := startReady(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(4 * readHeaderTimeout)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still open after %v", time.Since(began))
	}
}

// TestNothingIsLeft counts goroutines: whatever a server started ends with it.
func TestNothingIsLeft(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	var conn *websocket.Conn
	t.Run("serve", func(t *testing.T) {
		a := startReady(t)
		get(t, a.URL()+"/")
		var err error
		if conn, _, err = websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.URL(), "http")+"/ws", nil); err != nil {
			t.Fatal(err)
		}
	})
	defer conn.Close() // the server has ended with the socket open
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestReachable(t *testing.T) {
	for _, c := range []struct{ ip, want string }{
		{"127.0.0.1", "127.0.0.1:80"}, {"0.0.0.0", "localhost:80"}, {"::", "localhost:80"}, {"::1", "[::1]:80"},
	} {
		if got := reachable(&net.TCPAddr{IP: net.ParseIP(c.ip), Port: 80}); got != c.want {
			t.Errorf("%s: %s, want %s", c.ip, got, c.want)
		}
	}
}
