package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vitrine/server/assets"
)

// Load returns the program that the binary carries or, where it carries none,
// the one that belongs to the source tree the binary was built from: out of
// the user's cache, or built now, which takes some seconds and is logged. The
// error says what is missing and what would help.
func Load(ctx context.Context, p Program, log *slog.Logger) (*Client, error) {
	if c, err := embedded(p); c != nil || err != nil {
		return c, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no folder to keep the browser client in: %w", err)
	}
	tree, err := findTree(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("this binary carries no browser client and cannot build it: %w", err)
	}
	return tree.cached(ctx, cacheOf(cache, p), log)
}

// Release puts the files of every program of the source tree, with the best
// compression, into the folder dir, for a release to embed: out of the user's cache,
// or built now and kept there where that can be. That takes a while, so each program
// has a goroutine.
func Release(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	clients, failed := make([]*Client, len(Programs)), make([]error, len(Programs))
	var all sync.WaitGroup
	for i, p := range Programs {
		all.Go(func() { clients[i], failed[i] = best(ctx, p) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for _, c := range clients { // one after the other, for they have a file in common
		if err := c.write(dir); err != nil {
			return err
		}
	}
	return nil
}

// best returns a program of the source tree with the best compression.
func best(ctx context.Context, p Program) (*Client, error) {
	tree, err := findTree(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("cannot build the browser client: %w", err)
	}
	return tree.best(ctx)
}

// best returns the client of the tree as it is now with the best compression.
func (t *tree) best(ctx context.Context) (*Client, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return t.build(ctx, assets.Best)
	}
	key, err := t.hash(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cacheOf(cache, t.program), key)
	if c, err := read(os.DirFS(dir), t.program); err == nil && !c.Quick {
		return c, nil
	}
	c, err := t.build(ctx, assets.Best)
	if err != nil {
		return nil, err
	}
	_ = keep(c, dir) // the cache only saves time
	return c, nil
}

// cacheOf is the folder of a program within the user's cache.
func cacheOf(cache string, p Program) string { return filepath.Join(cache, "vitrine", string(p)) }

// cached returns the client of the tree as it is now from the folder cache,
// after building it into it if it is not there.
func (t *tree) cached(ctx context.Context, cache string, log *slog.Logger) (*Client, error) {
	key, err := t.hash(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, key)
	if c, err := read(os.DirFS(dir), t.program); err == nil {
		c.dir = dir
		return c, nil
	}
	log.Info("building the browser client", "program", t.program, "from", t.root)
	start := time.Now()
	c, err := t.build(ctx, assets.Quick)
	if err != nil {
		return nil, err
	}
	log.Info("built the browser client", "program", t.program, "seconds", time.Since(start).Round(10*time.Millisecond).Seconds(),
		"bytes", len(c.Wasm.Identity), "compressed", len(c.Wasm.Brotli))
	// The cache only saves time: a full disk or a read-only one must not keep
	// the server from starting.
	if err := keep(c, dir); err != nil {
		log.Warn("the browser client could not be kept for the next start", "error", err)
	} else {
		c.dir = dir
	}
	return c, nil
}

// Squeeze returns the client with the best compression, which takes ten
// seconds or more of one core, and keeps it in place of the quickly
// compressed one. The error is the context's.
func (c *Client) Squeeze(ctx context.Context, log *slog.Logger) (*Client, error) {
	if !c.Quick {
		return c, nil
	}
	start := time.Now()
	wasm, err := assets.CompressContext(ctx, c.Wasm.Identity, assets.Best)
	if err != nil {
		return nil, err
	}
	best := &Client{Wasm: wasm, Exec: c.Exec, program: c.program, dir: c.dir}
	log.Info("compressed the browser client at its best", "program", c.program, "seconds", time.Since(start).Round(10*time.Millisecond).Seconds(),
		"before", len(c.Wasm.Brotli), "now", len(wasm.Brotli))
	if best.dir != "" {
		if err := keep(best, best.dir); err != nil {
			log.Warn("the smaller browser client could not be kept for the next start", "error", err)
		}
	}
	return best, nil
}

// keep puts the client's files under dir, a folder of the cache, all at once: two
// processes may build the same client, and one may be ended in the middle.
func keep(c *Client, dir string) error {
	cache := filepath.Dir(dir)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := c.write(tmp); err != nil {
		return err
	}
	// What stands there now could not be read or is compressed quickly only; or another
	// process was quicker.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return prune(cache, dir)
}
