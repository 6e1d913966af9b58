package app

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/visualizer/wire"
)

// TestAPIKey: with a key nothing but /health answers without it: not the page,
// its files, its socket, nor the API; the API refuses in its own shape.
func TestAPIKey(t *testing.T) {
	a := start(t, Config{Model: tinymodel.Folder(t), APIKey: "s3cret", RateLimit: 1000})
	<-a.Ready()
	for _, path := range []string{
		"/", "/serving", "/client.wasm", "/hall.wasm", "/wasm_exec.js", "/static/style.css", "/ws", "/ws/serving", "/recording.vitrine",
		"/v1", "/v1/models", "/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/metrics", "/version", "/nothing",
	} {
		if res, _ := get(t, a.URL()+path); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d without the key", path, res.StatusCode)
		}
	}
	for _, path := range []string{"/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"} {
		res, err := http.Post(a.URL()+path, "application/json", strings.NewReader(`{"prompt":"the"}`))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("POST %s: %d without the key", path, res.StatusCode)
		}
	}
	if res, _ := get(t, a.URL()+"/health"); res.StatusCode != http.StatusOK {
		t.Errorf("/health: %d", res.StatusCode)
	}
	if res, body := get(t, a.URL()+"/v1/models"); res.Header.Get("WWW-Authenticate") == "" || !strings.Contains(body, `"code":"invalid_api_key"`) {
		t.Errorf("the API refuses with %v %s", res.Header, body)
	}
	if res, body := get(t, a.URL()+"/v1/models", "Authorization", "Bearer s3cret"); res.StatusCode != 200 || !strings.Contains(body, `"object":"model"`) {
		t.Errorf("with the key: %d %s", res.StatusCode, body)
	}
	if res, body := get(t, a.URL()+"/v1/models", "Host", "attacker.example"); res.StatusCode != 403 || !strings.Contains(body, `"code":"forbidden"`) {
		t.Errorf("a rebound name: %d %s", res.StatusCode, body)
	}
	// The page asks for the key in the reader's language and gives a cookie for it.
	if _, body := get(t, a.URL()+"/", "Accept-Language", "zh"); !strings.Contains(body, "密钥") || !strings.Contains(body, `name="key"`) {
		t.Errorf("the page that asks: %s", body)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	res, err := browser.PostForm(a.URL()+"/", url.Values{"key": {"s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.Request.Method != http.MethodGet {
		t.Errorf("after the form: %s %d", res.Request.Method, res.StatusCode)
	}
	socket := "ws" + strings.TrimPrefix(a.URL(), "http") + "/ws"
	dialer := websocket.Dialer{Jar: jar}
	conn, _, err := dialer.Dial(socket, http.Header{"Origin": {a.URL()}})
	if err != nil {
		t.Fatalf("the socket with the cookie: %v", err)
	}
	conn.Close()
	if _, res, err := dialer.Dial(socket, http.Header{"Origin": {"https://attacker.example"}}); err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page with the cookie: %v", err)
	}
}

func TestRateLimit(t *testing.T) {
	a := start(t, Config{Model: tinymodel.Folder(t), RateLimit: 0.001})
	<-a.Ready()
	if res, _ := get(t, a.URL()+"/v1/models"); res.StatusCode != 200 {
		t.Errorf("the first: %d", res.StatusCode)
	}
	if res, body := get(t, a.URL()+"/v1/models"); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, `"code":"rate_limit_exceeded"`) {
		t.Errorf("the second: %d %s", res.StatusCode, body)
	}
	if res, _ := get(t, a.URL()+"/"); res.StatusCode != 200 {
		t.Errorf("the page: %d", res.StatusCode)
	}
	// Connections of the pages count, the files of the pages do not.
	for path, want := range map[string]int{"/ws": 429, "/ws/serving": 429, "/serving": 200, "/health": 200} {
		if res, _ := get(t, a.URL()+path); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
	// A key can be tried at any path.
	for _, path := range []string{"/", "/static/style.css", "/nothing"} {
		if res, _ := get(t, a.URL()+path, "Authorization", "Bearer guess"); res.StatusCode != 429 {
			t.Errorf("%s with a guessed key: %d", path, res.StatusCode)
		}
	}
}

// Commands on both sockets of an address have one limit, high enough for any page; who
// passes it is told so in both languages, and is served again afterwards.
func TestCommandLimit(t *testing.T) {
	if l := (&Config{}).commandLimit(); l != nil {
		t.Error("without --rate-limit commands have a limit")
	}
	for rate, want := range map[float64]float64{0.001: leastCommands, 10: leastCommands, 50: 1000} {
		if got := (&Config{RateLimit: rate}).commandLimit().PerSecond(); got != want {
			t.Errorf("with --rate-limit %v, %v commands a second are taken, want %v", rate, got, want)
		}
	}
	a := start(t, Config{Model: tinymodel.Folder(t), RateLimit: 2})
	select {
	case <-a.Ready():
	case <-time.After(patience):
		t.Fatal("the model is not ready")
	}
	for path, first := range map[string]wire.Command{"/ws": &wire.Open{}, "/ws/serving": &wire.HallJoin{}} {
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.URL(), "http")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		send := func(c wire.Command) {
			if err := conn.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, c)); err != nil {
				t.Fatal(err)
			}
		}
		// next is the number of a pong, or the problem that came in its place.
		next := func() (uint32, *wire.Problem) {
			for {
				_, b, err := conn.ReadMessage()
				if err != nil {
					t.Fatal(err)
				}
				decode := wire.DecodeFrame
				if path == "/ws/serving" {
					decode = wire.DecodeHallFrame
				}
				f, err := decode(b)
				if err != nil {
					t.Fatal(err)
				}
				switch f := f.(type) {
				case *wire.Pong:
					return f.Number, nil
				case *wire.Problem:
					return 0, f
				}
			}
		}
		begin := time.Now()
		send(first)
		const pings = 10 * leastCommands // more than a limit takes while they are sent
		for n := range uint32(pings) {
			send(&wire.Ping{Number: n})
		}
		taken, refused := 0, 0
		for range pings {
			_, p := next()
			switch {
			case p == nil:
				taken++
			case p.Code != "busy" || !strings.Contains(wire.Told(p.Detail, "en"), "at most 200 a second") || !strings.Contains(wire.Told(p.Detail, "zh"), "每秒最多执行 200 条"):
				t.Fatalf("%s: %+v", path, p)
			default:
				refused++
			}
		}
		// The first is free, so many may come at once, and as many more in each second.
		took := time.Since(begin)
		most := 1 + leastCommands + int(leastCommands*took.Seconds()) + 1
		if taken < leastCommands/2 || taken > most {
			t.Errorf("%s: %d commands were taken and %d refused in %v, want at most %d to be taken", path, taken, refused, took, most)
		}
		time.Sleep(1100 * time.Millisecond)
		send(&wire.Ping{Number: 9999})
		if n, p := next(); n != 9999 {
			t.Errorf("%s: a second later: %+v", path, p)
		}
	}
}
