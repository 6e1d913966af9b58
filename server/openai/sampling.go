package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// Bounds of what one request may carry. The values are far above what is
// needed, and keep one request from taking the engine's time from all others.
const (
	maxPrompts  = 256  // prompts of one /v1/completions
	maxMessages = 4096 // of a conversation
	maxChoices  = 512  // prompts × n
	maxStops    = 32
	maxStopSize = 1024 // bytes of a stop string or a bad word
	maxEntries  = 4096 // of logit_bias, bad_words, stop_token_ids
	maxBias     = 100  // of logit_bias, which is clamped to it
)

// request is what completions and chat have in common.
type request struct {
	params    sampler.Params
	prompts   []prompt
	maxField  string // the field that gave MaxTokens; "" if none did
	scoreOnly bool   // max_tokens 0 with echo: nothing is drawn

	stream, usage, continuousUsage bool

	logProbs    bool // choices tell their tokens' log-probabilities
	scores      bool // prompt_logprobs: the prompt's are told, scoresTop at each token
	scoresTop   int
	echo        bool
	tokenIDs    bool // return_token_ids
	tokensAsIDs bool // return_tokens_as_token_ids

	beams     *beams // the beam search that was asked for; nil for none
	spec      *spec  // the structured output that was asked for; nil for none
	priority  int
	cacheSalt string
	truncate  int // truncate_prompt_tokens; 0 for no, -1 for the context
}

// prompt is what one engine request begins with.
type prompt struct {
	ids  []int32
	text string // as it was given; "" for ids
	isID bool
}

// takeModel checks the model's name. The field may be missing: there is one.
func takeModel(o *object, served string) {
	var name string
	if take(o, "model", &name, "the model's name") && name != served && o.err == nil {
		o.err = noModel(name, served)
	}
}

func noModel(name, served string) *Error {
	return &Error{
		Status: http.StatusNotFound, Type: invalidRequest, Param: "model", Code: "model_not_found",
		Message: fmt.Sprintf("the model %q is not served here, %q is", excerpt([]byte(name)), served),
	}
}

// takeCommon takes the fields that completions and chat share. Numbers out of
// range are the sampler's to refuse.
func (r *request) takeCommon(o *object, m *Model) {
	t, vocab, context := m.Engine.Tokenizer(), m.Engine.Model().Config().Vocab, m.context()
	r.params = sampler.Defaults()
	p := &r.params
	take(o, "n", &p.N, fmt.Sprintf("a whole number from 1 to %d", sampler.MaxN))
	take(o, "temperature", &p.Temperature, "a number")
	take(o, "top_p", &p.TopP, "a number")
	take(o, "top_k", &p.TopK, "a whole number")
	take(o, "min_p", &p.MinP, "a number")
	take(o, "presence_penalty", &p.PresencePenalty, "a number")
	take(o, "frequency_penalty", &p.FrequencyPenalty, "a number")
	take(o, "repetition_penalty", &p.RepetitionPenalty, "a number")
	var seed int64
	if take(o, "seed", &seed, "a whole number of 64 bits") {
		p.Seed, p.HasSeed = uint64(seed), true
	}
	answerLength := fmt.Sprintf("a whole number from 1 to %d, the model's context less the prompt", context-1)
	if take(o, "max_tokens", &p.MaxTokens, answerLength) {
		r.maxField = "max_tokens"
	}
	take(o, "min_tokens", &p.MinTokens, "a whole number from 0 to max_tokens")
	take(o, "ignore_eos", &p.IgnoreEOS, "true or false")
	take(o, "skip_special_tokens", &p.SkipSpecialTokens, "true or false")
	take(o, "include_stop_str_in_output", &p.IncludeStopStrInOutput, "true or false")
	list(o, "stop_token_ids", &p.StopTokenIDs, maxEntries, "token ids")
	list(o, "allowed_token_ids", &p.AllowedTokenIDs, vocab, "token ids")
	takeStop(o, p)
	takeBias(o, p)
	takeBadWords(o, p, t)
	r.scores = takeLogProbs(o, "prompt_logprobs", &r.scoresTop, m)
	p.HasPromptLogProbs, p.PromptLogProbs = r.scores, r.scoresTop
	spaces := true
	if take(o, "spaces_between_special_tokens", &spaces, "true or false"); !spaces {
		o.fail("spaces_between_special_tokens", "got false, want true: the tokenizer's own spaces are kept")
	}

	r.takeBeams(o)
	take(o, "stream", &r.stream, "true or false")
	r.takeStreamOptions(o)
	if r.stream && r.scores {
		o.fail("prompt_logprobs", "is not available with stream")
	}
	take(o, "return_token_ids", &r.tokenIDs, "true or false")
	take(o, "return_tokens_as_token_ids", &r.tokensAsIDs, "true or false")
	take(o, "priority", &r.priority, "a whole number")
	if take(o, "cache_salt", &r.cacheSalt, "a text") && r.cacheSalt == "" {
		o.fail("cache_salt", `got "", want a text that is not empty`)
	}
	if take(o, "truncate_prompt_tokens", &r.truncate, "a whole number") && (r.truncate < -1 || r.truncate == 0) {
		o.fail("truncate_prompt_tokens", "got %d, want the number of tokens to keep, or -1 for as many as fit", r.truncate)
	}
	// Notes of the client's own.
	var user string
	take(o, "user", &user, "a text")
	take(o, "request_id", &user, "a text")
	var notes map[string]string
	take(o, "metadata", &notes, "an object of texts")
}

