package openai

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vitrine/engine"
)

// Metrics are an engine's figures under vLLM's names, labels and buckets
// (vllm/v1/metrics/loggers.py), so that its dashboards show them. They count
// all that the engine runs, the page's conversations too. Counts and gauges are read
// from [engine.Engine.Stats] when they are asked for; times are measured from
// what the engine tells its Observer, at the end of each step.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
	engine   atomic.Pointer[engine.Engine]

	requestsN                                            prometheus.Histogram
	promptTokens, generationTokens, maxTokens, iteration prometheus.Histogram
	maxGeneration, preemptions, prefillComputed          prometheus.Histogram
	firstToken, interToken, perOutputToken               prometheus.Histogram
	whole, queue, inference, prefill, decode             prometheus.Histogram

	rejected prometheus.Counter // by the queue's limit
	drafts   drafts

	// Owned by the engine's goroutine, which calls the Observer.
	open     map[uint32]*timeline
	requests map[uint32]*siblings // by their first output
	beams    map[uint32]bool      // of beam searches: each is no output, and has no times of its own
	endings  []uint32             // outputs that finished in the step that is not told yet
}

// timeline is when things happened to an output.
type timeline struct {
	arrival, scheduled, first, last time.Time
	prompt, maxTokens, drawn        int
	preempted, computed, farthest   int       // how often, tokens of the prompt that were computed, and up to which
	request                         uint32    // its first output
	siblings                        *siblings // nil for a conversation of the page that goes on
	// disturbed: it was paused by hand, so its times say nothing of the engine.
	disturbed bool
}

// vLLM's buckets, in seconds and in tokens.
var (
	firstTokenBuckets = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	interTokenBuckets = []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
	latencyBuckets    = []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
	iterationBuckets  = []float64{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}
	paramsNBuckets    = []float64{1, 2, 5, 10, 20}
	preemptionBuckets = []float64{1, 2, 3, 4, 5, 10, 20}
)

// oneTwoFive are the buckets 1, 2, 5, 10, … up to a largest value.
func oneTwoFive(largest int) []float64 {
	var buckets []float64
	for decade := 1; ; decade *= 10 {
		for _, m := range []int{1, 2, 5} {
			if m*decade > largest {
				return buckets
			}
			buckets = append(buckets, float64(m*decade))
		}
	}
}

// NewMetrics makes the metrics of an engine that is about to be started, for a
// model of that name and context length in tokens.
func NewMetrics(model string, context int) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), open: map[uint32]*timeline{}, requests: map[uint32]*siblings{}, beams: map[uint32]bool{}}
	labels := prometheus.Labels{"model_name": model, "engine": "0"}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vllm:" + name, Help: help, Buckets: buckets, ConstLabels: labels})
		m.registry.MustRegister(h)
		return h
	}
	tokens := oneTwoFive(context)
	m.requestsN = histogram("request_params_n", "Histogram of the n request parameter.", paramsNBuckets)
	m.promptTokens = histogram("request_prompt_tokens", "Number of prefill tokens processed.", tokens)
	m.generationTokens = histogram("request_generation_tokens", "Number of generation tokens processed.", tokens)
	m.maxGeneration = histogram("request_max_num_generation_tokens", "Histogram of maximum number of requested generation tokens.", tokens)
	m.maxTokens = histogram("request_params_max_tokens", "Histogram of the max_tokens request parameter.", tokens)
	m.iteration = histogram("iteration_tokens_total", "Histogram of number of tokens per engine_step.", iterationBuckets)
	m.firstToken = histogram("time_to_first_token_seconds", "Histogram of time to first token in seconds.", firstTokenBuckets)
	m.interToken = histogram("inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", interTokenBuckets)
	m.perOutputToken = histogram("request_time_per_output_token_seconds", "Histogram of time_per_output_token_seconds per request.", interTokenBuckets)
	m.whole = histogram("e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", latencyBuckets)
	m.queue = histogram("request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", latencyBuckets)
	m.inference = histogram("request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request.", latencyBuckets)
	m.prefill = histogram("request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.", latencyBuckets)
	m.decode = histogram("request_decode_time_seconds", "Histogram of time spent in DECODE phase for request.", latencyBuckets)
	m.preemptions = histogram("request_num_preemptions", "Histogram of the number of times a request was preempted.", preemptionBuckets)
	m.prefillComputed = histogram("request_prefill_kv_computed_tokens", "Histogram of new KV tokens computed during prefill (excluding cached tokens).", tokens)
	m.rejected = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "vllm:admission_rejections_total", Help: "Number of admission attempts rejected by a queue limit, by reason.",
		ConstLabels: prometheus.Labels{"model_name": model, "reason": "max_num_queued_reqs"}, // there is no limit by tokens
	})
	m.registry.MustRegister(m.rejected)
	m.readStats(labels)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

