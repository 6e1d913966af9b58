package serving

import (
	"testing"
	"time"
)

// numpy.percentile gives the same.
func TestPercentiles(t *testing.T) {
	ms := func(n ...int) (d []time.Duration) {
		for _, x := range n {
			d = append(d, time.Duration(x)*time.Millisecond)
		}
		return d
	}
	for _, c := range []struct {
		of   []time.Duration
		want Percentiles
	}{
		{nil, Percentiles{}},
		{ms(7), Percentiles{0.007, 0.007, 0.007}},
		{ms(30, 10), Percentiles{0.02, 0.028, 0.0298}},
		{ms(5, 1, 4, 2, 3), Percentiles{0.003, 0.0046, 0.00496}},
	} {
		if got := percentiles(c.of); got != c.want {
			t.Errorf("of %v: %+v, want %+v", c.of, got, c.want)
		}
	}
}

func TestLatencies(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	replies := []reply{
		{sent: at(10), times: []time.Time{at(110), at(120), at(140)}},
		{sent: at(60), times: []time.Time{at(360)}}, // of one token there is no inter-token latency
		{sent: at(60), times: []time.Time{at(260)}},
	}
	if got := seconds(replies); got != 0.35 {
		t.Errorf("%g seconds in all, want 0.35", got)
	}
	ttft, itl, e2e := latencies(replies)
	if want := (Percentiles{0.2, 0.28, 0.298}); ttft != want { // of 100, 200 and 300 ms
		t.Errorf("time to first token %+v, want %+v", ttft, want)
	}
	if want := (Percentiles{0.015, 0.019, 0.0199}); itl != want {
		t.Errorf("inter-token latency %+v, want %+v", itl, want)
	}
	if want := (Percentiles{0.2, 0.28, 0.298}); e2e != want { // of 130, 200 and 300 ms
		t.Errorf("latency %+v, want %+v", e2e, want)
	}
}