// takeLogProbs takes how many of the likeliest tokens are told at each place, and says whether
// the field was there. −1 stands for the whole vocabulary.
func takeLogProbs(o *object, field string, dst *int, m *Model) bool {
	given := 0
	if !take(o, field, &given, "a whole number") {
		return false
	}
	most, vocab := m.mostLogProbs(), m.Engine.Model().Config().Vocab
	*dst = given
	if given == -1 {
		*dst = vocab
	}
	switch {
	case given == -1 && vocab > most:
		o.fail(field, "got -1, which stands for all %d tokens of the vocabulary, want 0 to %d", vocab, most)
	case (*dst < 0 || *dst > most) && vocab <= most:
		o.fail(field, "got %d, want 0 to %d, or -1 for all", given, most)
	case *dst < 0 || *dst > most:
		o.fail(field, "got %d, want 0 to %d", given, most)
	}
	return true
}

func (r *request) takeStreamOptions(o *object) {
	raw, ok := o.raw("stream_options")
	if !ok {
		return
	}
	if !r.stream {
		o.fail("stream_options", "goes with stream only")
		return
	}
	s := parseObject(raw, "stream_options")
	take(s, "include_usage", &r.usage, "true or false")
	take(s, "continuous_usage_stats", &r.continuousUsage, "true or false")
	var obfuscation bool
	if take(s, "include_obfuscation", &obfuscation, "true or false"); obfuscation {
		s.fail("include_obfuscation", "got true, want false: chunks are not padded")
	}
	r.continuousUsage = r.continuousUsage && r.usage
	if err := s.finish(); err != nil && o.err == nil {
		o.err = err
	}
}

// takeStop takes stop: a text or a list of them.
func takeStop(o *object, p *sampler.Params) {
	raw, ok := o.raw("stop")
	if !ok {
		return
	}
	if raw[0] == '"' {
		o.fields["stop"] = slices.Concat([]byte("["), raw, []byte("]"))
	} else {
		o.fields["stop"] = raw
	}
	list(o, "stop", &p.Stop, maxStops, "texts")
	for i, s := range p.Stop {
		if s == "" || len(s) > maxStopSize {
			o.fail(fmt.Sprintf("stop[%d]", i), "has %d bytes, want 1 to %d", len(s), maxStopSize)
		}
	}
}

