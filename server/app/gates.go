package app

import (
	"net/http"

	"vitrine/server/guard"
	"vitrine/server/openai"
	"vitrine/web"
)

// refuse answers a request that does not pass a gate: in the API's shape if it
// was one of the API's.
func refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	if openai.Has(r.URL.Path) {
		openai.Refuse(w, status, message)
		return
	}
	http.Error(w, message, status)
}

// askKey is the page that asks for the API key.
func askKey(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(http.StatusUnauthorized)
	_ = web.KeyPage(web.Language(r)).Render(r.Context(), w) // who has gone needs no page
}

// A page asks for much that costs little while one points at its pictures, so its
// commands are let through at a higher rate than requests are: commandShare times
// as many a second, and leastCommands in any case. At that rate no page is disturbed.
const (
	commandShare  = 20
	leastCommands = 200
)

// commandLimit is what bounds the commands on the connections of an address's pages,
// the chat's and the hall's together; nil for nothing.
func (c *Config) commandLimit() *guard.RateLimit {
	if c.RateLimit == 0 {
		return nil
	}
	return guard.NewRateLimit(max(commandShare*c.RateLimit, leastCommands))
}

// gates puts in front of the routes what the configuration asks for. From the
// outside in: the host and the origin, the rate of requests, the key.
func gates(routes http.Handler, c *Config) (http.Handler, error) {
	handler := routes
	if c.APIKey != "" {
		handler = guard.NewKey(c.APIKey, "/health", http.HandlerFunc(askKey)).Protect(handler, refuse)
	}
	if c.RateLimit > 0 {
		// The page's own files come in a handful at a time and cost nothing. A
		// connection of a page counts once: what is said on it has a limit of its
		// own, see [Config.commandLimit]. A key that is tried counts wherever it is tried.
		counted := func(r *http.Request) bool {
			return openai.Has(r.URL.Path) || r.URL.Path == "/ws" || r.URL.Path == "/ws/serving" || r.Method == http.MethodPost || r.URL.Query().Has("key") || r.Header.Get("Authorization") != ""
		}
		handler = guard.NewRateLimit(c.RateLimit).Protect(handler, counted, refuse)
	}
	return guard.New(handler, guard.Options{Listen: c.Addr, Hosts: c.AllowHosts, Refuse: refuse})
}
