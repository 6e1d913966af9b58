package engine

import (
	"fmt"

	"vitrine/engine/model"
)

const (
	// maxScoreRows and maxScoreBytes bound the logits that are there at a time
	// to score a prompt.
	maxScoreRows  = 64
	maxScoreBytes = 16 << 20
	// maxPromptLogProbBytes bounds what a request's prompt_logprobs tell in all.
	maxPromptLogProbBytes = 512 << 20
)

// scoring is the part of a step whose logits say how likely the prompt's next
// tokens were: rows row … row+count-1, behind positions first … of seq.
type scoring struct {
	seq        *sequence
	row, count int
	first      int
	hidden     []float32 // count × width: the residual stream after the last layer
}

// checkScores refuses prompt_logprobs that would fill the memory.
func (e *Engine) checkScores(r *Request) error {
	if !r.Params.HasPromptLogProbs {
		return nil
	}
	k := r.Params.PromptLogProbs
	if k < 0 {
		k = e.model.Config().Vocab
	}
	const entryBytes = 16 // of a sampler.TokenLogProb
	if bytes := int64(len(r.Prompt)) * int64(k) * entryBytes; bytes > maxPromptLogProbBytes {
		return &RequestError{"prompt_logprobs", fmt.Sprintf("asks for %d of each of %d tokens, %d MiB; want at most %d MiB: fewer a token, or a shorter prompt",
			k, len(r.Prompt), bytes>>20, maxPromptLogProbBytes>>20)}
	}
	return nil
}

// tapScores asks for the hidden states that the tokens of the prompt are
// scored with, in a batch whose rows row … row+count-1 are the next of s. What
// was scored before the sequence was preempted is not scored again.
func (e *Engine) tapScores(b *model.Batch, s *sequence, row, count int) (sc scoring, ok bool) {
	// The row of position p tells of the token at p+1.
	from, to := max(s.computed, s.scored-1), min(s.computed+count, s.scores-1)
	if from >= to {
		return sc, false
	}
	c := e.model.Config()
	sc = scoring{seq: s, row: row + from - s.computed, count: to - from, first: from}
	sc.hidden = make([]float32, sc.count*c.Width)
	b.Taps = append(b.Taps, model.Tap{Point: model.ResidOut, Layer: c.Layers - 1, Row: sc.row, Count: sc.count, Dst: sc.hidden})
	return sc, true
}

// score turns the hidden states of a step into log-probabilities, a few rows
// of logits at a time, and tells them.
func (e *Engine) score(sc *scoring) error {
	s, c := sc.seq, e.model.Config()
	prompt := make([]PromptLogProb, 0, sc.count)
	atOnce := min(maxScoreRows, max(1, maxScoreBytes/4/c.Vocab))
	for done := 0; done < sc.count; {
		n := min(sc.count-done, atOnce)
		e.step.scores = resize(e.step.scores, n*c.Vocab)
		if err := e.model.Unembed(e.step.scores, sc.hidden[done*c.Width:(done+n)*c.Width]); err != nil {
			return err
		}
		for r := range n {
			logits := e.step.scores[r*c.Vocab : (r+1)*c.Vocab]
			token, top, err := e.sampler.Score(logits, s.tokens[sc.first+done+r+1], s.params.PromptLogProbs)
			if err != nil {
				return fmt.Errorf("prompt_logprobs of position %d: %w", sc.first+done+r+1, err)
			}
			prompt = append(prompt, PromptLogProb{token, top})
		}
		done += n
	}
	s.scored = sc.first + sc.count + 1
	s.tell(Event{Kind: EventPrompt, Pos: sc.first + 1, Prompt: prompt})
	return nil
}
