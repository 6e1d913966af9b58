package serving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/engine"
	"vitrine/visualizer/wire"
)

// raceRequests is how many requests each side of most races answers.
const raceRequests = 12

// raceDrafts is how many tokens a step guesses in the race of prompt lookup.
const raceDrafts = 4

// curvePoints bounds the points of a side's curve.
const curvePoints = 240

// tellInterval is how often a page is told of a race that runs.
const tellInterval = 250 * time.Millisecond

// sides lists what a race compares. What does not differ is the same for all.
func sides(kind wire.HallRaceKind) []wire.HallConfig {
	c := wire.HallConfig{Blocks: 256, BlockSize: 16, BatchTokens: 128, Sequences: 8}
	with := func(change func(*wire.HallConfig)) wire.HallConfig {
		other := c
		change(&other)
		return other
	}
	switch kind {
	case wire.HallRaceMemory:
		// So little memory that reserving the longest answer lets few in.
		c.Blocks, c.Sequences = 40, raceRequests
		return []wire.HallConfig{c, with(func(o *wire.HallConfig) { o.Memory = wire.HallContiguous })}
	case wire.HallRaceBatch:
		return []wire.HallConfig{c, with(func(o *wire.HallConfig) { o.Policy = wire.HallStatic }), with(func(o *wire.HallConfig) { o.Policy = wire.HallOneByOne })}
	case wire.HallRacePrefix:
		on := with(func(o *wire.HallConfig) { o.PrefixCaching = true })
		return []wire.HallConfig{on, c}
	case wire.HallRaceKV:
		c.Sequences, c.BatchTokens = 1, 512
		return []wire.HallConfig{c, with(func(o *wire.HallConfig) { o.Memory = wire.HallNoCache })}
	case wire.HallRaceLookup:
		// One after the other: guesses fill the room that a small batch leaves.
		c.Sequences = 1
		return []wire.HallConfig{with(func(o *wire.HallConfig) { o.Drafts = raceDrafts }), c}
	}
	return nil
}