// readStats registers what is read from the engine's Stats.
func (m *Metrics) readStats(labels prometheus.Labels) {
	read := func(value func(engine.Stats) float64) func() float64 {
		return func() float64 {
			e := m.engine.Load()
			if e == nil {
				return 0
			}
			return value(e.Stats())
		}
	}
	gauge := func(name, help string, value func(engine.Stats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "vllm:" + name, Help: help, ConstLabels: labels}, read(value)))
	}
	counter := func(name, help string, labels prometheus.Labels, value func(engine.Stats) float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "vllm:" + name + "_total", Help: help, ConstLabels: labels}, read(value)))
	}
	gauge("num_requests_running", "Number of requests in model execution batches.", func(s engine.Stats) float64 { return float64(s.Running) })
	gauge("num_requests_waiting", "Number of requests waiting to be processed.", func(s engine.Stats) float64 { return float64(s.Waiting) })
	// Nothing defers a request here, so that whoever waits does for capacity.
	byReason := prometheus.Labels{"model_name": labels["model_name"], "engine": labels["engine"], "reason": "capacity"}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vllm:num_requests_waiting_by_reason", Help: "Number of waiting requests broken down by reason.", ConstLabels: byReason,
	}, read(func(s engine.Stats) float64 { return float64(s.Waiting) })))
	gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", func(s engine.Stats) float64 { return float64(s.HeldBlocks) / float64(max(1, s.Blocks)) })
	counter("prefix_cache_queries", "Prefix cache queries, in terms of number of queried tokens.", labels, func(s engine.Stats) float64 { return float64(s.PrefixQueries) })
	counter("prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens.", labels, func(s engine.Stats) float64 { return float64(s.PrefixHits) })
	counter("num_preemptions", "Cumulative number of preemption from the engine.", labels, func(s engine.Stats) float64 { return float64(s.Preemptions) })
	counter("prompt_tokens", "Number of prefill tokens processed.", labels, func(s engine.Stats) float64 { return float64(s.PromptTokens) })
	counter("generation_tokens", "Number of generation tokens processed.", labels, func(s engine.Stats) float64 { return float64(s.GenerationTokens) })
	counter("prompt_tokens_cached", "Number of cached prompt tokens (local + external).", labels, func(s engine.Stats) float64 { return float64(s.PrefixHits) })
	for source, value := range map[string]func(engine.Stats) uint64{
		"local_compute":        func(s engine.Stats) uint64 { return s.PromptTokens - s.PrefixHits },
		"local_cache_hit":      func(s engine.Stats) uint64 { return s.PrefixHits },
		"external_kv_transfer": func(engine.Stats) uint64 { return 0 }, // keys and values never come from elsewhere
	} {
		with := prometheus.Labels{"model_name": labels["model_name"], "engine": labels["engine"], "source": source}
		counter("prompt_tokens_by_source", "Number of prompt tokens by source.", with, func(s engine.Stats) float64 { return float64(value(s)) })
	}
	onDevice := prometheus.Labels{"model_name": labels["model_name"], "engine": labels["engine"], "source": "device"}
	counter("prompt_tokens_cached_by_source", "Prefix-cache hit tokens by the cache tier that supplied them.", onDevice, func(s engine.Stats) float64 { return float64(s.PrefixHits) })
	m.registry.MustRegister(collector{&m.engine, labels, &m.drafts})
	for reason, value := range map[string]func(engine.Finished) uint64{
		"stop":   func(f engine.Finished) uint64 { return f.Stop },
		"length": func(f engine.Finished) uint64 { return f.Length },
		"abort":  func(f engine.Finished) uint64 { return f.Abort },
	} {
		with := prometheus.Labels{"model_name": labels["model_name"], "engine": labels["engine"], "finished_reason": reason}
		counter("request_success", "Count of successfully processed requests.", with, func(s engine.Stats) float64 { return float64(value(s.Finished)) })
	}
}

// attach says which engine's Stats are read.
func (m *Metrics) attach(e *engine.Engine) { m.engine.Store(e) }

// requestN counts requests of the API, each for n outputs.
func (m *Metrics) requestN(n, requests int) {
	for range requests {
		m.requestsN.Observe(float64(n))
	}
}

// Observer is what the engine has to be started with, alone or called by
// another. Its functions Request, State and Plan are set.
func (m *Metrics) Observer() *engine.Observer {
	return &engine.Observer{Request: m.request, State: m.state, Plan: m.plan}
}

