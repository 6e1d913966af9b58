package remote

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Unknown is the id of a token whose id the server does not tell.
const Unknown int32 = -1

// Candidate is a token with its log-probability.
type Candidate struct {
	ID      int32   // [Unknown] if the server tells none
	Bytes   []byte  // what it stands for; nil if the server does not say here
	LogProb float64 // natural logarithm of the probability
}

// Token is a token of an answer.
type Token struct {
	Candidate             // its LogProb is NaN if the server tells none
	Top       []Candidate // the likeliest at its place, the likeliest first; empty if the server tells none
}

// Delta is what one chunk of a stream adds to an answer.
type Delta struct {
	Prompt       []int32 // ids of the prompt, once in a stream of vLLM
	Text         string  // whole characters
	Tokens       []Token
	Finish       string // why the answer ended, "stop" or "length"; empty while it goes on
	PromptTokens int    // tokens of the prompt, in the last chunk; 0 if it does not say
}

func (d *Delta) empty() bool {
	return d.Prompt == nil && d.Text == "" && len(d.Tokens) == 0 && d.Finish == "" && d.PromptTokens == 0
}

// minLogProb is what stands for a probability of zero; vLLM sends −9999.
const minLogProb = -9999

// A number is a JSON number or null.
type number = *float64

// chunk is a chunk of either stream. A field that only one of the two has, or
// only some servers, is empty in the others.
type chunk struct {
	Error   json.RawMessage `json:"error"`
	Prompt  []int32         `json:"prompt_token_ids"` // vLLM's chats
	Choices []choice        `json:"choices"`
	Usage   *struct {
		PromptTokens int `json:"prompt_tokens"`
	} `json:"usage"`
}

type choice struct {
	Index int `json:"index"`
	Delta struct {
		Content          string `json:"content"`
		Reasoning        string `json:"reasoning"`         // vLLM, of models that think
		ReasoningContent string `json:"reasoning_content"` // the same elsewhere
	} `json:"delta"`
	Text     string    `json:"text"`             // of a completion
	TokenIDs []int32   `json:"token_ids"`        // vLLM
	Prompt   []int32   `json:"prompt_token_ids"` // vLLM's completions
	LogProbs *logProbs `json:"logprobs"`
	Finish   string    `json:"finish_reason"`
}

// logProbs are those of a chat (Content) or of a completion (the others).
type logProbs struct {
	Content []struct {
		told
		Top []told `json:"top_logprobs"`
	} `json:"content"`
	Tokens   []string             `json:"tokens"`
	LogProbs []number             `json:"token_logprobs"`
	Top      []map[string]float64 `json:"top_logprobs"`
}

// told is a token of a chat's log-probabilities.
type told struct {
	Token   string `json:"token"`
	LogProb number `json:"logprob"`
	Bytes   []int  `json:"bytes"`
}

// parseChunk reads the data of one event.
func parseChunk(data []byte) (Delta, error) {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return Delta{}, errors.New("the stream holds something that is not a chunk of OpenAI's API: " + short(string(data)))
	}
	if len(c.Error) > 0 && !bytes.Equal(c.Error, []byte("null")) {
		return Delta{}, errors.New("the server gave up the answer: " + cmp.Or(reasonIn(data), "it does not say why"))
	}
	d := Delta{Prompt: c.Prompt}
	if c.Usage != nil {
		d.PromptTokens = max(c.Usage.PromptTokens, 0)
	}
	for i := range c.Choices {
		o := &c.Choices[i]
		if o.Index != 0 {
			return Delta{}, fmt.Errorf("the stream holds choice %d, one was asked for", o.Index)
		}
		if o.Prompt != nil {
			d.Prompt = o.Prompt
		}
		text := o.Delta.Reasoning + o.Delta.ReasoningContent + o.Delta.Content + o.Text
		d.Text += text
		d.Finish = cmp.Or(o.Finish, d.Finish)
		tokens, err := o.tokens(text)
		if err != nil {
			return Delta{}, err
		}
		d.Tokens = append(d.Tokens, tokens...)
	}
	for _, id := range d.Prompt {
		if id < 0 {
			return Delta{}, fmt.Errorf("the prompt holds the token id %d, want 0 or more", id)
		}
	}
	return d, nil
}

