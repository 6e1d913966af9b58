package openai

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

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
	const labels = `{engine="0",model_name="tiny"}`
	for name, want := range map[string]float64{
		"vllm:num_requests_running" + labels:                                                      0,
		"vllm:num_requests_waiting" + labels:                                                      0,
		"vllm:kv_cache_usage_perc" + labels:                                                       0,
		"vllm:num_preemptions_total" + labels:                                                     0,
		"vllm:generation_tokens_total" + labels:                                                   requests * 2 * tokens,
		`vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}`:       requests * 2,
		`vllm:request_success_total{engine="0",finished_reason="stop",model_name="tiny"}`:         0,
		"vllm:time_to_first_token_seconds_count" + labels:                                         requests * 2,
		"vllm:inter_token_latency_seconds_count" + labels:                                         requests * 2 * (tokens - 1),
		"vllm:e2e_request_latency_seconds_count" + labels:                                         requests * 2,
		"vllm:request_queue_time_seconds_count" + labels:                                          requests * 2,
		"vllm:request_prefill_time_seconds_count" + labels:                                        requests * 2,
		"vllm:request_decode_time_seconds_count" + labels:                                         requests * 2,
		"vllm:request_inference_time_seconds_count" + labels:                                      requests * 2,
		"vllm:request_generation_tokens_sum" + labels:                                             requests * 2 * tokens,
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
}
