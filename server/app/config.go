package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"vitrine/engine"
	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/server/kvevents"
	"vitrine/server/remote"
)

// Config says what to serve. The zero value of a field means its default.
type Config struct {
	// Addr is the address to listen on, "host:port"; port 0 takes a free one.
	// Default 127.0.0.1:8080. Whoever can reach the address can use the model.
	Addr string
	// AllowHosts are host names under which pages may ask for the server,
	// beside the loopback names and the host of Addr.
	AllowHosts []string
	// APIKey, if not empty, has to be said by whoever asks for anything but
	// GET /health; see package guard.
	APIKey string
	// RateLimit bounds what one address may ask a second: requests to the API,
	// connections of pages, and keys that are tried. Twenty times as many commands of
	// pages are taken on their connections, and 200 at least. Default 0: no bounds.
	RateLimit float64
	// MaxWaiting bounds the API's requests that wait for the engine. Default: what
	// package openai takes.
	MaxWaiting int
	// MaxLogProbs bounds how many of the likeliest tokens a request to the API may have told
	// at each place; -1 stands for the whole vocabulary. Default: what package openai takes.
	MaxLogProbs *int
	// Model is a known model or a path, as for [load.Find]. Default [hub.Default].
	Model string
	// Engine is a server elsewhere that runs the model; none if it has no URL.
	// Then Model, Run, Serving, Blocks, MaxWaiting and MaxLogProbs have no effect: requests of the API
	// are passed on to it.
	Engine remote.Options
	// Run says on what the model runs.
	Run load.Options
	// Serving says how the engine serves: its policy, its sizes, prefix caching and
	// prompt lookup. What it observes and shares, and its Blocks, are not taken from here.
	Serving engine.Options
	// Blocks is the number of KV blocks in the pool. Default: what
	// [load.Model.PoolBlocks] finds.
	Blocks int
	// KVEvents says where what happens to the blocks of the prefix cache is
	// published; nowhere if it has no Endpoint. Without effect on a remote engine.
	KVEvents kvevents.Options
	// MaxSessions bounds the chats that are kept at once. Default: what package
	// session takes.
	MaxSessions int
	// Version is told in the page.
	Version string
	// Log is told what happens. Default: nothing is.
	Log *slog.Logger
	// Fetched is told how far the download of the model is; may be nil.
	Fetched hub.Progress
}

// defaultAddr is where the server listens unless told otherwise.
const defaultAddr = "127.0.0.1:8080"

// maxRate is more requests a second than any server answers.
const maxRate = 1e6

// ConfigError says which field of a [Config] is wrong.
type ConfigError struct {
	Field string // as the commands call it, "kv-blocks"
	Err   error
}

// Error names the field and says what would be right.
func (e *ConfigError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// complete fills in the defaults and finds the model; there is none with a
// remote engine.
func (c *Config) complete() (*load.Found, error) {
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	if c.Model == "" {
		c.Model = hub.Default
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Blocks < 0 {
		return nil, &ConfigError{"kv-blocks", fmt.Errorf("got %d, want 0 (enough for the longest sequence) or more", c.Blocks)}
	}
	if c.MaxSessions < 0 {
		return nil, &ConfigError{"max-sessions", fmt.Errorf("got %d, want 0 (the default) or more", c.MaxSessions)}
	}
	if c.MaxWaiting < 0 {
		return nil, &ConfigError{"max-waiting", fmt.Errorf("got %d, want 0 (the default) or more", c.MaxWaiting)}
	}
	if c.MaxLogProbs != nil && *c.MaxLogProbs < -1 {
		return nil, &ConfigError{"max-logprobs", fmt.Errorf("got %d, want 0 or more, or -1 for the whole vocabulary", *c.MaxLogProbs)}
	}
	if !(c.RateLimit >= 0 && c.RateLimit <= maxRate) { // as NaN is not
		return nil, &ConfigError{"rate-limit", fmt.Errorf("got %g, want requests a second up to %g, or 0 for no limit", c.RateLimit, maxRate)}
	}
	if c.KVEvents.Endpoint == "" && c.KVEvents.ReplayEndpoint != "" {
		return nil, &ConfigError{"kv-events-replay-endpoint", errors.New("needs --kv-events-endpoint")}
	}
	if c.Engine.URL != "" {
		if c.KVEvents.Endpoint != "" {
			return nil, &ConfigError{"kv-events-endpoint", errors.New("the engine runs elsewhere, so its blocks are published there")}
		}
		if err := c.Engine.Check(); err != nil {
			return nil, &ConfigError{"engine", err}
		}
		if which, err := c.Engine.KVEvents.Check(); err != nil {
			return nil, &ConfigError{strings.TrimSuffix("engine-kv-events-"+which, "-"), err}
		}
		return nil, nil //nolint:nilnil // there is no model to be found here
	}
	if err := c.Run.Check(); err != nil {
		return nil, err
	}
	if err := c.Serving.Check(); err != nil {
		return nil, err
	}
	found, err := load.Find(c.Model)
	var unknown *hub.UnknownModelError
	var path *hub.PathError
	if errors.As(err, &unknown) || errors.As(err, &path) {
		return nil, &ConfigError{"model", err}
	}
	return found, err
}
