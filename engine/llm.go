package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/engine/chat"
	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// LLM is a model that is ready to generate, as vLLM's class of that name. Its
// methods may be called from any goroutine and at the same time: what they ask
// for runs in common batches.
type LLM struct {
	engine   *Engine
	model    *load.Model
	template *chat.Template // nil if noChat says why
	noChat   error

	closing sync.Once
	closed  error
}

// New opens a model: one of those that `vitrine models` lists, which is
// fetched if it is not here yet, a .gguf file, or a folder with config.json,
// *.safetensors and tokenizer.json.
//
// Errors: an *[OptionError] or *model.DivisionError for an option that is wrong; a
// *hub.UnknownModelError or *hub.PathError for a name that is no model's; those of
// [hub.Hub.Pull]; and what is wrong with the model's files.
func New(model string, options ...Option) (*LLM, error) {
	o := llmOptions{context: context.Background()}
	for _, option := range options {
		option(&o)
	}
	if o.wrong != nil {
		return nil, fmt.Errorf("engine: %w", o.wrong)
	}
	if err := o.load.Check(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	found, err := load.FindIn(hub.New(hub.Options{Cache: o.dir}), model)
	if err != nil {
		return nil, err
	}
	if err := found.Fetch(o.context, o.progress); err != nil {
		return nil, err
	}
	m, err := found.Open(o.load)
	if err != nil {
		return nil, err
	}
	l := &LLM{model: m}
	l.template, l.noChat = m.ChatTemplate()
	if l.engine, err = o.start(m); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return l, nil
}

// start starts the engine with as many blocks as are asked for.
func (o *llmOptions) start(m *load.Model) (*Engine, error) {
	e := &o.engine
	if err := e.Check(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e.BlockSize = cmp.Or(e.BlockSize, DefaultBlockSize)
	switch {
	case o.kvBytes > 0:
		one, err := m.NewKVCache(1, e.BlockSize)
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		block := int64(one.SlotBytes()) * int64(e.BlockSize)
		if e.Blocks = int(o.kvBytes / block); e.Blocks == 0 {
			return nil, fmt.Errorf("engine: %w", &OptionError{Option: "kv-cache-memory-bytes", Got: fmt.Sprint(o.kvBytes), Want: fmt.Sprintf("at least %d, which is a block of %d tokens", block, e.BlockSize)})
		}
	case e.Blocks == 0:
		e.Blocks = m.PoolBlocks(e.BlockSize)
	}
	if err := m.CheckPool(e.Blocks, e.BlockSize); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return Start(m.Model, m.Tokenizer, *e)
}

// Engine is the engine inside, for what the methods here do not reach: requests
// that pause and go back, attention weights, the KV cache. It ends with Close.
func (l *LLM) Engine() *Engine { return l.engine }

// Close ends what runs and frees the model.
func (l *LLM) Close() error {
	l.closing.Do(func() { l.closed = errors.Join(l.engine.Close(), l.model.Close()) })
	return l.closed
}

// Encode returns a prompt's token ids, as Generate computes them: with the tokens
// that the model begins a text with, and special tokens where the text spells them.
func (l *LLM) Encode(text string) ([]int32, error) {
	return l.model.Tokenizer.Encode(text, tokenizer.EncodeOptions{AddSpecial: true, ParseSpecial: true})
}

// Message is one message of a conversation: its Role is "system", "user" or
// "assistant".
type Message = chat.Message

// encodeChat returns the token ids of a conversation in the model's template.
func (l *LLM) encodeChat(messages []Message) (string, []int32, error) {
	if l.noChat != nil {
		return "", nil, l.noChat
	}
	text, err := l.model.Render(l.template, messages)
	if err != nil {
		return "", nil, err
	}
	// The template writes the beginning of the sequence itself.
	ids, err := l.model.Tokenizer.Encode(text, tokenizer.EncodeOptions{ParseSpecial: true})
	return text, ids, err
}

// RequestOutput is what became of one prompt.
type RequestOutput struct {
	Prompt         string // the text, of a conversation in the model's template
	PromptTokenIDs []int32
	// PromptLogProbs has an entry for each token of the prompt but the first,
	// which nothing stands before; nil unless SamplingParams.PromptLogProbs asked.
	PromptLogProbs []PromptLogProb
	Outputs        []CompletionOutput // SamplingParams.N of them
	Metrics        RequestMetrics
}

// CompletionOutput is one of the continuations of a prompt.
type CompletionOutput struct {
	Index    int // which of the prompt's outputs, from 0
	Text     string
	TokenIDs []int32
	// LogProbs has an entry for each token; nil unless SamplingParams.LogProbs
	// asked. CumulativeLogProb is their sum.
	LogProbs          []LogProb
	CumulativeLogProb float64
	// FinishReason is "stop" or "length"; "" in the middle of a stream. StopReason
	// says more, in words: which token or that a string ended it.
	FinishReason string
	StopReason   string
}

// LogProb is what the model thought of a drawn token: the raw distribution, before
// every stage of the sampler.
type LogProb struct {
	sampler.TokenLogProb
	// Top are the SamplingParams.LogProbs likeliest tokens there, the likeliest first.
	Top []sampler.TokenLogProb
}

// RequestMetrics are the times of a request, as its caller saw them.
type RequestMetrics struct {
	Arrival    time.Time // when it was taken in
	FirstToken time.Time // zero if no token was drawn
	Finished   time.Time // when its last output was finished
}

// TimeToFirstToken is how long the caller waited for something to read.
func (m *RequestMetrics) TimeToFirstToken() time.Duration { return m.FirstToken.Sub(m.Arrival) }

// Generate continues the prompts, all in common batches, and returns what became
// of each, in their order, when the last one is finished. If ctx ends or a prompt
// is refused, nothing of the others goes on, and the error says which prompt it
// was: a *[RequestError], *sampler.ParamError or *structured.Error names the field.
//
// There are params for all prompts, or for each its own; without any they are
// [DefaultSamplingParams]. Prompts that are given as token ids, and those with a priority
// or a salt, are a matter of [LLM.GeneratePrompts].
func (l *LLM) Generate(ctx context.Context, prompts []string, params ...SamplingParams) ([]RequestOutput, error) {
	return l.GeneratePrompts(ctx, TextPrompts(prompts...), params...)
}

// GeneratePrompts is Generate for prompts that are more than a text.
func (l *LLM) GeneratePrompts(ctx context.Context, prompts []Prompt, params ...SamplingParams) ([]RequestOutput, error) {
	inputs, err := l.inputs(prompts)
	if err != nil {
		return nil, err
	}
	return l.generate(ctx, inputs, params)
}

// Chat answers conversations, as Generate continues prompts. The error is
// [chat.ErrNoTemplate] if the model was not taught to chat.
func (l *LLM) Chat(ctx context.Context, conversations [][]Message, params ...SamplingParams) ([]RequestOutput, error) {
	inputs := make([]Prompt, len(conversations))
	for i, messages := range conversations {
		var err error
		if inputs[i].Text, inputs[i].TokenIDs, err = l.encodeChat(messages); err != nil {
			return nil, fmt.Errorf("engine: conversation %d: %w", i, err)
		}
	}
	return l.generate(ctx, inputs, params)
}

// generate runs prompts that have their token ids.
func (l *LLM) generate(ctx context.Context, inputs []Prompt, params []SamplingParams) ([]RequestOutput, error) {
	requests, err := l.requests(inputs, params)
	if err != nil {
		return nil, err
	}
	outputs := make([]RequestOutput, len(inputs))
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range requests {
		h, err := l.engine.Add(ctx, r)
		if err != nil {
			err = fmt.Errorf("engine: prompt %d: %w", i, err)
			g.Go(func() error { return err }) // ends the others
			break
		}
		outputs[i] = RequestOutput{Prompt: inputs[i].Text, PromptTokenIDs: r.Prompt, Metrics: RequestMetrics{Arrival: time.Now()}}
		g.Go(func() error {
			if err := outputs[i].collect(ctx, h, &r.Params); err != nil {
				return fmt.Errorf("engine: prompt %d: %w", i, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return outputs, nil
}

// collect reads a request to its end.
func (r *RequestOutput) collect(ctx context.Context, h *Handle, p *sampler.Params) error {
	r.Outputs = make([]CompletionOutput, p.N)
	for i := range r.Outputs {
		r.Outputs[i].Index = i
	}
	defer func() { _ = h.Release() }() // a request that is finished is released already
	for left := p.N; left > 0; {
		ev, err := next(ctx, h)
		if err != nil {
			return err
		}
		o := &r.Outputs[ev.Index]
		switch ev.Kind {
		case EventPrompt:
			r.PromptLogProbs = append(r.PromptLogProbs, ev.Prompt...)
		case EventToken:
			if r.Metrics.FirstToken.IsZero() {
				r.Metrics.FirstToken = time.Now()
			}
			o.add(&ev, p)
		case EventState:
			o.FinishReason, o.StopReason = ev.State.Reason(), ev.Reason
			if ev.State.Finished() {
				left--
			}
		}
	}
	r.Metrics.Finished = time.Now()
	return nil
}

// add appends a token.
func (o *CompletionOutput) add(ev *Event, p *sampler.Params) {
	o.Text += ev.Text
	o.TokenIDs = append(o.TokenIDs, ev.Token)
	if !p.SkipLogProb {
		own := sampler.TokenLogProb{Token: ev.Token, LogProb: ev.Result.LogProb, Rank: ev.Result.Rank}
		o.LogProbs = append(o.LogProbs, LogProb{own, ev.Result.TopLogProbs})
		o.CumulativeLogProb += float64(ev.Result.LogProb)
	}
}

// next waits for a request's next event. That the engine aborted it is an error.
func next(ctx context.Context, h *Handle) (Event, error) {
	ev, err := h.Next(ctx)
	if err == nil && ev.Kind == EventState && ev.State == FinishedAborted {
		err = fmt.Errorf("the engine ended it: %s", ev.Reason)
	}
	return ev, err
}

// Stream continues a prompt and yields each token as it is drawn: a
// CompletionOutput with what is new since the last one of the same Index, text that
// may be empty while a character is not whole, and at last one without tokens that has the
// FinishReason. An error is yielded as the last thing. The request begins with the
// loop and ends with it: who breaks out aborts it.
func (l *LLM) Stream(ctx context.Context, prompt string, params SamplingParams) iter.Seq2[CompletionOutput, error] {
	return l.StreamPrompt(ctx, Prompt{Text: prompt}, params)
}

// StreamPrompt is Stream for a prompt that is more than a text.
func (l *LLM) StreamPrompt(ctx context.Context, prompt Prompt, params SamplingParams) iter.Seq2[CompletionOutput, error] {
	return l.stream(ctx, params, func() (Prompt, error) { return l.encodePrompt(prompt) })
}

// StreamChat answers a conversation, as Stream continues a prompt.
func (l *LLM) StreamChat(ctx context.Context, messages []Message, params SamplingParams) iter.Seq2[CompletionOutput, error] {
	return l.stream(ctx, params, func() (p Prompt, err error) {
		p.Text, p.TokenIDs, err = l.encodeChat(messages)
		return p, err
	})
}

func (l *LLM) stream(ctx context.Context, params SamplingParams, encode func() (Prompt, error)) iter.Seq2[CompletionOutput, error] {
	return func(yield func(CompletionOutput, error) bool) {
		prompt, err := encode()
		var asked demand
		if err == nil {
			asked, err = l.demand(&params)
		}
		var h *Handle
		if err == nil {
			h, err = l.engine.Add(ctx, asked.request(&prompt))
		}
		if err != nil {
			yield(CompletionOutput{}, fmt.Errorf("engine: %w", err))
			return
		}
		defer func() { _ = h.Release() }() // a request that is finished is released already
		for left := asked.params.N; left > 0; {
			ev, err := next(ctx, h)
			if err != nil {
				yield(CompletionOutput{}, fmt.Errorf("engine: %w", err))
				return
			}
			o := CompletionOutput{Index: ev.Index}
			switch {
			case ev.Kind == EventToken:
				o.add(&ev, &asked.params)
			case ev.Kind == EventState && ev.State.Finished():
				o.FinishReason, o.StopReason = ev.State.Reason(), ev.Reason
				left--
			default:
				continue
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}
