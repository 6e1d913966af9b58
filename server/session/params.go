package session

import (
	"fmt"
	"math/rand/v2"
	"unicode/utf8"

	"vitrine/engine/sampler"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

const (
	// maxStops and maxStopBytes bound the stop strings: the engine looks for
	// every one of them after every token.
	maxStops     = 64
	maxStopBytes = 1024
	// maxBiases is OpenAI's bound of logit_bias, which the sampler walks
	// through for every token.
	maxBiases = 1024
)

// samplerParams makes the sampler's parameters of the page's, with seed where
// the page named none, and checks them for a vocabulary of the given size.
func samplerParams(p wire.Params, seed uint64, vocab int) (sampler.Params, error) {
	s := sampler.Defaults()
	s.Temperature, s.TopP, s.MinP, s.TopK = p.Temperature, p.TopP, p.MinP, int(p.TopK)
	s.PresencePenalty, s.FrequencyPenalty, s.RepetitionPenalty = p.PresencePenalty, p.FrequencyPenalty, p.RepetitionPenalty
	s.Seed, s.HasSeed = seed, true
	if p.HasSeed {
		s.Seed = p.Seed
	}
	s.MaxTokens, s.MinTokens = int(p.MaxTokens), int(p.MinTokens)
	s.IgnoreEOS = p.IgnoreEOS
	s.Order = sampler.Order(p.Order)
	s.Stop = p.Stop
	if len(p.Stop) > maxStops {
		return s, telling.Wrong("stop", "told.too_many", "N", len(p.Stop), "Most", maxStops)
	}
	for _, stop := range p.Stop {
		if len(stop) > maxStopBytes {
			return s, telling.Wrong("stop", "told.too_many_bytes", "N", len(stop), "Most", maxStopBytes)
		}
	}
	if len(p.LogitBias) > maxBiases {
		return s, telling.Wrong("logit_bias", "told.too_many", "N", len(p.LogitBias), "Most", maxBiases)
	}
	for _, b := range p.LogitBias {
		s.LogitBias = append(s.LogitBias, sampler.TokenBias{Token: b.Token, Bias: b.Bias})
	}
	checked := s // Validate also normalizes; the engine does that again
	if err := checked.Validate(vocab); err != nil {
		return s, err
	}
	return s, nil
}

// newSeed draws the seed of a conversation that did not ask for one. It is
// short enough to be read out and typed in again.
func newSeed() uint64 { return uint64(rand.Uint32()) }

// checkText refuses text that is not UTF-8 and says where.
func checkText(field, text string) error {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return telling.Wrong(field, "told.not_utf8", "At", i, "Byte", fmt.Sprintf("%#02x", text[i]))
		}
		i += size
	}
	return nil
}
