package serving

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/server/load"
)

// Config is how an engine serves a workload: what differs from run to run.
type Config struct {
	MaxNumSeqs          int     `json:"max_num_seqs"`
	MaxNumBatchedTokens int     `json:"max_num_batched_tokens"` // 0 takes the engine's default
	KVBlocks            int     `json:"kv_blocks"`              // 0: enough for MaxNumSeqs requests of the workload's greatest length
	BlockSize           int     `json:"block_size"`
	RequestRate         float64 `json:"request_rate,omitempty"` // requests a second; 0: all at once
}

// Result is what an engine made of a workload.
type Result struct {
	Config
	Workload     string  `json:"workload"`
	Requests     int     `json:"requests"`
	PromptTokens int     `json:"prompt_tokens"`
	OutputTokens int     `json:"output_tokens"`
	Seconds      float64 `json:"seconds"` // from the first request to the last token

	RequestsPerSecond float64     `json:"requests_per_second"`
	OutputPerSecond   float64     `json:"output_tokens_per_second"`
	TotalPerSecond    float64     `json:"total_tokens_per_second"` // prompts and answers
	TTFT              Percentiles `json:"time_to_first_token_seconds"`
	ITL               Percentiles `json:"inter_token_latency_seconds"`
	E2E               Percentiles `json:"e2e_request_latency_seconds"`

	// KVWaste is the mean over the steps of 1 − filled/reserved slots.
	KVWaste float64 `json:"kv_waste"`
	// KVBytes is the size of the pool of KV blocks.
	KVBytes        int64   `json:"kv_bytes"`
	ConcurrentMean float64 `json:"concurrent_requests_mean"` // over the steps
	ConcurrentMax  int     `json:"concurrent_requests_max"`
	Preemptions    int     `json:"preemptions"`
	Steps          int     `json:"steps"`
	// ComputedTokens are those that the model ran, PrefillTokens those of them
	// that are not the computation of an answer's token: prompts, what is
	// computed again after a preemption, padding.
	ComputedTokens int `json:"computed_tokens"`
	PrefillTokens  int `json:"prefill_tokens"`
	// Answers is a digest of the answers' tokens: the same for every policy.
	Answers string `json:"answers"`
}

// check says which setting is out of range.
func (c Config) check() error {
	switch {
	case c.MaxNumSeqs < 1:
		return fmt.Errorf("max-num-seqs: got %d, want at least 1", c.MaxNumSeqs)
	case c.MaxNumBatchedTokens < 0:
		return fmt.Errorf("max-num-batched-tokens: got %d, want 0 (the engine's default) or more", c.MaxNumBatchedTokens)
	case c.KVBlocks < 0:
		return fmt.Errorf("kv-blocks: got %d, want 0 (enough for max-num-seqs requests) or more", c.KVBlocks)
	case c.BlockSize < 1:
		return fmt.Errorf("block-size: got %d, want at least 1", c.BlockSize)
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
	counts := newMeter(c.BlockSize)
	e, err := engine.Start(m.Model, m.Tokenizer, engine.Options{
		Blocks: c.blocks(w), BlockSize: c.BlockSize, MaxBatchTokens: c.MaxNumBatchedTokens, MaxSequences: c.MaxNumSeqs,
		Observer: counts.observer(),
	})
	if err != nil {
		return nil, err
	}
	prompts := w.Prompts(m.Config().Vocab)
	runtime.GC() // not in the middle of the run, for what an earlier one left
	begin := time.Now()
	replies, err := send(ctx, e, w, c, prompts, begin)
	seconds := time.Since(begin).Seconds()
	pool := e.Pool()
	if closed := e.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	r := &Result{
		Config: c, Workload: w.Name, Requests: len(w.Requests), PromptTokens: w.PromptTokens(), OutputTokens: w.OutputTokens(), Seconds: digits(seconds),
		KVWaste: digits(counts.waste.value()), KVBytes: int64(pool.Blocks) * int64(pool.BlockSize) * int64(pool.SlotBytes),
		ConcurrentMean: digits(counts.concurrent.value()), ConcurrentMax: counts.most,
		Preemptions: counts.preemptions, Steps: counts.steps, ComputedTokens: counts.computed,
		Answers: digest(replies),
	}
	r.KVBlocks = pool.Blocks
	r.RequestsPerSecond = digits(float64(r.Requests) / seconds)
	r.OutputPerSecond = digits(float64(r.OutputTokens) / seconds)
	r.TotalPerSecond = digits(float64(r.PromptTokens+r.OutputTokens) / seconds)
	// The last token of an answer is drawn, but not computed.
	r.PrefillTokens = r.ComputedTokens - (r.OutputTokens - r.Requests)
	l := measure(replies)
	r.TTFT, r.ITL, r.E2E = l.ttft, l.itl, l.e2e
	return r, nil
}

// digits keeps four decimals: the rest is noise.
func digits(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// send sends each request when it arrives and collects what comes back.
func send(ctx context.Context, e *engine.Engine, w *Workload, c Config, prompts [][]int32, begin time.Time) ([]reply, error) {
	g, ctx := errgroup.WithContext(ctx)
	replies := make([]reply, len(w.Requests))
	for i, r := range w.Requests {
		replies[i].sent = begin
		if c.RequestRate > 0 {
			replies[i].sent = begin.Add(time.Duration(r.Arrival / c.RequestRate * float64(time.Second)))
		}
		if err := sleepUntil(ctx, replies[i].sent); err != nil {
			break // the group has the reason
		}
		params := sampler.Defaults()
		params.Temperature, params.IgnoreEOS, params.MaxTokens = 0, true, r.Output
		h, err := e.Add(ctx, engine.Request{Prompt: prompts[i], Params: params})
		if err != nil {
			g.Go(func() error { return fmt.Errorf("request %d: %w", i, err) })
			break
		}
		g.Go(func() error {
			if err := replies[i].follow(ctx, h, r.Output); err != nil {
				return fmt.Errorf("request %d: %w", i, err)
			}
			return nil
		})
	}
	return replies, g.Wait()
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

// follow takes in what happens to a request until it has its output tokens.
func (r *reply) follow(ctx context.Context, h *engine.Handle, output int) error {
	r.tokens, r.times = make([]int32, 0, output), make([]time.Time, 0, output)
	for {
		ev, err := h.Next(ctx)
		switch {
		case err != nil:
			return err
		case ev.Kind == engine.EventToken:
			r.tokens, r.times = append(r.tokens, ev.Token), append(r.times, time.Now())
		case ev.Kind != engine.EventState || !ev.State.Finished():
		case ev.State != engine.FinishedLength || len(r.tokens) != output:
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
