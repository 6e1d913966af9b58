package guard

import (
	"net/http"
	"strings"
)

// setHeaders writes the headers that every answer carries, refusals too.
func setHeaders(h http.Header, host string) {
	h.Set("Content-Security-Policy", contentSecurityPolicy(host))
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: under it a browser posts the form that asks for the key
	// with "Origin: null" (WHATWG Fetch, "append a request Origin header"), which
	// is refused as a foreign page's.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// contentSecurityPolicy is the page's policy (W3C, Content Security Policy
// Level 3). 'wasm-unsafe-eval' lets the page compile the client and nothing
// else. The socket's address is given beside 'self', which some browsers do
// not apply to ws: and wss:.
func contentSecurityPolicy(host string) string {
	connect := "connect-src 'self'"
	if isPlainHost(host) {
		connect += " ws://" + host + " wss://" + host
	}
	return strings.Join([]string{
		"default-src 'self'",
		"script-src 'self' 'wasm-unsafe-eval'",
		connect,
		"style-src 'self'",
		"img-src 'self' data: blob:",
		"object-src 'none'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors 'none'",
	}, "; ")
}

// isPlainHost tells whether a Host header consists of what a host and port
// are written with, so that it can stand in a policy without changing it.
func isPlainHost(host string) bool {
	for _, c := range []byte(host) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == ':', c == '[', c == ']', c == '_':
		default:
			return false
		}
	}
	return host != ""
}
