package openai

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/engine/structured"
)

// generation is a request that the engine works on: a handle a prompt, n
// choices a handle.
type generation struct {
	model   *Model
	request *request
	handles []*engine.Handle
	choices []*choice // of all prompts in order: index = prompt·n + output
	scores  [][]engine.PromptLogProb
	cached  []int // tokens of each prompt that the prefix cache had; -1 while that is not known
	open    int   // choices that are not finished
	events  chan promptEvent
	end     context.CancelFunc // of those who fetch events
}

// promptEvent is what happened to one of the prompts.
type promptEvent struct {
	prompt int
	event  engine.Event
	err    error
}

// choice is one answer so far.
type choice struct {
	index, prompt int
	text          strings.Builder
	ids           []int32
	results       []sampler.Result
	state         engine.State
	reason        string // the engine's words for the end
	offset        int    // characters of the tokens told so far, for text_offset
	begun         bool   // a chunk was written
	endToken      *int32 // that a beam ended with
}

// generate adds a request to the engine.
func (s *Server) generate(ctx context.Context, m *Model, r *request) (*generation, *Error) {
	if refusal := s.few(r); refusal != nil {
		return nil, refusal
	}
	constraint, refusal := s.constrain(ctx, m, r.spec)
	if refusal != nil {
		return nil, refusal
	}
	requests := make([]engine.Request, len(r.prompts))
	for i, p := range r.prompts {
		requests[i] = engine.Request{
			Prompt: p.ids, Params: r.params, Paused: r.scoreOnly, Priority: r.priority, CacheSalt: r.cacheSalt, Structured: constraint,
		}
	}
	handles, err := m.Engine.AddAll(ctx, requests, s.options.MaxWaiting)
	if err != nil {
		return nil, s.notTaken(ctx, err)
	}
	g := &generation{model: m, request: r, handles: handles, events: make(chan promptEvent)}
	ctx, g.end = context.WithCancel(ctx)
	for i := range r.prompts {
		for range r.params.N {
			g.choices = append(g.choices, &choice{index: len(g.choices), prompt: i})
		}
		g.cached = append(g.cached, -1)
	}
	g.scores = make([][]engine.PromptLogProb, len(r.prompts))
	g.open = len(g.choices)
	if m.Metrics != nil {
		m.Metrics.requestN(r.params.N, len(r.prompts))
	}
	for i, h := range g.handles {
		go g.fetch(ctx, i, h)
	}
	return g, nil
}

// notTaken says why the engine did not take a request in.
func (s *Server) notTaken(ctx context.Context, err error) *Error {
	var full *engine.QueueFullError
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case errors.As(err, &full):
		return s.queueFull(full.Waiting)
	}
	return fromEngine(err)
}

