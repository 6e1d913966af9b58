package openai

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"vitrine/engine"
)

// scrape reads /metrics into numbers by name and labels.
func (f *fixture) scrape() map[string]float64 {
	f.t.Helper()
	res, err := http.Get(f.url + "/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		f.t.Fatalf("%d: %v", res.StatusCode, err)
	}
	values := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^(\S+(?:\{.*\})?) (\S+)$`).FindAllStringSubmatch(string(body), -1) {
		values[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return values
}

// TestMetrics: the names are vLLM's, and the numbers those of what was asked.
func TestMetrics(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	const requests, tokens = 3, 6
	prompt := strings.Repeat("the of", 20) // 40 tokens
	for range requests {
		f.ok("/v1/completions", `{"prompt":"`+prompt+`","max_tokens":6,"ignore_eos":true,"n":2}`)
	}
	f.quiet()
	v := f.scrape()
	pool := f.engine.Pool()
	const labels = `{engine="0",model_name="tiny"}`
	for name, want := range map[string]float64{
		"vllm:num_requests_running" + labels:                                                             0,
		"vllm:num_requests_waiting" + labels:                                                             0,
		"vllm:kv_cache_usage_perc" + labels:                                                              0,
		"vllm:num_preemptions_total" + labels:                                                            0,
		"vllm:generation_tokens_total" + labels:                                                          requests * 2 * tokens,
		`vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}`:              requests * 2,
		`vllm:request_success_total{engine="0",finished_reason="stop",model_name="tiny"}`:                0,
		"vllm:time_to_first_token_seconds_count" + labels:                                                requests * 2,
		"vllm:inter_token_latency_seconds_count" + labels:                                                requests * 2 * (tokens - 1),
		"vllm:e2e_request_latency_seconds_count" + labels:                                                requests * 2,
		"vllm:request_queue_time_seconds_count" + labels:                                                 requests * 2,
		"vllm:request_prefill_time_seconds_count" + labels:                                               requests * 2,
		"vllm:request_decode_time_seconds_count" + labels:                                                requests * 2,
		"vllm:request_inference_time_seconds_count" + labels:                                             requests * 2,
		"vllm:request_generation_tokens_sum" + labels:                                                    requests * 2 * tokens,
		"vllm:request_max_num_generation_tokens_sum" + labels:                                            requests * tokens,
		"vllm:request_max_num_generation_tokens_count" + labels:                                          requests,
		`vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny",reason="capacity"}`:            0,
		"vllm:prompt_tokens_cached_total" + labels:                                                       (requests - 1) * 32,
		`vllm:prompt_tokens_by_source_total{engine="0",model_name="tiny",source="local_compute"}`:        40 + (requests-1)*8,
		`vllm:prompt_tokens_by_source_total{engine="0",model_name="tiny",source="local_cache_hit"}`:      (requests - 1) * 32,
		`vllm:prompt_tokens_by_source_total{engine="0",model_name="tiny",source="external_kv_transfer"}`: 0,
		`vllm:prompt_tokens_cached_by_source_total{engine="0",model_name="tiny",source="device"}`:        (requests - 1) * 32,
		`vllm:admission_rejections_total{model_name="tiny",reason="max_num_queued_reqs"}`:                0,
		"vllm:request_num_preemptions_count" + labels:                                                    requests * 2,
		"vllm:request_num_preemptions_sum" + labels:                                                      0,
		"vllm:request_prefill_kv_computed_tokens_count" + labels:                                         requests * 2,
		"vllm:request_prefill_kv_computed_tokens_sum" + labels:                                           40 + (requests-1)*8,
		`vllm:request_num_preemptions_bucket{engine="0",model_name="tiny",le="20"}`:                      requests * 2,
		`vllm:request_prefill_kv_computed_tokens_bucket{engine="0",model_name="tiny",le="10"}`:           2*requests - 1,
		`vllm:cache_config_info{block_size="16",enable_prefix_caching="True",engine="0",kv_cache_memory_bytes="` + strconv.Itoa(pool.Blocks*16*pool.SlotBytes) +
			`",kv_cache_size_tokens="` + strconv.Itoa(pool.Blocks*16) + `",num_gpu_blocks="` + strconv.Itoa(pool.Blocks) + `"}`: 1,
		"vllm:request_params_n_sum" + labels:                                                      requests * 2,
		"vllm:request_params_max_tokens_sum" + labels:                                             requests * 2 * tokens,
		`vllm:time_to_first_token_seconds_bucket{engine="0",model_name="tiny",le="2560"}`:         requests * 2,
		`vllm:request_prompt_tokens_bucket{engine="0",model_name="tiny",le="20"}`:                 0,
		`vllm:request_prompt_tokens_bucket{engine="0",model_name="tiny",le="50"}`:                 requests * 2,
		`vllm:inter_token_latency_seconds_bucket{engine="0",model_name="tiny",le="+Inf"}`:         requests * 2 * (tokens - 1),
		`vllm:iteration_tokens_total_bucket{engine="0",model_name="tiny",le="16384"}`:             v["vllm:iteration_tokens_total_count"+labels],
		`vllm:request_time_per_output_token_seconds_bucket{engine="0",model_name="tiny",le="80"}`: requests * 2,
	} {
		if got, there := v[name]; !there || got != want {
			t.Errorf("%s = %v (there: %v), want %v", name, got, there, want)
		}
	}
	// 40 tokens are two full blocks and more: the second and third prompt find them.
	if q, hits := v["vllm:prefix_cache_queries_total"+labels], v["vllm:prefix_cache_hits_total"+labels]; q != requests*40 || hits != (requests-1)*32 {
		t.Errorf("prefix cache: %v hits of %v", hits, q)
	}
	for name := range v {
		if strings.Contains(name, "spec_decode") {
			t.Errorf("%s is told where nothing is guessed", name)
		}
	}
	if m := f.server.model.Load().Metrics; len(m.open) != 0 || len(m.requests) != 0 {
		t.Errorf("%d outputs and %d requests are still counted on", len(m.open), len(m.requests))
	}
}

