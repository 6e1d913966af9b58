package openai

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/engine"
)

// collector tells what is known only of an engine that runs, and of speculation
// only if there is any: a counter that cannot move would be taken for
// guesses that are never right.
type collector struct {
	engine *atomic.Pointer[engine.Engine]
	labels prometheus.Labels
	drafts *drafts
}

// Describe implements [prometheus.Collector]: nothing is known beforehand.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	e := c.engine.Load()
	if e == nil {
		return
	}
	o, pool := e.Options(), e.Pool()
	send := func(name, help string, kind prometheus.ValueType, value float64, labels prometheus.Labels) {
		desc := prometheus.NewDesc("vllm:"+name, help, nil, labels)
		m, err := prometheus.NewConstMetric(desc, kind, value)
		if err != nil {
			m = prometheus.NewInvalidMetric(desc, err)
		}
		metrics <- m
	}
	send("cache_config_info", "Information of the LLMEngine CacheConfig", prometheus.GaugeValue, 1, prometheus.Labels{
		"engine":                c.labels["engine"],
		"block_size":            strconv.Itoa(pool.BlockSize),
		"num_gpu_blocks":        strconv.Itoa(pool.Blocks), // vLLM's name, whatever the blocks lie in
		"enable_prefix_caching": pythonBool(o.Memory == engine.Paged && !o.DisablePrefixCaching),
		"kv_cache_size_tokens":  strconv.Itoa(pool.Blocks * pool.BlockSize),
		"kv_cache_memory_bytes": strconv.Itoa(pool.Blocks * pool.BlockSize * pool.SlotBytes),
	})
	if o.PromptLookup.Tokens == 0 {
		return
	}
	stats := e.Stats()
	counter := func(name, help string, value uint64, labels prometheus.Labels) {
		send("spec_decode_"+name+"_total", help, prometheus.CounterValue, float64(value), labels)
	}
	counter("num_drafts", "Number of spec decoding drafts.", c.drafts.made.Load(), c.labels)
	counter("num_draft_tokens", "Number of draft tokens.", stats.Drafted, c.labels)
	counter("num_accepted_tokens", "Number of accepted tokens.", stats.Accepted, c.labels)
	for i := range min(o.PromptLookup.Tokens, len(c.drafts.accepted)) {
		counter("num_accepted_tokens_per_pos", "Accepted tokens per draft position.", c.drafts.accepted[i].Load(), prometheus.Labels{
			"model_name": c.labels["model_name"], "engine": c.labels["engine"], "position": strconv.Itoa(i),
		})
	}
}

// pythonBool is a truth value as vLLM writes it into a label.
func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// drafts count the guesses of speculative decoding. The engine's goroutine
// writes them.
type drafts struct {
	made     atomic.Uint64               // runs of guesses that were verified
	accepted [maxPositions]atomic.Uint64 // guesses that were right, by their place in the run
}

// maxPositions is the most guesses in a run that the engine takes.
const maxPositions = 64

// verified takes note of a run of guesses and the tokens drawn behind it: the
// last one is no guess.
func (d *drafts) verified(drawn int) {
	d.made.Add(1)
	for i := range min(max(drawn-1, 0), len(d.accepted)) {
		d.accepted[i].Add(1)
	}
}
