// Package guard stands in front of every handler of the server and refuses
// what a page of ours would never send.
//
// A server on a loopback address is reachable by every web page that its user
// has open. Two attacks follow, and two checks answer them:
//
//   - DNS rebinding: a foreign page's host name is made to point at 127.0.0.1,
//     so that the browser takes our answers for that page's own. The name then
//     stands in the Host header, so only known names are served.
//   - Cross-site requests: a foreign page asks for our address by its real name,
//     over HTTP or a WebSocket. The browser then says so in the Origin header,
//     so an Origin that is not the requested host is refused.
//
// The headers that guard adds let the page load nothing from elsewhere, run no
// inline script, connect to no other host and be framed by no one.
package guard

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Options say which requests pass.
type Options struct {
	// Listen is the address that the server listens on, "host:port". Its host
	// is allowed. Where it stands for every interface (no host, 0.0.0.0, ::),
	// every literal IP address is allowed: rebinding needs a name.
	Listen string
	// Hosts are further allowed host names or addresses, without a port.
	Hosts []string
	// Refuse answers a request that does not pass. Default: with the message as
	// plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, message string)
}

// guard is the handler that [New] returns.
type guard struct {
	next    http.Handler
	refuse  func(w http.ResponseWriter, r *http.Request, status int, message string)
	hosts   map[string]bool
	anyAddr bool
}

// New returns a handler that passes to next the requests that Options allow,
// with the security headers set, and answers the others with 403 and a
// sentence that says what would be right. The error names a host of the
// options that is none.
func New(next http.Handler, o Options) (http.Handler, error) {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: want host:port: %w", o.Listen, err)
	}
	g := &guard{next: next, refuse: o.Refuse, hosts: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}}
	if g.refuse == nil {
		g.refuse = func(w http.ResponseWriter, _ *http.Request, status int, message string) {
			http.Error(w, message, status)
		}
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		g.anyAddr = true
	} else {
		g.hosts[canonical(host)] = true
	}
	for _, h := range o.Hosts {
		name := canonical(strings.Trim(h, "[]"))
		if name == "" || strings.ContainsAny(name, "/ @*?#") || strings.Contains(name, ":") && !isAddr(name) {
			return nil, fmt.Errorf("allowed host %q: want a host name or an IP address, without scheme, port or wildcard", h)
		}
		g.hosts[name] = true
	}
	return g, nil
}

// ServeHTTP implements [http.Handler].
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header(), r.Host)
	if !g.allowed(r.Host) {
		g.refuse(w, r, http.StatusForbidden, fmt.Sprintf("Host %q is not served here. Start the server with --allowed-hosts to serve it.", r.Host))
		return
	}
	if !sameOrigin(r) {
		g.refuse(w, r, http.StatusForbidden, fmt.Sprintf("Requests from the origin %q are refused: only pages of this server may ask it.", r.Header.Get("Origin")))
		return
	}
	g.next.ServeHTTP(w, r)
}

// allowed tells whether the Host header names a host that is served.
func (g *guard) allowed(hostport string) bool {
	host := hostOf(hostport)
	return g.hosts[host] || g.anyAddr && isAddr(host)
}

// sameOrigin tells whether the request has no Origin header, as from a
// navigation or a program, or one of the requested host and port.
func sameOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	u, err := url.Parse(origins[0])
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

// hostOf returns the host of "host", "host:port", "[v6]" or "[v6]:port" in
// its canonical form.
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return canonical(host)
	}
	return canonical(strings.Trim(hostport, "[]"))
}

// canonical returns the one spelling under which a host is compared: lower
// case, without the root's dot, addresses as netip writes them.
func canonical(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
