package guard

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func passed(t *testing.T, o Options, host string, origin ...string) (int, http.Header, string) {
	t.Helper()
	h, err := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "page")
	}), o)
	if err != nil {
		t.Fatalf("New(%+v): %v", o, err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = host
	for _, v := range origin {
		r.Header.Add("Origin", v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

func TestHostAllowList(t *testing.T) {
	loopback := Options{Listen: "127.0.0.1:8080"}
	every := Options{Listen: ":8080"}
	named := Options{Listen: "[::]:8080", Hosts: []string{"Glass.Example.", "[2001:db8::1]"}}
	for _, c := range []struct {
		name string
		o    Options
		host string
		want int
	}{
		{"loopback name", loopback, "localhost:8080", 200},
		{"loopback name in capitals", loopback, "LOCALHOST:8080", 200},
		{"loopback name with the root's dot", loopback, "localhost.:8080", 200},
		{"loopback address", loopback, "127.0.0.1:8080", 200},
		{"loopback without port", loopback, "127.0.0.1", 200},
		{"IPv6 loopback", loopback, "[::1]:8080", 200},
		{"IPv6 loopback spelt out", loopback, "[0:0:0:0:0:0:0:1]:8080", 200},
		{"IPv6 loopback without port", loopback, "[::1]", 200},
		{"IPv4 in IPv6", loopback, "[::ffff:127.0.0.1]:8080", 200},
		{"rebound name", loopback, "attacker.example:8080", 403},
		{"name that begins like ours", loopback, "localhost.attacker.example", 403},
		{"other address", loopback, "192.0.2.7:8080", 403},
		{"no host", loopback, "", 403},
		{"every interface, by address", every, "192.0.2.7:8080", 200},
		{"every interface, by name", every, "attacker.example:8080", 403},
		{"allowed name", named, "glass.example:8080", 200},
		{"allowed address", named, "[2001:db8::1]:80", 200},
		{"listen host", Options{Listen: "glass.lan:80"}, "glass.lan", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, body := passed(t, c.o, c.host)
			if code != c.want {
				t.Errorf("Host %q: got %d (%s), want %d", c.host, code, body, c.want)
			}
			if c.want == 403 && !strings.Contains(body, "--allowed-hosts") {
				t.Errorf("refusal does not say what would help: %q", body)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	o := Options{Listen: "127.0.0.1:8080"}
	for _, c := range []struct {
		name   string
		origin []string
		want   int
	}{
		{"none", nil, 200},
		{"same", []string{"http://127.0.0.1:8080"}, 200},
		{"behind TLS", []string{"https://127.0.0.1:8080"}, 200},
		{"foreign", []string{"https://attacker.example"}, 403},
		{"other port", []string{"http://127.0.0.1:9090"}, 403},
		{"other spelling of us", []string{"http://localhost:8080"}, 403},
		{"opaque", []string{"null"}, 403},
		{"extension", []string{"file://127.0.0.1:8080"}, 403},
		{"empty", []string{""}, 403},
		{"two", []string{"http://127.0.0.1:8080", "https://attacker.example"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, _, body := passed(t, o, "127.0.0.1:8080", c.origin...); code != c.want {
				t.Errorf("Origin %q: got %d (%s), want %d", c.origin, code, body, c.want)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	o := Options{Listen: "127.0.0.1:8080"}
	for _, host := range []string{"127.0.0.1:8080", "attacker.example; script-src *"} {
		_, h, _ := passed(t, o, host)
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'",
			"img-src 'self' data: blob:", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'",
		} {
			if !strings.Contains("; "+csp+"; ", "; "+want+"; ") {
				t.Errorf("Host %q: policy lacks %q: %s", host, want, csp)
			}
		}
		if strings.Contains(csp, "*") || strings.Count(csp, "script-src") != 1 || strings.Contains(csp, "'unsafe-inline'") {
			t.Errorf("Host %q widened the policy: %s", host, csp)
		}
		if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("X-Content-Type-Options = %q", got)
		}
		if got := h.Get("Referrer-Policy"); got != "same-origin" {
			t.Errorf("Referrer-Policy = %q", got)
		}
	}
	_, h, _ := passed(t, o, "127.0.0.1:8080")
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080;") {
		t.Errorf("the socket's address is not allowed: %s", csp)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Listen: "127.0.0.1"},
		{Listen: "127.0.0.1:80", Hosts: []string{""}},
		{Listen: "127.0.0.1:80", Hosts: []string{"http://glass.example"}},
		{Listen: "127.0.0.1:80", Hosts: []string{"glass.example:80"}},
		{Listen: "127.0.0.1:80", Hosts: []string{"*.example"}},
	} {
		if _, err := New(http.NotFoundHandler(), o); err == nil {
			t.Errorf("New(%+v) accepted", o)
		}
	}
}
