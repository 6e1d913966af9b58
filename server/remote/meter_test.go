package remote

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Each mean is of what came between two answers, whatever the server has seen
// before.
func TestLately(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		told []total
		want []float64
	}{
		{"none before the second answer", []total{{10, 100}}, []float64{None}},
		{"what was added", []total{{10, 100}, {12, 101}, {13, 105}}, []float64{None, 2, 0.25}},
		{"nothing in between keeps the latest", []total{{0, 0}, {0, 0}, {3, 2}, {3, 2}, {3, 2}, {8, 3}}, []float64{None, None, 1.5, 1.5, 1.5, 5}},
		{"nothing was hit", []total{{0, 0}, {0, 40}, {32, 80}}, []float64{None, 0, 0.8}},
		{"it began anew", []total{{50, 10}, {60, 12}, {6, 2}, {7, 3}}, []float64{None, 5, 3, 1}},
		{"anew and nothing since", []total{{50, 10}, {60, 12}, {0, 0}, {4, 1}}, []float64{None, 5, 5, 4}},
		{"anew, by its sum only", []total{{50, 1}, {4, 2}}, []float64{None, 2}},
		{"not told", []total{{nan, nan}, {1, 1}, {3, 2}, {nan, nan}, {9, 9}}, []float64{nan, None, 2, nan, None}},
		{"no number", []total{{math.Inf(1), 1}, {1, nan}}, []float64{nan, nan}},
	} {
		var l lately
		for i, now := range c.told {
			if got := l.mean(now); got != c.want[i] && !(math.IsNaN(got) && math.IsNaN(c.want[i])) {
				t.Errorf("%s: answer %d gives %g, want %g", c.name, i, got, c.want[i])
			}
		}
	}
}

// What Watch reports moves with what happens, and not with the mean of all days.
func TestWatchMeters(t *testing.T) {
	const text = `# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_sum{engine="0"} %g
vllm:time_to_first_token_seconds_count{engine="0"} %d
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0"} %d
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0"} %d
`
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/models":
			_, _ = w.Write([]byte(`{"data":[{"id":"m"}]}`))
		case "/metrics":
			n := int(asked.Add(1)) - 1 // 1000 requests of 9 s before, then one of half a second each time
			fmt.Fprintf(w, text, 9000+0.5*float64(n), 1000+n, 10+3*n, 1000000+4*n)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	e, err := Dial(t.Context(), Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	var got []Gauges
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_ = e.Watch(ctx, func(r Report) {
		if r.Err != nil {
			t.Error(r.Err)
		}
		if got = append(got, r.Gauges); len(got) == 3 {
			cancel()
		}
	})
	if len(got) < 3 {
		t.Fatalf("%d reports", len(got))
	}
	for i, want := range [][2]float64{{None, None}, {0.5, 0.75}, {0.5, 0.75}} {
		if got[i].TTFT != want[0] || got[i].Hits != want[1] || !math.IsNaN(got[i].ITL) {
			t.Errorf("report %d: %+v", i, got[i])
		}
	}
}
