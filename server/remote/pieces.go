package remote

import (
	"context"
	"sync"
)

// maxPieces bounds the token ids whose text is remembered.
const maxPieces = 1 << 18

// detokenizers is how many questions for the text of a token are on their way
// at once.
const detokenizers = 8

// Pieces says what token ids stand for, nil where that is not known. What has
// not been told yet is asked for by /detokenize, one by one. A part of a
// character is U+FFFD then, for the server tells text and not bytes.
func (e *Engine) Pieces(ctx context.Context, ids []int32) ([][]byte, error) {
	if !e.IDs() {
		return e.lexiconPieces(ids), nil
	}
	var missing []int32
	seen := map[int32]bool{}
	e.mu.Lock()
	for _, id := range ids {
		if _, known := e.pieces[id]; !known && !seen[id] && id >= 0 {
			seen[id] = true
			missing = append(missing, id)
		}
	}
	e.mu.Unlock()
	if err := e.detokenize(ctx, missing); err != nil {
		return nil, err
	}
	out := make([][]byte, len(ids))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, id := range ids {
		out[i] = e.pieces[id]
	}
	return out, nil
}

// lexiconPieces are the texts of this program's own numbers.
func (e *Engine) lexiconPieces(ids []int32) [][]byte {
	out := make([][]byte, len(ids))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, id := range ids {
		if id >= 0 && int(id) < len(e.lexicon.texts) {
			out[i] = e.lexicon.texts[id]
		}
	}
	return out
}

// learn remembers what a token id stands for, unless an answer has told its
// bytes meanwhile.
func (e *Engine) learn(id int32, text []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.pieces[id]; !known && len(e.pieces) < maxPieces {
		e.pieces[id] = text
	}
}

// detokenize asks for the text of every id. The first error ends it.
func (e *Engine) detokenize(ctx context.Context, ids []int32) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int32)
	var running sync.WaitGroup
	for range min(detokenizers, len(ids)) {
		running.Go(func() {
			for id := range work {
				var answer struct {
					Prompt string `json:"prompt"`
				}
				question := map[string]any{"model": e.info.Model, "tokens": []int32{id}}
				if err := e.post(ctx, "/detokenize", question, &answer); err != nil {
					cancel(err)
					continue
				}
				e.learn(id, []byte(answer.Prompt))
			}
		})
	}
	for _, id := range ids {
		work <- id
	}
	close(work)
	running.Wait()
	return context.Cause(ctx)
}
