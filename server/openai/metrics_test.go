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
		"vllm:num_requests_running" + labels:                                                  0,
		"vllm:num_requests_waiting" + labels:                                                  0,
		"vllm:kv_cache_usage_perc" + labels:                                                   0,
		"vllm:num_preemptions_total" + labels:                                                 0,
		"vllm:generation_tokens_total" + labels:                                               requests * 2 * tokens,
		`vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}`:   requests * 2,
		`vllm:request_success_total{engine="0",finished_reason="stop",model_name="tiny"}`:     0,
		"vllm:time_to_first_token_seconds_count" + labels:                                     requests * 2,
		"vllm:inter_token_latency_seconds_count" + labels:                                     requests * 2 * (tokens - 1),
		"vllm:e2e_request_latency_seconds_count" + labels:                                     requests * 2,
		"vllm:request_queue_time_seconds_count" + labels:                                      requests * 2,
		"vllm:request_prefill_time_seconds_count" + labels:                                    requests * 2,
		"vllm:request_decode_time_seconds_count" + labels:                                     requests * 2,
		"vllm:request_inference_time_seconds_count" + labels:                                  requests * 2,
		"vllm:request_generation_tokens_sum" + labels:                                         requests * 2 * tokens,
		"vllm:request_max_num_generation_tokens_sum" + labels:                                 requests * tokens,
		"vllm:request_max_num_generation_tokens_count" + labels:                               requests,
		`vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny",reason="capacity"}`: 0,
		"vllm:prompt_tokens_cached_total" + labels:                                            (requests - 1) * 32,
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
