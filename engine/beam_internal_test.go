package engine

import (
	"errors"
	"testing"
)

// The likeliest tokens that a search keeps are bounded by the memory that they take.
func TestBeamLogProbsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name          string
		r             BeamRequest
		vocab, places int
		refused       bool
	}{
		{"none", BeamRequest{Width: MaxBeamWidth, MaxTokens: 1 << 40}, 1 << 16, 1 << 20, false},
		{"just as many", BeamRequest{Width: 1 << 4, MaxTokens: 1 << 6, LogProbs: 1 << 16}, 1 << 17, 1 << 10, false},
		{"one more", BeamRequest{Width: 1 << 4, MaxTokens: 1 << 6, LogProbs: 1<<16 + 1}, 1 << 17, 1 << 10, true},
		{"all of them", BeamRequest{Width: 1 << 4, MaxTokens: 1 << 6, LogProbs: -1}, 1 << 17, 1 << 10, true},
		{"in a short context", BeamRequest{Width: 1 << 4, MaxTokens: 1 << 40, LogProbs: -1}, 1 << 17, 1 << 5, false},
		{"more places than bytes", BeamRequest{Width: MaxBeamWidth, MaxTokens: 1 << 40, LogProbs: 1}, 1 << 17, 1 << 30, true},
	} {
		err := c.r.checkLogProbs(c.vocab, c.places)
		var bad *RequestError
		if refused := errors.As(err, &bad) && bad.Field == "logprobs"; refused != c.refused || err != nil && !refused {
			t.Errorf("%s: %v, refused: want %v", c.name, err, c.refused)
		}
	}
}
