package serving

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/engine/sampler"
)

// Config is how an engine serves a workload: what differs from run to run.
type Config struct {
	Policy              engine.Policy
	Memory              engine.Memory
	PrefixCaching       bool
	SpeculativeTokens   int // most tokens guessed a step and request; 0: none
	MaxNumSeqs          int
	MaxNumBatchedTokens int     // 0 takes the engine's default
	Watermark           float64 // part of the blocks that stays free when a request is admitted beside others; no effect in contiguous memory
	KVBlocks            int     // 0: enough for MaxNumSeqs requests of the workload's greatest length
	BlockSize           int
	Events              Events
	RequestRate         float64 // requests a second; 0: all at once
}

// Events says how much of a run is observed.
type Events uint8

// The ways to observe a run.
const (
	// MeterEvents follows blocks and batches, for the figures that need it.
	MeterEvents Events = iota
	// NoEvents observes nothing: memory and batches stay unknown.
	NoEvents
	// AllEvents observes everything and passes it on as a server does to a
	// page, with one request at a time watched.
	AllEvents
)

// Result is what an engine made of a workload.
type Result struct {
	Config
	Requests     int
	PromptTokens int
	OutputTokens int
	Seconds      float64 // from the first request to the last token

	TTFT Percentiles // time to first token, the wait in the queue included
	ITL  Percentiles // inter-token latency: between two tokens of a request
	E2E  Percentiles // from a request to its last token

	// KVWaste is the mean over the steps of 1 − filled/reserved slots.
	KVWaste float64
	// ConcurrentMean and ConcurrentMax are the requests that a step computes:
	// the mean over the steps, and the most. ConcurrentQueued is the mean over
	// the steps while others waited: as many as memory and limits let in.
	ConcurrentMean, ConcurrentQueued float64
	ConcurrentMax                    int
	// PrefillTokens are the positions that were computed of prompts, and again of
	// what a preemption threw away. This and the four above are 0 with NoEvents.
	PrefillTokens int

	KVBytes int64 // of the pool of KV blocks
	Stats   engine.Stats
	// Answers is a digest of the answers' tokens: the same for every policy.
	Answers string
}

// RequestsPerSecond is the throughput in requests.
func (r *Result) RequestsPerSecond() float64 { return float64(r.Requests) / r.Seconds }

// OutputPerSecond is the throughput in tokens of answers.
func (r *Result) OutputPerSecond() float64 { return float64(r.OutputTokens) / r.Seconds }

// TotalPerSecond is the throughput in tokens of prompts and answers.
func (r *Result) TotalPerSecond() float64 {
	return float64(r.PromptTokens+r.OutputTokens) / r.Seconds
}

// HitRate is the part of the prompts' tokens that the prefix cache had.
func (r *Result) HitRate() float64 {
	if r.Stats.PrefixQueries == 0 {
		return 0
	}
	return float64(r.Stats.PrefixHits) / float64(r.Stats.PrefixQueries)
}

// check says which setting is out of range.
func (c Config) check() error {
	if err := (engine.Options{BlockSize: c.BlockSize, MaxSequences: c.MaxNumSeqs, Watermark: c.Watermark}).Check("block-size", "max-num-seqs"); err != nil {
		return err
	}
	switch {
	case c.MaxNumBatchedTokens < 0:
		return fmt.Errorf("max-num-batched-tokens: got %d, want 0 (the engine's default) or more", c.MaxNumBatchedTokens)
	case c.KVBlocks < 0:
		return fmt.Errorf("kv-blocks: got %d, want 0 (enough for max-num-seqs requests) or more", c.KVBlocks)
	case c.SpeculativeTokens < 0:
		return fmt.Errorf("num-speculative-tokens: got %d, want 0 (none) or more", c.SpeculativeTokens)
	case !(c.RequestRate >= 0) || math.IsInf(c.RequestRate, 0):
		return fmt.Errorf("request-rate: got %g, want requests a second, or 0 for all at once", c.RequestRate)
	}
	return nil
}

// Check says what is wrong with running a workload so on a model.
func (c Config) Check(m *load.Model, w *Workload) error {
	if err := c.check(); err != nil {
		return err
	}
	if most := m.Config().Context; w.MaxModelLen > most {
		return fmt.Errorf("workload: its max_model_len is %d, want at most the model's context of %d", w.MaxModelLen, most)
	}
	blocks := c.blocks(w)
	for i, r := range w.Requests {
		if n := w.SharedTokens + r.Prompt + r.Output; n > blocks*c.BlockSize {
			return fmt.Errorf("kv-blocks: got %d of %d tokens, want room for request %d, which is %d tokens long", blocks, c.BlockSize, i, n)
		}
	}
	return m.CheckPool(blocks, c.BlockSize)
}

// blocks is the number of KV blocks.
func (c Config) blocks(w *Workload) int {
	if c.KVBlocks > 0 {
		return c.KVBlocks
	}
	return min(c.MaxNumSeqs, len(w.Requests)) * ((w.MaxModelLen + c.BlockSize - 1) / c.BlockSize)
}

