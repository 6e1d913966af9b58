package session

import "vitrine/visualizer/wire"

// sequence is the active branch's tokens with a hash of every prefix.
type sequence struct {
	branch uint32
	tokens []wire.Token
	hashes []uint64 // hashes[p] stands for tokens 0 … p
}

// set cuts the sequence at f.From and continues it with f's tokens. known are those that
// the branch had before: a server to which the conversation was given back does not know
// how they were drawn, and the page still does.
func (q *sequence) set(f *wire.Tokens, known []wire.Token) {
	q.branch = f.Branch
	q.cut(int(f.From))
	same := len(known) > len(q.tokens)
	for i := range q.tokens {
		if !same {
			break
		}
		same = known[i].ID == q.tokens[i].ID
	}
	for i := range f.Tokens {
		last, _ := q.prefix(len(q.tokens) - 1)
		t, at := f.Tokens[i], len(q.tokens)
		if same = same && at < len(known) && known[at].ID == t.ID; same && t.LogProb != t.LogProb && known[at].Flags == t.Flags {
			was := &known[at]
			t.LogProb, t.Prob, t.Draw, t.Kept, t.Micros = was.LogProb, was.Prob, was.Draw, was.Kept, was.Micros
		}
		q.tokens = append(q.tokens, t)
		q.hashes = append(q.hashes, extend(last, f.Tokens[i].ID))
	}
}

func (q *sequence) cut(from int) {
	clear(q.tokens[from:]) // so that the dropped bytes can be collected
	q.tokens, q.hashes = q.tokens[:from], q.hashes[:from]
}

// prefix is the hash of tokens 0 … pos; ok is false if there is no such token.
func (q *sequence) prefix(pos int) (hash uint64, ok bool) {
	if pos < 0 || pos >= len(q.hashes) {
		return 0, false
	}
	return q.hashes[pos], true
}

// extend is the hash of a prefix with one more token: the finalizer of
// SplitMix64 (Steele, Lea and Flood 2014) over the sum of the weighted id and
// the hash before it.
func extend(hash uint64, id int32) uint64 {
	z := hash + 0x9E3779B97F4A7C15*(uint64(uint32(id))+1)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