// tasks makes the requests of a race: the same for each of its sides. They are
// drawn greedily, so that all sides say the same.
func (p *prompter) tasks(kind wire.HallRaceKind, locale string) ([]task, error) {
	count, sort := raceRequests, wire.HallShort
	switch kind {
	case wire.HallRaceMemory:
		sort = wire.HallOwn
	case wire.HallRaceBatch:
		count = 24
	case wire.HallRacePrefix:
		count, sort = 8, wire.HallShared
	case wire.HallRaceKV:
		count = 1
	case wire.HallRaceLookup:
		count, sort = 6, wire.HallOwn
	}
	words := textsIn(locale)
	tasks := make([]task, 0, count)
	for n := range count {
		text := words.questions[n%len(words.questions)] + " " + words.brief
		if kind == wire.HallRaceLookup {
			text = words.quote(n)
		}
		t, err := p.make(sort, n, locale, text, 0)
		if err != nil {
			return nil, err
		}
		q := &t.request.Params
		q.Temperature, q.TopP = 0, 1
		switch kind {
		case wire.HallRaceMemory:
			q.MaxTokens = 128 // nobody knows beforehand where an answer will end
		case wire.HallRaceBatch:
			q.MaxTokens, q.IgnoreEOS = lengths[n%len(lengths)], true // as in a chat service
		case wire.HallRacePrefix:
			q.MaxTokens, q.IgnoreEOS = 8, true
		case wire.HallRaceKV:
			q.MaxTokens, q.IgnoreEOS = 96, true
		case wire.HallRaceLookup:
			q.MaxTokens = 64
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// race runs the sides one after the other and tells how far they are. It
// changes race, which nobody else may, and hands out copies.
func (m *Model) race(ctx context.Context, kind wire.HallRaceKind, locale string, tell func(wire.HallRace)) error {
	race := wire.HallRace{Race: kind, Running: true}
	p := &prompter{m.Tokenizer, m.Template}
	tasks, err := p.tasks(kind, locale)
	if err != nil {
		return err
	}
	race.Requests = uint16(len(tasks))
	for _, c := range sides(kind) {
		race.Runs = append(race.Runs, wire.HallRun{Config: c})
	}
	others := m.steps()
	told := func() { tell(race.Copy()) }
	told()
	var first [][]int32
	same := true
	for i := range race.Runs {
		answers, err := m.side(ctx, &race.Runs[i], kind, tasks, told)
		if err != nil {
			return err
		}
		if i == 0 {
			first = answers
		}
		same = same && slices.EqualFunc(first, answers, slices.Equal)
		race.Disturbed = m.steps() != others
		told()
	}
	race.Running, race.Same = false, same
	told()
	return nil
}

// steps is how many steps others have made with the model.
func (m *Model) steps() uint64 {
	if m.Steps == nil {
		return 0
	}
	return m.Steps()
}

// side answers the requests with an engine of its own, measures, and returns the
// tokens of the answers.
func (m *Model) side(ctx context.Context, run *wire.HallRun, kind wire.HallRaceKind, tasks []task, told func()) (answers [][]int32, err error) {
	t := newTally(run, kind, told)
	e, err := m.start(run.Config, t.observer())
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if err := warm(ctx, e, tasks[0].request); err != nil {
		return nil, err
	}
	if err := e.AllowSteps(ctx, 0); err != nil { // until all are there
		return nil, err
	}
	t.begin()
	var handles []*engine.Handle
	for _, task := range tasks {
		h, err := e.Add(ctx, task.request)
		if err != nil {
			return nil, err
		}
		handles = append(handles, h)
	}
	if err := e.AllowSteps(ctx, -1); err != nil {
		return nil, err
	}
	for _, h := range handles {
		answer, err := finish(ctx, h)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	// What the last step did is told after the last answer's end.
	if err := e.AllowSteps(ctx, 0); err != nil {
		return nil, err
	}
	t.end()
	return answers, nil
}

// warm lets an engine make a first step, which is slower than those that
// follow, and forget what it computed.
func warm(ctx context.Context, e *engine.Engine, r engine.Request) error {
	r.Params.MaxTokens, r.Params.MinTokens = 2, 0
	h, err := e.Add(ctx, r)
	if err != nil {
		return err
	}
	if _, err := finish(ctx, h); err != nil {
		return err
	}
	return e.ResetPrefixCache(ctx)
}

// finish reads a request's events to its end and returns the tokens drawn.
func finish(ctx context.Context, h *engine.Handle) (tokens []int32, err error) {
	for {
		event, err := h.Next(ctx)
		switch {
		case errors.Is(err, engine.ErrReleased):
			return tokens, nil
		case err != nil:
			return nil, err
		case event.Kind == engine.EventToken:
			tokens = append(tokens, event.Token)
		case event.Kind == engine.EventState && event.State == engine.FinishedAborted:
			return nil, fmt.Errorf("a request was ended: %s", event.Reason)
		}
	}
}

// start starts an engine of the hall on the model.
func (m *Model) start(c wire.HallConfig, o *engine.Observer) (*engine.Engine, error) {
	return engine.Start(m.Model, m.Tokenizer, engine.Options{
		Blocks: int(c.Blocks), BlockSize: int(c.BlockSize), MaxBatchTokens: int(c.BatchTokens), MaxSequences: int(c.Sequences),
		Policy: policies[c.Policy], Memory: memories[c.Memory], DisablePrefixCaching: !c.PrefixCaching,
		PromptLookup: engine.PromptLookup{Tokens: int(c.Drafts)}, Turn: m.Turn, Observer: o,
	})
}

var (
	policies = [...]engine.Policy{wire.HallContinuous: engine.FirstComeFirstServed, wire.HallStatic: engine.StaticBatching, wire.HallOneByOne: engine.OneAtATime}
	memories = [...]engine.Memory{wire.HallPaged: engine.Paged, wire.HallContiguous: engine.Contiguous, wire.HallNoCache: engine.NoCache}
)