// Run sends the workload's requests to an engine on the model, each when it
// arrives, and waits for all answers. The model belongs to that engine
// meanwhile.
func Run(ctx context.Context, m *load.Model, w *Workload, c Config) (*Result, error) {
	if err := c.Check(m, w); err != nil {
		return nil, err
	}
	counts, eye := newMeter(c.BlockSize), &watcher{}
	options := engine.Options{
		Blocks: c.blocks(w), BlockSize: c.BlockSize, MaxBatchTokens: c.MaxNumBatchedTokens, MaxSequences: c.MaxNumSeqs, Watermark: c.Watermark,
		Policy: c.Policy, Memory: c.Memory, DisablePrefixCaching: !c.PrefixCaching, PromptLookup: engine.PromptLookup{Tokens: c.SpeculativeTokens},
	}
	switch c.Events {
	case MeterEvents:
		options.Observer = counts.observer()
	case AllEvents:
		options.Observer = eye.observer(counts)
	}
	e, err := engine.Start(m.Model, m.Tokenizer, options)
	if err != nil {
		return nil, err
	}
	replies, err := c.serve(ctx, e, w, eye)
	stats, pool := e.Stats(), e.Pool()
	if closed := e.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	r := &Result{
		Config: c, Requests: len(w.Requests), PromptTokens: w.PromptTokens(), OutputTokens: w.OutputTokens(),
		Seconds: seconds(replies), Stats: stats,
	}
	r.KVBlocks, r.KVBytes = pool.Blocks, int64(pool.Blocks)*int64(pool.BlockSize)*int64(pool.SlotBytes)
	r.KVWaste, r.PrefillTokens = counts.waste.value(), counts.prefill
	r.ConcurrentMean, r.ConcurrentQueued, r.ConcurrentMax = counts.concurrent.value(), counts.queued.value(), counts.most
	r.TTFT, r.ITL, r.E2E = latencies(replies)
	r.Answers = digest(replies)
	return r, nil
}

// serve sends the requests, with a watcher where everything is observed.
func (c Config) serve(ctx context.Context, e *engine.Engine, w *Workload, eye *watcher) ([]reply, error) {
	if c.Events != AllEvents {
		return c.send(ctx, e, w)
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	var g errgroup.Group
	g.Go(func() error { return eye.run(watching) })
	replies, err := c.send(ctx, e, w)
	end()
	return replies, errors.Join(err, g.Wait())
}

// send sends each request when it arrives and collects what comes back. If
// they come all at once, all of them are there before the first step.
func (c Config) send(ctx context.Context, e *engine.Engine, w *Workload) ([]reply, error) {
	replies, prompts := make([]reply, len(w.Requests)), w.Prompts(e.Model().Config().Vocab)
	runtime.GC() // not in the middle of the run, for what an earlier one left
	if c.RequestRate == 0 {
		if err := e.AllowSteps(ctx, 0); err != nil {
			return nil, err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	g.Go(func() error {
		for i, r := range w.Requests {
			replies[i].sent = begin
			if c.RequestRate > 0 {
				replies[i].sent = begin.Add(time.Duration(r.Arrival / c.RequestRate * float64(time.Second)))
			}
			if err := sleepUntil(ctx, replies[i].sent); err != nil {
				return err
			}
			request := c.request(w, i, prompts[i])
			h, err := e.Add(ctx, request)
			if err != nil {
				return fmt.Errorf("request %d: %w", i, err)
			}
			g.Go(func() error {
				if err := replies[i].follow(ctx, h, r.Output, request.Params.MaxTokens > r.Output); err != nil {
					return fmt.Errorf("request %d: %w", i, err)
				}
				return nil
			})
		}
		if c.RequestRate == 0 {
			return e.AllowSteps(ctx, -1)
		}
		return nil
	})
	return replies, g.Wait()
}

// request is the i-th of the workload, as it is sent.
func (c Config) request(w *Workload, i int, prompt []int32) engine.Request {
	params := sampler.Defaults()
	params.Temperature, params.IgnoreEOS, params.MaxTokens = 0, true, w.Requests[i].Output
	if c.Memory == engine.Contiguous {
		// Nobody knows an answer's length before its end, and this kind of memory
		// has to be reserved before: as much as may become of it.
		params.MaxTokens = w.MaxModelLen - len(prompt)
	}
	r := engine.Request{Prompt: prompt, Params: params}
	if c.Events == AllEvents && i%watched == 0 {
		r.Watch = watch
	}
	return r
}

// sleepUntil waits for a moment, or for the context's end.
func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow takes in what happens to a request until it has its output tokens. If
// the engine would go on, it ends the answer there, as a client does that
// hangs up.
func (r *reply) follow(ctx context.Context, h *engine.Handle, output int, hangUp bool) error {
	r.tokens, r.times = make([]int32, 0, output), make([]time.Time, 0, output)
	for {
		ev, err := h.Next(ctx)
		switch {
		case err != nil:
			return err
		case ev.Kind == engine.EventToken && len(r.tokens) < output:
			r.tokens, r.times = append(r.tokens, ev.Token), append(r.times, time.Now())
			if hangUp && len(r.tokens) == output {
				if err := h.Abort(); err != nil && !errors.Is(err, engine.ErrReleased) {
					return err
				}
			}
		case ev.Kind != engine.EventState || !ev.State.Finished():
		case len(r.tokens) != output:
			return fmt.Errorf("the engine ended it after %d of %d tokens: %v %s", len(r.tokens), output, ev.State, ev.Reason)
		default:
			return nil
		}
	}
}

// digest is a short digest of the answers' tokens, in the order of the requests.
func digest(replies []reply) string {
	h := sha256.New()
	for _, r := range replies {
		// A hash never fails to be written to.
		_ = binary.Write(h, binary.LittleEndian, int64(len(r.tokens)))
		_ = binary.Write(h, binary.LittleEndian, r.tokens)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