// tokens are the tokens that a choice adds. Without log-probabilities they are
// known by their ids only, and without those the text is one piece.
func (o *choice) tokens(text string) ([]Token, error) {
	tokens, err := o.LogProbs.tokens()
	if err != nil {
		return nil, err
	}
	switch {
	case len(tokens) == 0 && len(o.TokenIDs) == 0 && text != "":
		return []Token{{Candidate: Candidate{ID: Unknown, Bytes: []byte(text), LogProb: math.NaN()}}}, nil
	case len(tokens) == 0:
		for _, id := range o.TokenIDs {
			tokens = append(tokens, Token{Candidate: Candidate{ID: id, LogProb: math.NaN()}})
		}
		if len(tokens) == 1 && text != "" {
			tokens[0].Bytes = []byte(text)
		}
	case len(o.TokenIDs) == len(tokens):
		for i, id := range o.TokenIDs {
			tokens[i].ID = id
		}
	}
	for _, t := range tokens {
		if t.ID < Unknown {
			return nil, fmt.Errorf("the stream holds the token id %d, want 0 or more", t.ID)
		}
	}
	return tokens, nil
}

func (l *logProbs) tokens() ([]Token, error) {
	if l == nil {
		return nil, nil
	}
	var tokens []Token
	for i := range l.Content {
		c := &l.Content[i]
		t, err := c.candidate()
		if err != nil {
			return nil, err
		}
		token := Token{Candidate: t}
		for _, a := range c.Top {
			other, err := a.candidate()
			if err != nil {
				return nil, err
			}
			token.Top = append(token.Top, other)
		}
		tokens = append(tokens, token)
	}
	for i, name := range l.Tokens {
		id, bytes := named(name)
		token := Token{Candidate: Candidate{ID: id, Bytes: bytes, LogProb: math.NaN()}}
		var err error
		if i < len(l.LogProbs) {
			if token.LogProb, err = logProb(l.LogProbs[i]); err != nil {
				return nil, err
			}
		}
		if i < len(l.Top) {
			for name, v := range l.Top[i] {
				id, bytes := named(name)
				if v, err = logProb(&v); err != nil {
					return nil, err
				}
				token.Top = append(token.Top, Candidate{ID: id, Bytes: bytes, LogProb: v})
			}
		}
		tokens = append(tokens, token)
	}
	for i := range tokens {
		t := &tokens[i]
		slices.SortStableFunc(t.Top, func(a, b Candidate) int {
			return cmp.Or(cmp.Compare(b.LogProb, a.LogProb), cmp.Compare(a.ID, b.ID), bytes.Compare(a.Bytes, b.Bytes))
		})
		if len(t.Top) > maxTop {
			return nil, fmt.Errorf("the stream holds %d alternatives for a token, want at most %d", len(t.Top), maxTop)
		}
	}
	return tokens, nil
}

// maxTop bounds the alternatives of a token: some more than were asked for.
const maxTop = 64

func (t *told) candidate() (Candidate, error) {
	id, text := named(t.Token)
	c := Candidate{ID: id, Bytes: text}
	// Beside an id vLLM gives an alternative the bytes of the id's own spelling.
	if t.Bytes != nil {
		own := make([]byte, len(t.Bytes))
		for i, b := range t.Bytes {
			if b < 0 || b > math.MaxUint8 {
				return c, fmt.Errorf("the stream holds the byte %d, want 0 to 255", b)
			}
			own[i] = byte(b)
		}
		if id == Unknown || string(own) != t.Token {
			c.Bytes = own
		}
	}
	var err error
	c.LogProb, err = logProb(t.LogProb)
	return c, err
}

// named reads a token's name: its text, or vLLM's "token_id:123". A name that is
// empty tells nothing: llama-cpp-python has it for each part of a character.
func named(name string) (id int32, text []byte) {
	if name == "" {
		return Unknown, nil
	}
	if digits, ok := strings.CutPrefix(name, "token_id:"); ok {
		if n, err := strconv.ParseInt(digits, 10, 32); err == nil && n >= 0 {
			return int32(n), nil
		}
	}
	return Unknown, []byte(name)
}

// logProb reads a log-probability. Rounding may lift it a little above 0.
func logProb(v number) (float64, error) {
	switch {
	case v == nil:
		return math.NaN(), nil
	case *v > 1e-3:
		return 0, fmt.Errorf("the stream holds the log-probability %g, want 0 or less", *v)
	case *v <= minLogProb:
		return math.Inf(-1), nil
	}
	return min(*v, 0), nil
}