// request is told of an output that came in. One that is forked off came in
// with the first.
func (m *Metrics) request(r engine.RequestInfo) {
	if r.Beam {
		m.beams[r.Request] = true
		return
	}
	t := &timeline{arrival: time.Now(), prompt: r.Prompt, maxTokens: r.MaxTokens, request: r.First, siblings: m.join(r.First)}
	if parent := m.open[r.First]; parent != nil && r.Index > 0 {
		t.arrival, t.scheduled, t.disturbed, t.farthest = parent.arrival, parent.scheduled, parent.disturbed, t.prompt
	}
	m.open[r.Request] = t
}

func (m *Metrics) state(s engine.StateInfo) {
	if m.beams[s.Request] {
		if s.State.Finished() {
			delete(m.beams, s.Request)
		}
		return
	}
	t := m.open[s.Request]
	switch {
	case s.State == engine.FinishedAborted:
		if t != nil {
			m.leave(t, false)
		}
		delete(m.open, s.Request) // its times would be its client's
	case s.State.Finished():
		m.endings = append(m.endings, s.Request)
	case t == nil:
		// A conversation of the page goes on: that is another request.
		m.open[s.Request] = &timeline{arrival: time.Now(), disturbed: true}
	case s.State == engine.Paused:
		t.disturbed = true
	case s.State == engine.Preempted:
		t.preempted++
	case s.State == engine.Prefill || s.State == engine.Running:
		if t.scheduled.IsZero() {
			t.scheduled = time.Now()
		}
	}
}

// plan is told of a step when its tokens are drawn.
func (m *Metrics) plan(p engine.PlanInfo) {
	now, tokens := p.Begin.Add(p.Duration), 0
	for _, part := range p.Parts {
		tokens += part.Count
		if part.Drafted > 0 {
			m.drafts.verified(part.Drawn)
		}
		t := m.open[part.Request]
		if t == nil {
			continue
		}
		if t.scheduled.IsZero() {
			t.scheduled = p.Begin
		}
		if end := min(part.First+part.Count, t.prompt); end > t.farthest {
			t.computed += end - max(part.First, t.farthest) // what a preemption threw away is not new
			t.farthest = end
		}
		if part.Drawn > 0 {
			m.drew(t, now, part.Drawn)
		}
	}
	m.iteration.Observe(float64(tokens))
	for _, id := range m.endings {
		if t := m.open[id]; t != nil {
			m.ended(t, now)
			m.leave(t, true)
			delete(m.open, id)
		}
	}
	m.endings = m.endings[:0]
}

// drew takes note of tokens that an output drew in one step.
func (m *Metrics) drew(t *timeline, now time.Time, tokens int) {
	switch {
	case t.disturbed:
	case t.first.IsZero():
		m.firstToken.Observe(now.Sub(t.arrival).Seconds())
	default:
		m.interToken.Observe(now.Sub(t.last).Seconds())
	}
	if t.first.IsZero() {
		t.first = now
	}
	t.last = now
	t.drawn += tokens
}

// ended takes note of an output that ended by itself.
func (m *Metrics) ended(t *timeline, now time.Time) {
	if t.disturbed {
		return
	}
	m.promptTokens.Observe(float64(t.prompt))
	m.generationTokens.Observe(float64(t.drawn))
	m.maxTokens.Observe(float64(t.maxTokens))
	m.preemptions.Observe(float64(t.preempted))
	m.prefillComputed.Observe(float64(t.computed))
	m.whole.Observe(now.Sub(t.arrival).Seconds())
	if t.scheduled.IsZero() || t.first.IsZero() {
		return
	}
	m.queue.Observe(t.scheduled.Sub(t.arrival).Seconds())
	m.prefill.Observe(t.first.Sub(t.scheduled).Seconds())
	m.decode.Observe(t.last.Sub(t.first).Seconds())
	m.inference.Observe(t.last.Sub(t.scheduled).Seconds())
	if t.drawn > 1 {
		m.perOutputToken.Observe(t.last.Sub(t.first).Seconds() / float64(t.drawn-1))
	}
}

// searched takes note of what a beam search found for a prompt of so many tokens, and of how
// long its request took, which may have had other prompts too.
func (m *Metrics) searched(prompt, maxTokens int, found []engine.Beam, took time.Duration) {
	longest := 0
	for _, b := range found {
		m.promptTokens.Observe(float64(prompt))
		m.generationTokens.Observe(float64(len(b.Tokens)))
		m.maxTokens.Observe(float64(maxTokens))
		m.whole.Observe(took.Seconds())
		longest = max(longest, len(b.Tokens))
	}
	m.maxGeneration.Observe(float64(longest))
}

// metrics is GET /metrics.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	m, refusal := s.ready()
	if refusal == nil && m.Metrics == nil {
		refusal = refused(http.StatusNotFound, "this server measures nothing")
	}
	if refusal != nil {
		writeError(w, refusal)
		return
	}
	m.Metrics.handler.ServeHTTP(w, r)
}
