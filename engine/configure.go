package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vitrine/engine/kvcache"
)

// ErrBusy is returned when something is to be changed that must not change
// under requests that run or wait.
var ErrBusy = errors.New("engine: requests are running or waiting")

// Options are the options in force, with the defaults filled in.
func (e *Engine) Options() Options {
	e.published.Lock()
	defer e.published.Unlock()
	return e.published.options
}

// Configure changes the engine's options while it rests, so that policies and
// kinds of memory can be compared on one model. It returns [ErrBusy] while a
// request runs or waits; paused and held ones stay, and are computed anew if
// their blocks have to go. The prefix cache begins empty if the memory's size, its kind or
// the caching changes. The Observer stays; another one is refused.
func (e *Engine) Configure(ctx context.Context, o Options) error {
	return e.do(ctx, func() error {
		if len(e.running)+len(e.waiting) > 0 {
			return ErrBusy
		}
		o, err := o.withDefaults(e.model.Config().Context)
		if err != nil {
			return err
		}
		if o.Observer != e.options.Observer {
			return errors.New("engine: Observer is another than the engine was started with, want the same")
		}
		o.Log = e.options.Log // whoever has the engine configured need not know it
		if e.options.sameMemory(&o) {
			e.options = o
			return nil
		}
		limit := o.longest(e.model.Config().Context)
		for _, s := range e.sequences {
			if len(s.tokens) > limit {
				return &RequestError{"blocks", fmt.Sprintf("are %d of %d tokens, too few for request %d, which has %d tokens", o.Blocks, o.BlockSize, s.id, len(s.tokens))}
			}
		}
		for _, s := range e.sequences {
			e.evict(s)
		}
		e.pool.Reset()
		return e.makeMemory(o)
	})
}

// sameMemory says whether the blocks and what they hold can stay.
func (o *Options) sameMemory(other *Options) bool {
	return o.Blocks == other.Blocks && o.BlockSize == other.BlockSize && o.Memory == other.Memory &&
		o.prefixCaching() == other.prefixCaching() && o.PrefixSeed == other.PrefixSeed && o.scratchBlocks() == other.scratchBlocks()
}

// scratchBlocks is the number of blocks behind the pool's whose slots the rows
// of padding are written to.
func (o *Options) scratchBlocks() int {
	if o.Policy != StaticBatching {
		return 0
	}
	return (o.MaxBatchTokens + o.BlockSize - 1) / o.BlockSize
}

// makeMemory makes the pool of blocks and the cache, and takes over the
// options that they are made with.
func (e *Engine) makeMemory(o Options) error {
	pool, err := e.newPool(&o)
	if err != nil {
		return err
	}
	kv, err := e.model.NewKVCache(o.Blocks+o.scratchBlocks(), o.BlockSize)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.options, e.kv = o, kv
	e.usePool(pool)
	return nil
}

// usePool has a pool take the place of the one before, whose figures stay counted.
func (e *Engine) usePool(pool *kvcache.Pool) {
	if e.pool != nil {
		e.evictions += e.pool.Stats().Evictions
	}
	e.pool, e.step.refs = pool, pool.Refs
}

// newPool makes a pool of free blocks, of whose changes the observer is told.
func (e *Engine) newPool(o *Options) (*kvcache.Pool, error) {
	pool, err := kvcache.NewPool(o.Blocks, o.BlockSize)
	if err != nil {
		return nil, err
	}
	if o.prefixCaching() {
		pool.EnablePrefixCaching(o.PrefixSeed)
	}
	pool.OnChange = e.observer.Block
	if e.observer.Prefix != nil {
		pool.OnPrefix = func(p PrefixEvent) {
			p.Tokens = slices.Clone(p.Tokens)
			e.prefixEvents = append(e.prefixEvents, p)
		}
	}
	return pool, nil
}

// ResetPrefixCache makes the prefix cache forget everything, so that what
// follows begins cold.
func (e *Engine) ResetPrefixCache(ctx context.Context) error {
	return e.do(ctx, func() error {
		e.pool.Reset()
		return nil
	})
}

// AllowSteps lets the engine make n more steps and then stand still, whatever
// there is to do, until it is called again; negative means no bound, which is
// how an engine begins, and 0 stops it at once. Requests come and go meanwhile, and
// can be looked into.
func (e *Engine) AllowSteps(ctx context.Context, n int) error {
	return e.do(ctx, func() error {
		e.allowed = n
		return nil
	})
}
