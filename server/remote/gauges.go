package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Gauges are how a server stands, by its /metrics under vLLM's names. What it
// does not tell is NaN. Hits, TTFT and ITL are means over what happened between
// the latest two questions that had any such thing between them; [None] until
// there is one.
type Gauges struct {
	Running     float64 // requests in the batch
	Waiting     float64 // requests in the queue
	KVUsage     float64 // share of the KV cache that is held, 0 to 1
	Hits        float64 // share of the prompt tokens that the prefix cache had, 0 to 1
	Preemptions float64 // since the server started
	TTFT        float64 // mean time to the first token, seconds
	ITL         float64 // mean time between two tokens, seconds
	Blocks      int     // KV blocks in the pool; 0 if it does not say
	BlockSize   int     // tokens a block; 0 if it does not say
}

// UnknownGauges are those of a server that tells none.
func UnknownGauges() Gauges {
	nan := math.NaN()
	return Gauges{Running: nan, Waiting: nan, KVUsage: nan, Hits: nan, Preemptions: nan, TTFT: nan, ITL: nan}
}

// ErrNoMetrics says that the server has no /metrics.
var ErrNoMetrics = errors.New("the remote server has no metrics")

// scrape asks how the server stands. The error is [ErrNoMetrics] if it does not
// tell anybody.
func (e *Engine) scrape(ctx context.Context) (scraped, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	res, err := e.send(ctx, http.MethodGet, "/metrics", nil)
	var refused *Error
	switch {
	case errors.As(err, &refused) && (refused.Status == http.StatusNotFound || refused.Status == http.StatusNotImplemented):
		return scraped{}, ErrNoMetrics
	case err != nil:
		return scraped{}, err
	}
	defer res.Body.Close()
	limited := &io.LimitedReader{R: res.Body, N: maxBody}
	s, err := parseMetrics(limited)
	switch {
	case err != nil && limited.N <= 0:
		return s, e.limitError("metrics", maxBody>>20, "MiB")
	case err != nil:
		return s, &Error{Address: e.address, Status: res.StatusCode, Reason: "its /metrics cannot be read: " + short(err.Error()), Err: err}
	}
	return s, nil
}

// parseMetrics reads Prometheus' text format 0.0.4.
func parseMetrics(r io.Reader) (scraped, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return scraped{}, fmt.Errorf("no Prometheus text: %w", err)
	}
	s := scraped{
		firstToken: times(families, "vllm:time_to_first_token_seconds"),
		interToken: times(families, "vllm:inter_token_latency_seconds"),
		prefix:     total{sum(families, "vllm:prefix_cache_hits_total"), sum(families, "vllm:prefix_cache_queries_total")},
	}
	g := &s.now
	*g = UnknownGauges()
	g.Running = sum(families, "vllm:num_requests_running")
	g.Waiting = sum(families, "vllm:num_requests_waiting")
	g.KVUsage = mean(families, "vllm:kv_cache_usage_perc")
	g.Preemptions = sum(families, "vllm:num_preemptions_total")
	g.Blocks = label(families, "vllm:cache_config_info", "num_gpu_blocks")
	g.BlockSize = label(families, "vllm:cache_config_info", "block_size")
	return s, nil
}

// metrics are the metrics of a family: one for each engine of the server.
func metrics(families map[string]*dto.MetricFamily, name string) []*dto.Metric {
	return families[name].GetMetric()
}

// sum adds up a counter or gauge over the engines; NaN if there is none.
func sum(families map[string]*dto.MetricFamily, name string) float64 {
	total := math.NaN()
	for _, m := range metrics(families, name) {
		if math.IsNaN(total) {
			total = 0
		}
		switch {
		case m.Gauge != nil:
			total += m.Gauge.GetValue()
		case m.Counter != nil:
			total += m.Counter.GetValue()
		default:
			total += m.GetUntyped().GetValue()
		}
	}
	return total
}

// mean is the mean of a gauge over the engines; NaN if there is none.
func mean(families map[string]*dto.MetricFamily, name string) float64 {
	return sum(families, name) / float64(len(metrics(families, name)))
}

// times is what a histogram of seconds has counted; NaN if there is none.
func times(families map[string]*dto.MetricFamily, name string) total {
	t := total{math.NaN(), math.NaN()}
	for i, m := range metrics(families, name) {
		if i == 0 {
			t = total{}
		}
		t.sum += m.GetHistogram().GetSampleSum()
		t.count += float64(m.GetHistogram().GetSampleCount())
	}
	return t
}

// label is a number in a label of the first engine; 0
// if there is none.
func label(families map[string]*dto.MetricFamily, name, key string) int {
	for _, m := range metrics(families, name) {
		for _, l := range m.GetLabel() {
			if n, err := strconv.Atoi(l.GetValue()); l.GetName() == key && err == nil && n > 0 {
				return n
			}
		}
	}
	return 0
}
