package sampler

import (
	"math"
	"slices"
	"strconv"
)

const (
	// MaxN is the largest N: the scheduler's limit of concurrent sequences.
	MaxN = 128

	// minTemperature is vLLM's _MAX_TEMP: positive temperatures below it are raised to it.
	minTemperature = 0.01

	// maxBias is the largest absolute value of a logit_bias that has an effect.
	maxBias = 100
)

// ParamError says which parameter was refused and what would be right.
type ParamError struct {
	Field string // vLLM's name of the parameter, such as "top_p" or "logit_bias[3]"
	Got   string
	Want  string
}

// Error returns "FIELD: got GOT, want WANT".
func (e *ParamError) Error() string { return e.Field + ": got " + e.Got + ", want " + e.Want }

// Validate checks the parameters for a vocabulary of the given size and brings
// them into normal form, as vLLM does: a temperature in (0, 0.01) becomes 0.01; temperature 0
// resets TopP, TopK and MinP; TopK −1 becomes 0; biases are clamped to
// ±100 (in a copy: the caller's slice is left alone). The error is a
// *[ParamError] for the first bad field.
func (p *Params) Validate(vocab int) error {
	if err := p.check(vocab); err != nil {
		return err
	}
	p.normalize()
	if slices.ContainsFunc(p.LogitBias, func(b TokenBias) bool { return b.Bias != clampBias(b.Bias) }) {
		p.LogitBias = slices.Clone(p.LogitBias)
		for i := range p.LogitBias {
			p.LogitBias[i].Bias = clampBias(p.LogitBias[i].Bias)
		}
	}
	return nil
}

// normalize brings the scalar fields into normal form.
func (p *Params) normalize() {
	if p.Temperature > 0 && p.Temperature < minTemperature {
		p.Temperature = minTemperature
	}
	if p.TopK < 0 {
		p.TopK = 0
	}
	if p.greedy() {
		p.Temperature, p.TopP, p.TopK, p.MinP = 0, 1, 0, 0
	}
}

// greedy reports whether the largest logit is taken. vLLM calls temperatures
// below 1e-5 greedy, but raises positive ones first, so only 0 remains.
func (p *Params) greedy() bool { return p.Temperature == 0 }

func clampBias(b float32) float32 { return min(max(b, -maxBias), maxBias) }

// check finds the first field that is out of range. It does not allocate
// unless it fails: Sample calls it for every token.
func (p *Params) check(vocab int) error {
	if err := p.checkNumbers(vocab); err != nil {
		return err
	}
	return p.checkLists(vocab)
}

func (p *Params) checkNumbers(vocab int) error {
	switch {
	case p.N < 1 || p.N > MaxN:
		return badInt("n", p.N, "1 to "+strconv.Itoa(MaxN))
	case !finite(p.Temperature) || p.Temperature < 0:
		return badFloat("temperature", p.Temperature, "a finite number, at least 0")
	case !(p.TopP > 0 && p.TopP <= 1):
		return badFloat("top_p", p.TopP, "more than 0 and at most 1")
	case !(p.MinP >= 0 && p.MinP <= 1):
		return badFloat("min_p", p.MinP, "0 to 1")
	case !(p.PresencePenalty >= -2 && p.PresencePenalty <= 2):
		return badFloat("presence_penalty", p.PresencePenalty, "-2 to 2")
	case !(p.FrequencyPenalty >= -2 && p.FrequencyPenalty <= 2):
		return badFloat("frequency_penalty", p.FrequencyPenalty, "-2 to 2")
	case !finite(p.RepetitionPenalty) || p.RepetitionPenalty <= 0:
		return badFloat("repetition_penalty", p.RepetitionPenalty, "a finite number above 0")
	case p.TopK < -1:
		return badInt("top_k", p.TopK, "0 or -1 (off) or at least 1")
	case p.MaxTokens < 1:
		return badInt("max_tokens", p.MaxTokens, "at least 1")
	case p.MinTokens < 0 || p.MinTokens > p.MaxTokens:
		return badInt("min_tokens", p.MinTokens, "0 to max_tokens ("+strconv.Itoa(p.MaxTokens)+")")
	case p.LogProbs < -1 || p.LogProbs > vocab:
		return badInt("logprobs", p.LogProbs, "-1 (all) to "+strconv.Itoa(vocab))
	case p.SkipLogProb && p.LogProbs != 0:
		return badInt("logprobs", p.LogProbs, "0 without log-probabilities")
	case p.PromptLogProbs < -1 || p.PromptLogProbs > vocab:
		return badInt("prompt_logprobs", p.PromptLogProbs, "-1 (all) to "+strconv.Itoa(vocab))
	case p.PromptLogProbs != 0 && !p.HasPromptLogProbs:
		return badInt("prompt_logprobs", p.PromptLogProbs, "0 where the prompt's log-probabilities are not asked for")
	case int(p.Order) >= len(pipelines):
		return badInt("order", int(p.Order), "vllm, huggingface or llamacpp")
	case p.greedy() && p.N != 1:
		return badInt("n", p.N, "1 with temperature 0 (greedy sequences would be equal)")
	}
	return nil
}