// The names, types and labels are those that vLLM's engine publishes without LoRA, KV
// transfer, images and options of its own (vllm/v1/metrics/loggers.py and
// vllm/v1/spec_decode/metrics.py of 0.32), and no others.
func TestMetricNames(t *testing.T) {
	const counter, gauge, histogram = dto.MetricType_COUNTER, dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM
	const own = "engine model_name"
	want := map[string]struct {
		kind   dto.MetricType
		labels string
	}{
		"num_requests_running": {gauge, own}, "num_requests_waiting": {gauge, own}, "num_requests_waiting_by_reason": {gauge, own + " reason"},
		"kv_cache_usage_perc": {gauge, own}, "prefix_cache_queries_total": {counter, own}, "prefix_cache_hits_total": {counter, own},
		"num_preemptions_total": {counter, own}, "prompt_tokens_total": {counter, own}, "prompt_tokens_by_source_total": {counter, own + " source"},
		"prompt_tokens_cached_total": {counter, own}, "prompt_tokens_cached_by_source_total": {counter, own + " source"}, "generation_tokens_total": {counter, own},
		"request_success_total": {counter, "engine finished_reason model_name"}, "admission_rejections_total": {counter, "model_name reason"},
		"request_prompt_tokens": {histogram, own}, "request_generation_tokens": {histogram, own}, "iteration_tokens_total": {histogram, own},
		"request_max_num_generation_tokens": {histogram, own}, "request_params_n": {histogram, own}, "request_params_max_tokens": {histogram, own},
		"time_to_first_token_seconds": {histogram, own}, "inter_token_latency_seconds": {histogram, own}, "request_time_per_output_token_seconds": {histogram, own},
		"e2e_request_latency_seconds": {histogram, own}, "request_queue_time_seconds": {histogram, own}, "request_inference_time_seconds": {histogram, own},
		"request_prefill_time_seconds": {histogram, own}, "request_decode_time_seconds": {histogram, own}, "request_num_preemptions": {histogram, own},
		"request_prefill_kv_computed_tokens": {histogram, own},
		"cache_config_info":                  {gauge, "block_size enable_prefix_caching engine kv_cache_memory_bytes kv_cache_size_tokens num_gpu_blocks"},
		"spec_decode_num_drafts_total":       {counter, own}, "spec_decode_num_draft_tokens_total": {counter, own}, "spec_decode_num_accepted_tokens_total": {counter, own},
		"spec_decode_num_accepted_tokens_per_pos_total": {counter, own + " position"},
	}
	f := newFixture(t, Options{}, engine.Options{PromptLookup: engine.PromptLookup{Tokens: 2}})
	families, err := f.server.model.Load().Metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		name, ours := strings.CutPrefix(family.GetName(), "vllm:")
		if !ours {
			continue
		}
		w, known := want[name]
		delete(want, name)
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
			if got := strings.Join(labels, " "); !known || family.GetType() != w.kind || got != w.labels {
				t.Errorf("%s is a %v of %s, want a %v of %s (vLLM has it: %v)", name, family.GetType(), got, w.kind, w.labels, known)
			}
		}
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

