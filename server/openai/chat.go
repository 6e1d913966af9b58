package openai

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"time"
)

// chatCompletions is POST /v1/chat/completions.
func (s *Server) chatCompletions(w http.ResponseWriter, r *http.Request) {
	s.complete(w, r, decodeChat, func(g *generation) reply {
		return &chatReply{g: g, id: "chatcmpl-" + rand.Text(), created: time.Now().Unix()}
	})
}

// decodeChat reads the body of a chat completion.
func decodeChat(o *object, m *Model) (*request, *Error) {
	r := &request{}
	takeModel(o, m.Name)
	r.takeCommon(o, m)
	p := &r.params
	// OpenAI's newer name comes first.
	if take(o, "max_completion_tokens", &p.MaxTokens, fmt.Sprintf("a whole number from 1 to %d, the model's context less the prompt", m.context()-1)) {
		r.maxField = "max_completion_tokens"
	}
	take(o, "logprobs", &r.logProbs, "true or false")
	if takeLogProbs(o, "top_logprobs", &p.LogProbs, m) && !r.logProbs && p.LogProbs != 0 {
		o.fail("top_logprobs", "goes with logprobs true only")
	}
	p.SkipLogProb = !r.logProbs
	r.spec = takeStructured(o)
	c := takeConversation(o)
	if refusal := o.finish(); refusal != nil {
		return nil, refusal
	}
	rendered, refusal := m.render(c)
	if refusal != nil {
		return nil, refusal
	}
	r.prompts = []prompt{rendered}
	refusal = r.check(m, 0)
	if refusal != nil && refusal.Param == "prompt" {
		refusal.Param = "messages"
	}
	if refusal != nil {
		return nil, refusal
	}
	return r, nil
}

// chatReply writes the answers of /v1/chat/completions.
type chatReply struct {
	g       *generation
	id      string
	created int64
}

// chatMessage is an answer's message, or what a chunk adds to it.
type chatMessage struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// wholeMessage has all of OpenAI's fields, those that are null too.
type wholeMessage struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"`
}

type chatChoice struct {
	Index        int           `json:"index"`
	Message      *wholeMessage `json:"message,omitempty"`
	Delta        *chatMessage  `json:"delta,omitempty"`
	LogProbs     *chatLogProbs `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
	StopReason   any           `json:"stop_reason"`
	TokenIDs     []int32       `json:"token_ids,omitempty"`
}

type chatCompletion struct {
	ID             string                     `json:"id"`
	Object         string                     `json:"object"`
	Created        int64                      `json:"created"`
	Model          string                     `json:"model"`
	Choices        []chatChoice               `json:"choices"`
	Usage          *usage                     `json:"usage,omitempty"`
	PromptLogProbs []map[string]promptLogProb `json:"prompt_logprobs,omitempty"`
	PromptTokenIDs []int32                    `json:"prompt_token_ids,omitempty"`
}

func (f *chatReply) answer(object string, choices []chatChoice, u *usage) *chatCompletion {
	return &chatCompletion{ID: f.id, Object: object, Created: f.created, Model: f.g.model.Name, Choices: choices, Usage: u}
}

// chunkObject is what an event of a chat's stream is.
const chunkObject = "chat.completion.chunk"

func (f *chatReply) chunk(c *choice, fresh string, from int) (any, bool) {
	r := f.g.request
	if c.begun && fresh == "" && !c.state.Finished() && !r.logProbs && !r.tokenIDs {
		return nil, false
	}
	told := chatChoice{
		Index: c.index, Delta: &chatMessage{}, LogProbs: f.g.chatLogProbs(c, from),
		FinishReason: c.finishReason(), StopReason: f.g.stopReason(c),
	}
	if from == len(c.ids) {
		told.LogProbs = nil // the end alone
	}
	first := !c.begun
	c.begun = true
	if first {
		told.Delta.Role = "assistant"
	}
	if first || fresh != "" {
		told.Delta.Content = &fresh
	}
	var u *usage
	if r.continuousUsage {
		u = f.g.usage()
	}
	answer := f.answer(chunkObject, []chatChoice{told}, u)
	if r.tokenIDs {
		answer.Choices[0].TokenIDs = c.ids[from:]
		if first {
			answer.PromptTokenIDs = r.prompts[0].ids
		}
	}
	return answer, true
}

func (f *chatReply) last(u *usage) any { return f.answer(chunkObject, []chatChoice{}, u) }

func (f *chatReply) whole() any {
	choices := make([]chatChoice, len(f.g.choices))
	for i, c := range f.g.choices {
		choices[i] = chatChoice{
			Index: c.index, Message: &wholeMessage{Role: "assistant", Content: c.text.String()},
			LogProbs: f.g.chatLogProbs(c, 0), FinishReason: c.finishReason(), StopReason: f.g.stopReason(c),
		}
		if f.g.request.tokenIDs {
			choices[i].TokenIDs = c.ids
		}
	}
	answer := f.answer("chat.completion", choices, f.g.usage())
	answer.PromptLogProbs = f.g.promptLogProbs(0)
	if f.g.request.tokenIDs {
		answer.PromptTokenIDs = f.g.request.prompts[0].ids
	}
	return answer
}