func (p *Params) checkLists(vocab int) error {
	if slices.Contains(p.Stop, "") {
		return &ParamError{Field: "stop", Got: `""`, Want: "non-empty strings"}
	}
	if len(p.Stop) > 0 && !p.Detokenize {
		return &ParamError{Field: "stop", Got: "stop strings with detokenize=false", Want: "detokenize=true"}
	}
	if err := checkIDs("stop_token_ids", p.StopTokenIDs, vocab); err != nil {
		return err
	}
	if err := checkIDs("eos_token_ids", p.EOSTokenIDs, vocab); err != nil {
		return err
	}
	if p.AllowedTokenIDs != nil && len(p.AllowedTokenIDs) == 0 {
		return &ParamError{Field: "allowed_token_ids", Got: "an empty list", Want: "at least one token id, or nothing"}
	}
	if err := checkIDs("allowed_token_ids", p.AllowedTokenIDs, vocab); err != nil {
		return err
	}
	for i, b := range p.LogitBias {
		if !inVocab(b.Token, vocab) {
			return badID("logit_bias["+strconv.Itoa(i)+"].token", b.Token, vocab)
		}
		if !finite(b.Bias) {
			return badFloat("logit_bias["+strconv.Itoa(i)+"].bias", b.Bias, "a finite number")
		}
	}
	for i, word := range p.BadWords {
		if len(word) == 0 {
			return &ParamError{Field: "bad_words[" + strconv.Itoa(i) + "]", Got: "no tokens", Want: "at least one token"}
		}
		for _, id := range word {
			if !inVocab(id, vocab) {
				return badID("bad_words["+strconv.Itoa(i)+"]", id, vocab)
			}
		}
	}
	return nil
}

// check finds a token of the history that is outside the vocabulary, or a mask of
// another length.
func (h History) check(vocab int) error {
	if err := checkIDs("prompt", h.Prompt, vocab); err != nil {
		return err
	}
	if want := (vocab + 63) / 64; h.Allowed != nil && len(h.Allowed) != want {
		return badInt("allowed", len(h.Allowed), strconv.Itoa(want)+" words of 64 tokens")
	}
	return checkIDs("output", h.Output, vocab)
}

func checkIDs(field string, ids []int32, vocab int) error {
	for i, id := range ids {
		if !inVocab(id, vocab) {
			return badID(field+"["+strconv.Itoa(i)+"]", id, vocab)
		}
	}
	return nil
}

func inVocab(id int32, vocab int) bool { return id >= 0 && int(id) < vocab }

func finite(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }

func badInt(field string, got int, want string) error {
	return &ParamError{Field: field, Got: strconv.Itoa(got), Want: want}
}

func badFloat(field string, got float32, want string) error {
	return &ParamError{Field: field, Got: formatFloat(got), Want: want}
}

func badID(field string, got int32, vocab int) error {
	return badInt(field, int(got), "a token id in [0, "+strconv.Itoa(vocab)+")")
}

func formatFloat(x float32) string { return strconv.FormatFloat(float64(x), 'g', -1, 32) }