// Preemptions are told of each output, and what they throw away is not computed anew.
func TestPreemptionMetrics(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{Blocks: 18, BlockSize: 4, DisablePrefixCaching: true})
	f.ok("/v1/completions", `{"prompt":["`+strings.Repeat("the of", 5)+`","`+strings.Repeat("of the", 5)+`"],"max_tokens":40,"ignore_eos":true}`)
	f.quiet()
	v := f.scrape()
	const labels = `{engine="0",model_name="tiny"}`
	preempted, prompt := v["vllm:num_preemptions_total"+labels], v["vllm:request_prompt_tokens_sum"+labels]
	if preempted == 0 {
		t.Error("nobody was preempted: the test shows less than it should")
	}
	for name, want := range map[string]float64{
		"vllm:request_num_preemptions_sum" + labels: preempted, "vllm:request_num_preemptions_count" + labels: 2,
		"vllm:request_prefill_kv_computed_tokens_sum" + labels: prompt, "vllm:request_prefill_kv_computed_tokens_count" + labels: 2,
	} {
		if v[name] != want {
			t.Errorf("%s = %v, want %v", name, v[name], want)
		}
	}
}

// The longest of a request's outputs counts, once all have gone.
func TestMaxGenerationTokens(t *testing.T) {
	m := NewMetrics("tiny", 256)
	observed := func() (uint64, float64) {
		var out dto.Metric
		if err := m.maxGeneration.Write(&out); err != nil {
			t.Fatal(err)
		}
		return out.GetHistogram().GetSampleCount(), out.GetHistogram().GetSampleSum()
	}
	o := m.Observer()
	// Of 7's outputs 8 ends first and 9 is aborted; 10 is aborted alone; 11 was paused by hand.
	for i, request := range []uint32{7, 8, 9} {
		o.Request(engine.RequestInfo{Request: request, First: 7, Index: i, MaxTokens: 9})
	}
	o.Request(engine.RequestInfo{Request: 10, First: 10})
	o.Request(engine.RequestInfo{Request: 11, First: 11})
	o.State(engine.StateInfo{Request: 11, State: engine.Paused})
	draw := func(request uint32, tokens int, end engine.State) {
		o.State(engine.StateInfo{Request: request, State: end})
		o.Plan(engine.PlanInfo{Begin: time.Now(), Parts: []engine.PlanPart{{Request: request, Count: 1, Drawn: tokens}}})
	}
	draw(8, 5, engine.FinishedStopped)
	draw(9, 8, engine.FinishedAborted)
	if n, _ := observed(); n != 0 {
		t.Errorf("%d are told before the last output has gone", n)
	}
	draw(7, 3, engine.FinishedStopped)
	draw(10, 4, engine.FinishedAborted)
	draw(11, 6, engine.FinishedStopped)
	if n, sum := observed(); n != 1 || sum != 5 {
		t.Errorf("%d told, in all %g", n, sum)
	}
	if len(m.requests) != 0 || len(m.open) != 0 {
		t.Errorf("%d requests are kept", len(m.requests))
	}
}

// Where tokens are guessed, the runs of guesses and the places of the right
// ones add up.
func TestSpeculationMetrics(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{PromptLookup: engine.PromptLookup{Tokens: 3, MinNGram: 1}})
	f.ok("/v1/completions", `{"prompt":"`+strings.Repeat("the of he ", 12)+`","max_tokens":100,"temperature":0,"ignore_eos":true}`)
	f.quiet()
	v := f.scrape()
	const labels = `{engine="0",model_name="tiny"}`
	drafts, guessed, right := v["vllm:spec_decode_num_drafts_total"+labels], v["vllm:spec_decode_num_draft_tokens_total"+labels], v["vllm:spec_decode_num_accepted_tokens_total"+labels]
	var places []float64
	sum := 0.0
	for i := range 3 {
		n, there := v[`vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",model_name="tiny",position="`+strconv.Itoa(i)+`"}`]
		if !there {
			t.Errorf("place %d is missing", i)
		}
		sum += n
		places = append(places, n)
	}
	if drafts == 0 || guessed < drafts || guessed > 3*drafts || right == 0 || sum != right || places[0] < places[1] || places[1] < places[2] || places[0] > drafts {
		t.Errorf("%g runs of %g guesses, %g right, by place %v", drafts, guessed, right, places)
	}
}
