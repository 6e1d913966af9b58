package engine

import (
	"errors"
	"testing"

	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
)

// However a chunk is cut into passes and its logits into pieces, the
// likelihoods are the same to the bit.
func TestScorerPieces(t *testing.T) {
	b := ref.New()
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}()
	const context = 50
	chunk := make([]int32, context)
	for i := range chunk {
		chunk[i] = int32(i * 37 % 320)
	}
	likelihoodsOf := func(rows, logits int) likelihoods {
		s, err := newScorer(m, context, rows, logits)
		if err != nil {
			t.Fatal(err)
		}
		var sum likelihoods
		if err := s.score(t.Context(), chunk, &sum); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	want := likelihoodsOf(scorerRows, scorerLogits)
	if want.n != context-1-context/2 {
		t.Fatalf("%d tokens scored", want.n)
	}
	for _, c := range []struct{ rows, logits int }{{7, 3 * 320}, {25, 1}, {26, 10 * 320}, {49, 320}} {
		if got := likelihoodsOf(c.rows, c.logits); got != want {
			t.Errorf("%d rows, %d logits: %+v, want %+v", c.rows, c.logits, got, want)
		}
	}
}
