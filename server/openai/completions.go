package openai

import (
	"crypto/rand"
	"net/http"
	"time"
)

// completions is POST /v1/completions.
func (s *Server) completions(w http.ResponseWriter, r *http.Request) {
	s.complete(w, r, decodeCompletion, func(g *generation) reply {
		return &completionReply{g: g, id: "cmpl-" + rand.Text(), created: time.Now().Unix()}
	})
}

// decodeCompletion reads the body of a completion.
func decodeCompletion(o *object, m *Model) (*request, *Error) {
	r := &request{}
	takeModel(o, m.Name)
	r.takeCommon(o, m)
	p := &r.params
	take(o, "echo", &r.echo, "true or false")
	r.logProbs = takeLogProbs(o, "logprobs", &p.LogProbs, m)
	p.SkipLogProb = !r.logProbs
	r.spec = takeStructured(o)
	r.takePrompts(o, m.Engine.Tokenizer())
	if refusal := o.finish(); refusal != nil {
		return nil, refusal
	}
	if r.echo && p.MaxTokens == 0 && r.beams == nil {
		if p.N != 1 {
			return nil, badField("n", "got %d, want 1 where max_tokens is 0: the choices would be the same", p.N)
		}
		r.scoreOnly, p.MaxTokens = true, 1
	}
	if r.echo && r.logProbs {
		p.HasPromptLogProbs, p.PromptLogProbs = true, max(p.PromptLogProbs, p.LogProbs)
	}
	const vllmDefault = 16
	if refusal := r.check(m, vllmDefault); refusal != nil {
		return nil, refusal
	}
	return r, nil
}

// check refuses what is out of range before any of it takes memory.
func (r *request) check(m *Model, defaultMax int) *Error {
	if r.priority != 0 && !m.byPriority() {
		return badField("priority", "got %d, want 0: the engine's scheduling policy is not priority", r.priority)
	}
	if refusal := r.checkBeams(); refusal != nil {
		return refusal
	}
	if r.params.MaxTokens < 1 && r.maxField != "" {
		return badField(r.maxField, "got %d, want at least 1", r.params.MaxTokens)
	}
	if refusal := r.fit(m.context(), defaultMax); refusal != nil {
		return refusal
	}
	trial := r.params
	if err := trial.Validate(m.Engine.Model().Config().Vocab); err != nil {
		return fromEngine(err)
	}
	return nil
}

// completionReply writes the answers of /v1/completions.
type completionReply struct {
	g       *generation
	id      string
	created int64
}

// completionChoice is a choice, or the next piece of one.
type completionChoice struct {
	Index          int                        `json:"index"`
	Text           string                     `json:"text"`
	LogProbs       *completionLogProbs        `json:"logprobs"`
	FinishReason   *string                    `json:"finish_reason"`
	StopReason     any                        `json:"stop_reason"`
	PromptLogProbs []map[string]promptLogProb `json:"prompt_logprobs,omitempty"`
	PromptTokenIDs []int32                    `json:"prompt_token_ids,omitempty"`
	TokenIDs       []int32                    `json:"token_ids,omitempty"`
}

// completion is an answer, or an event of a stream.
type completion struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *usage             `json:"usage,omitempty"`
}

func (f *completionReply) answer(choices []completionChoice, u *usage) completion {
	return completion{ID: f.id, Object: "text_completion", Created: f.created, Model: f.g.model.Name, Choices: choices, Usage: u}
}

// echoed is the prompt as the text that an echo begins with.
func (f *completionReply) echoed(c *choice) string {
	if !f.g.request.echo {
		return ""
	}
	if p := f.g.request.prompts[c.prompt]; p.isID || f.g.request.truncate != 0 {
		return f.g.model.Engine.Tokenizer().Decode(p.ids, false)
	}
	return f.g.request.prompts[c.prompt].text
}

func (f *completionReply) choice(c *choice, text string, from int) completionChoice {
	r := f.g.request
	told := completionChoice{Index: c.index, Text: text, FinishReason: c.finishReason(), StopReason: f.g.stopReason(c)}
	first := !c.begun
	c.begun = true
	if first {
		told.Text = f.echoed(c) + text
	}
	told.LogProbs = f.g.completionLogProbs(c, from, first && r.echo)
	if r.tokenIDs {
		told.TokenIDs = c.ids[from:]
		if first {
			told.PromptTokenIDs = r.prompts[c.prompt].ids
		}
	}
	return told
}

func (f *completionReply) chunk(c *choice, fresh string, from int) (any, bool) {
	r := f.g.request
	if fresh == "" && !c.state.Finished() && !r.logProbs && !r.tokenIDs {
		return nil, false
	}
	var u *usage
	if r.continuousUsage {
		u = f.g.usage()
	}
	return f.answer([]completionChoice{f.choice(c, fresh, from)}, u), true
}

func (f *completionReply) last(u *usage) any { return f.answer([]completionChoice{}, u) }

func (f *completionReply) whole() any {
	choices := make([]completionChoice, len(f.g.choices))
	for i, c := range f.g.choices {
		choices[i] = f.choice(c, c.text.String(), 0)
		choices[i].PromptLogProbs = f.g.promptLogProbs(c.prompt)
	}
	return f.answer(choices, f.g.usage())
}
