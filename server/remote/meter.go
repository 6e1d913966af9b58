package remote

import "math"

// None stands for a mean of things of which there were none yet since we watch.
const None = -1

// scraped is what an answer of /metrics says.
type scraped struct {
	now Gauges // as they are; those that are means are not set

	// Counted since the server started.
	firstToken, interToken total // seconds, and how many times were taken
	prefix                 total // prompt tokens that the prefix cache had, and that were looked up
}

// total is a sum over a number of things; NaN if the server does not tell it.
type total struct{ sum, count float64 }

// told says whether the server tells it, as a number.
func (t total) told() bool {
	return !math.IsNaN(t.sum) && !math.IsInf(t.sum, 0) && !math.IsNaN(t.count) && !math.IsInf(t.count, 0)
}

// meter turns what was counted since the server's start, which moves ever less,
// into how it stands lately.
type meter struct{ firstToken, interToken, prefix lately }

// read takes in the next answer.
func (m *meter) read(s scraped) Gauges {
	g := s.now
	g.TTFT = m.firstToken.mean(s.firstToken)
	g.ITL = m.interToken.mean(s.interToken)
	g.Hits = m.prefix.mean(s.prefix)
	return g
}

// lately is the mean over what came between two answers.
type lately struct {
	known  bool  // there was an answer
	before total // what it said
	latest float64
}

// mean takes in what is counted now and returns the mean of what was added,
// the latest one if that is nothing, [None] if there is none, and NaN if the
// server does not tell it. A total that has shrunk is that of a server
// which began anew, so all of it was added (as Prometheus' increase() has it).
func (l *lately) mean(now total) float64 {
	if !now.told() {
		*l = lately{}
		return math.NaN()
	}
	if !l.known {
		*l = lately{known: true, before: now, latest: None}
		return None
	}
	added := total{now.sum - l.before.sum, now.count - l.before.count}
	if added.sum < 0 || added.count < 0 {
		added = now
	}
	l.before = now
	if added.count > 0 {
		l.latest = added.sum / added.count
	}
	return l.latest
}
