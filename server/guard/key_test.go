package guard

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func refuseText(w http.ResponseWriter, _ *http.Request, status int, message string) {
	http.Error(w, message, status)
}

func protected() (*Key, http.Handler) {
	k := NewKey("s3cret", "/health", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "form")
	}))
	return k, k.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inside") }), refuseText)
}

func ask(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestKeyCoversEverythingButHealth(t *testing.T) {
	k, h := protected()
	good := k.cookie + "=" + k.pass
	for _, c := range []struct {
		method, target, body string
		header               []string
		code                 int
		want                 string
	}{
		{"GET", "/health", "", nil, 200, "inside"},
		{"GET", "/health/", "", nil, 401, "missing"},
		{"GET", "/v1/models", "", nil, 401, "missing"},
		{"GET", "/metrics", "", nil, 401, "missing"},
		{"GET", "/ws", "", []string{"Upgrade", "websocket"}, 401, "missing"},
		{"GET", "/client.wasm", "", nil, 401, "missing"},
		{"GET", "/", "", nil, 401, "form"},
		{"GET", "/serving", "", []string{"Accept", "text/html,*/*"}, 401, "form"},
		{"POST", "/v1/completions", "key=s3cret", []string{"Content-Type", "application/x-www-form-urlencoded"}, 401, "missing"},
		{"GET", "/v1/models", "", []string{"Authorization", "Bearer s3cret"}, 200, "inside"},
		{"GET", "/v1/models", "", []string{"Authorization", "bearer s3cret"}, 200, "inside"},
		{"GET", "/v1/models", "", []string{"Authorization", "Bearer s3cre"}, 401, "missing"},
		{"GET", "/v1/models", "", []string{"Authorization", "Bearer "}, 401, "missing"},
		{"GET", "/v1/models", "", []string{"Authorization", "s3cret"}, 401, "missing"},
		{"GET", "/v1/models", "", []string{"Authorization", "Basic s3cret"}, 401, "missing"},
		{"GET", "/ws", "", []string{"Cookie", good}, 200, "inside"},
		{"GET", "/ws", "", []string{"Cookie", good + "0"}, 401, "missing"},
		{"GET", "/ws", "", []string{"Cookie", k.cookie + "=s3cret"}, 401, "missing"},
		{"GET", "/?key=wrong", "", nil, 401, "form"},
		{"GET", "/ws?key=wrong", "", nil, 401, "missing"},
		{"GET", "/?key=s3cret&lang=zh", "", nil, 303, ""},
		{"POST", "/", "key=s3cret", []string{"Content-Type", "application/x-www-form-urlencoded"}, 303, ""},
		{"POST", "/", "key=no", []string{"Content-Type", "application/x-www-form-urlencoded"}, 401, "form"},
		{"POST", "/", "key=" + strings.Repeat("x", 1<<20), []string{"Content-Type", "application/x-www-form-urlencoded"}, 401, "form"},
	} {
		w := ask(h, c.method, c.target, c.body, c.header...)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s %q: %d %q, want %d %q", c.method, c.target, c.header, w.Code, w.Body, c.code, c.want)
		}
		if strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), "s3cret") {
			t.Errorf("%s %s: the answer tells the key: %v", c.method, c.target, w.Header())
		}
	}
}

func TestKeyIsExchangedForACookie(t *testing.T) {
	_, h := protected()
	w := ask(h, "GET", "/serving?key=s3cret&lang=zh", "")
	if got := w.Header().Get("Location"); got != "/serving?lang=zh" {
		t.Errorf("leads to %q", got)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != "/" {
		t.Fatalf("cookies %v", cookies)
	}
	if w := ask(h, "GET", "/ws", "", "Cookie", cookies[0].Name+"="+cookies[0].Value); w.Code != 200 {
		t.Errorf("with the cookie: %d", w.Code)
	}
	if got := ask(h, "GET", "//attacker.example/?key=s3cret", "").Header().Get("Location"); strings.HasPrefix(got, "//") || strings.Contains(got, "://") {
		t.Errorf("leads away to %q", got)
	}
	other := NewKey("another", "/health", nil)
	if other.cookie == cookies[0].Name || other.pass == cookies[0].Value {
		t.Error("two keys have one cookie")
	}
}

// TestKeyIsComparedInConstantTime holds the file to the one comparison: how
// long it takes cannot be measured in a test that must not be chance.
func TestKeyIsComparedInConstantTime(t *testing.T) {
	source, err := os.ReadFile("key.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), "subtle.ConstantTimeCompare("); n != 2 {
		t.Errorf("%d comparisons in constant time, want 2: of the key and of the cookie", n)
	}
	for _, bad := range []string{"== key", "key ==", "Value ==", "== c.Value", "bytes.Equal", "strings.Compare", "k.pass =="} {
		if strings.Contains(string(source), bad) {
			t.Errorf("key.go has %q", bad)
		}
	}
}

func TestRateLimit(t *testing.T) {
	l := NewRateLimit(2)
	now := time.Unix(0, 0)
	l.now = func() time.Time { return now }
	h := l.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(r *http.Request) bool { return r.URL.Path != "/free" }, refuseText)
	get := func(path, from string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for i, want := range []int{200, 200, 429, 429} {
		if got := get("/", "192.0.2.1:1000"); got.Code != want || want == 429 && got.Header().Get("Retry-After") != "1" {
			t.Errorf("request %d: %d %v, want %d", i, got.Code, got.Header(), want)
		}
	}
	if get("/free", "192.0.2.1:1000").Code != 200 || get("/", "192.0.2.2:1000").Code != 200 {
		t.Error("others are refused too")
	}
	for i, want := range []int{200, 200, 429} { // another port and another host of the same /64
		if got := get("/", fmt.Sprintf("[2001:db8::%d]:%d", i+1, 1000+i)); got.Code != want {
			t.Errorf("IPv6 %d: %d, want %d", i, got.Code, want)
		}
	}
	now = now.Add(time.Second)
	if get("/", "192.0.2.1:2").Code != 200 {
		t.Error("after a second it is still refused")
	}
	for i := range 3 * maxClients {
		l.take(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
	}
	if len(l.clients) != maxClients || l.recent.Len() != maxClients {
		t.Errorf("%d clients are remembered, want %d", len(l.clients), maxClients)
	}
}
