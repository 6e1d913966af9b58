package serving

import (
	"math"
	"slices"
	"time"
)

// Percentiles are some of a latency's, in seconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// percentiles sorts the durations. With none there are no percentiles: all are 0.
func percentiles(d []time.Duration) Percentiles {
	slices.Sort(d)
	return Percentiles{percentile(d, 50), percentile(d, 90), percentile(d, 99)}
}

// percentile is the p-th percentile of sorted durations, in seconds, with
// linear interpolation between the two nearest (definition 7 of Hyndman and
// Fan 1996, which numpy has by default and vLLM's benchmark therefore too).
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := p / 100 * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	d := float64(sorted[low]) + (at-float64(low))*float64(sorted[high]-sorted[low])
	return math.Round(d/float64(time.Second)*1e6) / 1e6
}

// reply is what a client saw of its request.
type reply struct {
	sent   time.Time // when the workload has it arrive
	tokens []int32
	times  []time.Time // when each token came
}

// latencies are those of all requests together, each of which has a token: to
// the first token, between two tokens, and to the last token.
func latencies(replies []reply) (ttft, itl, e2e Percentiles) {
	var first, between, all []time.Duration
	for _, r := range replies {
		first = append(first, r.times[0].Sub(r.sent))
		all = append(all, r.times[len(r.times)-1].Sub(r.sent))
		for i := range r.times[1:] {
			between = append(between, r.times[i+1].Sub(r.times[i]))
		}
	}
	return percentiles(first), percentiles(between), percentiles(all)
}

// seconds is the time from the first request to the last token of all.
func seconds(replies []reply) float64 {
	var end time.Time
	for _, r := range replies {
		if last := r.times[len(r.times)-1]; last.After(end) {
			end = last
		}
	}
	return end.Sub(replies[0].sent).Seconds()
}
