package openai

import (
	"math"
	"strconv"
	"unicode/utf8"

	"vitrine/engine"
	"vitrine/engine/sampler"
)

// leastLogProb stands for −∞, which JSON cannot write, as in vLLM.
const leastLogProb = -9999

func finite(logProb float32) float32 {
	if math.IsInf(float64(logProb), 0) || math.IsNaN(float64(logProb)) || logProb < leastLogProb {
		return leastLogProb
	}
	return logProb
}

// spell is a token as the answer's log-probabilities write it.
func (g *generation) spell(id int32) string {
	if g.request.tokensAsIDs {
		return "token_id:" + strconv.Itoa(int(id))
	}
	return string(validUTF8(g.model.Engine.Tokenizer().Bytes(id)))
}

// validUTF8 puts U+FFFD where the bytes of half a character are.
func validUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	var out []byte
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		out = utf8.AppendRune(out, r)
		b = b[size:]
	}
	return out
}

// chatLogProb is a token with its log-probability in a chat's answer.
type chatLogProb struct {
	Token   string  `json:"token"`
	LogProb float32 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

type chatTokenLogProb struct {
	chatLogProb
	Top []chatLogProb `json:"top_logprobs"`
}

type chatLogProbs struct {
	Content []chatTokenLogProb `json:"content"`
	Refusal *string            `json:"refusal"`
}

func (g *generation) chatEntry(id int32, logProb float32) chatLogProb {
	b := g.model.Engine.Tokenizer().Bytes(id)
	e := chatLogProb{Token: g.spell(id), LogProb: finite(logProb), Bytes: make([]int, len(b))}
	for i := range b {
		e.Bytes[i] = int(b[i])
	}
	return e
}

// chatLogProbs tells the results of a choice from its token from on.
func (g *generation) chatLogProbs(c *choice, from int) *chatLogProbs {
	if !g.request.logProbs {
		return nil
	}
	told := &chatLogProbs{Content: []chatTokenLogProb{}}
	for _, r := range c.results[from:] {
		t := chatTokenLogProb{chatLogProb: g.chatEntry(r.Token, r.LogProb), Top: []chatLogProb{}}
		for _, top := range r.TopLogProbs {
			t.Top = append(t.Top, g.chatEntry(top.Token, top.LogProb))
		}
		told.Content = append(told.Content, t)
	}
	return told
}

// completionLogProbs are the columns of /v1/completions.
type completionLogProbs struct {
	TextOffset    []int                `json:"text_offset"`
	TokenLogProbs []*float32           `json:"token_logprobs"`
	Tokens        []string             `json:"tokens"`
	TopLogProbs   []map[string]float32 `json:"top_logprobs"`
}

// completionLogProbs tells the results of a choice from its token from on,
// behind those of the prompt if that is echoed.
func (g *generation) completionLogProbs(c *choice, from int, echo bool) *completionLogProbs {
	if !g.request.logProbs {
		return nil
	}
	told := &completionLogProbs{TextOffset: []int{}, TokenLogProbs: []*float32{}, Tokens: []string{}, TopLogProbs: []map[string]float32{}}
	add := func(id int32, own *float32, top []sampler.TokenLogProb) {
		token := g.spell(id)
		told.TextOffset = append(told.TextOffset, c.offset)
		c.offset += utf8.RuneCountInString(token)
		told.Tokens = append(told.Tokens, token)
		told.TokenLogProbs = append(told.TokenLogProbs, own)
		var all map[string]float32
		if own != nil {
			all = make(map[string]float32, len(top)+1)
			for i := len(top) - 1; i >= 0; i-- { // of those that are spelt alike the likeliest stays
				all[g.spell(top[i].Token)] = finite(top[i].LogProb)
			}
			if _, there := all[token]; !there {
				all[token] = *own
			}
		}
		told.TopLogProbs = append(told.TopLogProbs, all)
	}
	if echo {
		for i, id := range g.request.prompts[c.prompt].ids {
			if i == 0 || i > len(g.scores[c.prompt]) {
				add(id, nil, nil)
				continue
			}
			s := g.scores[c.prompt][i-1]
			own := finite(s.LogProb)
			add(id, &own, s.Top[:min(len(s.Top), g.request.params.LogProbs)])
		}
	}
	for _, r := range c.results[from:] {
		own := finite(r.LogProb)
		add(r.Token, &own, r.TopLogProbs)
	}
	return told
}

// promptLogProb is vLLM's entry of prompt_logprobs.
type promptLogProb struct {
	LogProb float32 `json:"logprob"`
	Rank    int     `json:"rank"`
	Decoded string  `json:"decoded_token"`
}

// promptLogProbs is vLLM's prompt_logprobs: for each token of the prompt an
// object by token ids, and null for the first, which nothing comes before.
func (g *generation) promptLogProbs(prompt int) []map[string]promptLogProb {
	if !g.request.scores {
		return nil
	}
	told := make([]map[string]promptLogProb, 1, len(g.scores[prompt])+1)
	for _, s := range g.scores[prompt] {
		told = append(told, g.promptEntry(s))
	}
	return told
}

func (g *generation) promptEntry(s engine.PromptLogProb) map[string]promptLogProb {
	m := map[string]promptLogProb{}
	top := s.Top[:min(len(s.Top), g.request.scoresTop)]
	for _, t := range append(top[:len(top):len(top)], s.TokenLogProb) {
		m[strconv.Itoa(int(t.Token))] = promptLogProb{finite(t.LogProb), t.Rank, g.spell(t.Token)}
	}
	return m
}