// takeBias takes logit_bias: an object of token ids and numbers. Those beyond
// ±100 are taken for ±100, as vLLM does, however large they are.
func takeBias(o *object, p *sampler.Params) {
	var biases map[string]json.RawMessage
	if !take(o, "logit_bias", &biases, "an object of token ids and numbers") {
		return
	}
	if len(biases) > maxEntries {
		o.fail("logit_bias", "has %d entries, want at most %d", len(biases), maxEntries)
		return
	}
	for key, raw := range biases {
		id, err := strconv.ParseInt(key, 10, 32)
		bias, ok := number(raw)
		if err != nil || !ok {
			o.fail("logit_bias", "got %s: %s, want a token id with a number from -%[3]d to %[3]d", excerpt([]byte(key)), excerpt(raw), maxBias)
			return
		}
		p.LogitBias = append(p.LogitBias, sampler.TokenBias{Token: int32(id), Bias: float32(max(-maxBias, min(maxBias, bias)))})
	}
	// The order of a map is not the same twice, and errors name a place in it.
	slices.SortFunc(p.LogitBias, func(a, b sampler.TokenBias) int { return int(a.Token) - int(b.Token) })
}

// number reads a JSON number of any size; what float64 cannot hold is ±Inf.
func number(raw json.RawMessage) (float64, bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	return v, err == nil || errors.Is(err, strconv.ErrRange)
}

// takeBadWords takes bad_words and tokenizes them as vLLM does
// (SamplingParams.update_from_tokenizer): each as the beginning of a text and,
// where that makes as many tokens but another first one, as a word after a space.
func takeBadWords(o *object, p *sampler.Params, t *tokenizer.Tokenizer) {
	var words []string
	list(o, "bad_words", &words, maxEntries, "texts")
	for i, word := range words {
		word = strings.TrimLeft(word, " ")
		place := fmt.Sprintf("bad_words[%d]", i)
		if word == "" || len(word) > maxStopSize {
			o.fail(place, "has %d bytes, want a word of 1 to %d", len(word), maxStopSize)
			return
		}
		plain, err := t.Encode(word, tokenizer.EncodeOptions{})
		if err != nil || len(plain) == 0 {
			o.fail(place, "has no tokens")
			return
		}
		p.BadWords = append(p.BadWords, plain)
		spaced, err := t.Encode(" "+word, tokenizer.EncodeOptions{})
		if err == nil && len(spaced) == len(plain) && spaced[0] != plain[0] {
			p.BadWords = append(p.BadWords, spaced)
		}
	}
}

// fit brings the prompts to the length that was asked for, and max_tokens into
// what the context has left; where none was given, defaultMax is taken, or all
// that is left if that is 0.
func (r *request) fit(context, defaultMax int) *Error {
	longest := 0
	for i := range r.prompts {
		p := &r.prompts[i]
		keep := r.truncate
		if keep < 0 {
			keep = context - max(1, r.params.MaxTokens)
			if r.maxField == "" {
				keep = context - 1
			}
		}
		if r.truncate != 0 && len(p.ids) > keep {
			p.ids = p.ids[len(p.ids)-max(1, keep):]
		}
		longest = max(longest, len(p.ids))
	}
	left := context - longest
	if left < 1 {
		e := badField("prompt", "is %d tokens long; the context of this model is %d, and an answer needs at least one of them", longest, context)
		e.Code = "context_length_exceeded"
		return e
	}
	switch {
	case r.maxField == "" && defaultMax > 0:
		r.params.MaxTokens = min(defaultMax, left)
	case r.maxField == "":
		r.params.MaxTokens = left
	case r.params.MaxTokens > left:
		e := badField(r.maxField, "got %d, want at most %d: the context of this model is %d tokens, and the prompt takes %d", r.params.MaxTokens, left, context, longest)
		e.Code = "context_length_exceeded"
		return e
	}
	if n := r.params.N; n > 0 && n <= sampler.MaxN && n*len(r.prompts) > maxChoices {
		return badField("n", "%d for each of %d prompts are %d choices, want at most %d", n, len(r.prompts), n*len(r.prompts), maxChoices)
	}
	return nil
}