// fetch passes on the events of one handle until it ends. It waits for who
// takes them, so what a slow client does not read stays in the engine's mailbox,
// which holds an answer's tokens at most.
func (g *generation) fetch(ctx context.Context, i int, h *engine.Handle) {
	for {
		event, err := h.Next(ctx)
		select {
		case g.events <- promptEvent{i, event, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// release frees everything that the generation holds.
func (g *generation) release() {
	g.end()
	for _, h := range g.handles {
		_ = h.Release() // it may be released already, or the engine closed
	}
}

// stopped says why a context has ended: the client, whom nobody can answer, or
// the server.
func stopped(ctx context.Context) *Error {
	if errors.Is(context.Cause(ctx), errStopping) {
		return refused(http.StatusServiceUnavailable, "%v", errStopping)
	}
	return &Error{Status: statusClientClosed, Type: invalidRequest, Code: "client_closed_request", Message: "the client has gone"}
}

// statusClientClosed is nginx's status for a client that hung up. It is told in
// the log alone.
const statusClientClosed = 499

// next waits for something to tell of a choice, and takes it into account: fresh
// is the text that became certain. It returns nil for what concerns all choices
// of a prompt.
func (g *generation) next(ctx context.Context) (c *choice, fresh string, refusal *Error) {
	var e promptEvent
	select {
	case e = <-g.events:
	case <-ctx.Done():
		return nil, "", stopped(ctx)
	}
	if e.err != nil {
		if errors.Is(e.err, engine.ErrReleased) && g.finished(e.prompt) {
			return nil, "", nil
		}
		if ctx.Err() != nil {
			return nil, "", stopped(ctx)
		}
		return nil, "", fromEngine(e.err)
	}
	switch event := e.event; event.Kind {
	case engine.EventPrompt:
		g.scores[e.prompt] = append(g.scores[e.prompt], event.Prompt...)
	case engine.EventStep:
		if event.Index == 0 && g.cached[e.prompt] < 0 {
			g.cached[e.prompt] = event.Step.Cached
		}
	case engine.EventToken:
		c = g.choices[e.prompt*g.request.params.N+event.Index]
		c.ids = append(c.ids, event.Token)
		c.results = append(c.results, event.Result)
		c.text.WriteString(event.Text)
		if event.Index == 0 && g.cached[e.prompt] < 0 {
			g.cached[e.prompt] = event.Step.Cached // an answer's only step may end it before it is told of
		}
		return c, event.Text, nil
	case engine.EventState:
		c = g.choices[e.prompt*g.request.params.N+event.Index]
		switch {
		case event.State == engine.FinishedAborted:
			return nil, "", g.aborted(event.Reason)
		case event.State == engine.Paused && g.request.scoreOnly:
			c.state, c.reason = engine.FinishedLength, "max_tokens"
		case event.State.Finished():
			c.state, c.reason = event.State, event.Reason
		default:
			return nil, "", nil
		}
		g.open--
		return c, "", nil
	}
	return nil, "", nil
}

// finished says whether all choices of a prompt are.
func (g *generation) finished(prompt int) bool {
	n := g.request.params.N
	return !slices.ContainsFunc(g.choices[prompt*n:(prompt+1)*n], func(c *choice) bool { return !c.state.Finished() })
}

// aborted says why the engine gave a request up.
func (g *generation) aborted(reason string) *Error {
	switch reason {
	case structured.ErrTooComplex.Error():
		return badField(g.request.spec.field, "%s", reason)
	case sampler.ErrAllBanned.Error():
		return &Error{Status: http.StatusBadRequest, Type: invalidRequest, Param: "allowed_token_ids", Message: reason}
	case "":
		reason = "it was aborted"
	}
	return refused(http.StatusInternalServerError, "the request could not be finished: %s", reason)
}

// finishReason is OpenAI's, nil while the choice is not finished.
func (c *choice) finishReason() *string {
	if !c.state.Finished() {
		return nil
	}
	reason := c.state.Reason()
	return &reason
}

// stopReason is vLLM's: the token id or the string that the client named and
// that ended the choice, nil for the model's own end and for a limit.
func (g *generation) stopReason(c *choice) any {
	if c.endToken != nil {
		return *c.endToken // which vLLM tells of its beams
	}
	if c.state != engine.FinishedStopped || len(c.ids) == 0 {
		return nil
	}
	p := &g.request.params
	if last := c.ids[len(c.ids)-1]; slices.Contains(p.StopTokenIDs, last) {
		return last
	}
	if len(p.Stop) == 0 || c.reason != "stop string" {
		return nil
	}
	// The one that ends last in the whole text is the one that ended it.
	text, found, end := g.model.Engine.Tokenizer().Decode(c.ids, p.SkipSpecialTokens), "", -1
	for _, s := range p.Stop {
		if i := strings.LastIndex(text, s); i >= 0 && (i+len(s) > end || i+len(s) == end && len(s) > len(found)) {
			found, end = s, i+len(s)
		}
	}
	if end < 0 {
		return nil
	}
	return found
}

// usage counts tokens as OpenAI does.
type usage struct {
	PromptTokens     int            `json:"prompt_tokens"`
	TotalTokens      int            `json:"total_tokens"`
	CompletionTokens int            `json:"completion_tokens"`
	Details          *promptDetails `json:"prompt_tokens_details,omitempty"`
}

type promptDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

func (g *generation) usage() *usage {
	u := &usage{}
	known, cached := true, 0
	for i, p := range g.request.prompts {
		u.PromptTokens += len(p.ids)
		known = known && g.cached[i] >= 0
		cached += max(0, g.cached[i])
	}
	if known {
		u.Details = &promptDetails{cached}
	}
	for _, c := range g.choices {
		u.CompletionTokens += len(c.ids)
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}
