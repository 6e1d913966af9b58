package session

import (
	"math"

	"vitrine/visualizer/wire"
)

const (
	// MaxLogits bounds the full logit vectors that are held. With a vocabulary
	// of 49,152 that is 12 MiB.
	MaxLogits = 64
	// MaxAnswerBytes bounds the other answers, by their approximate size. The
	// newest answer is held whatever its size.
	MaxAnswerBytes = 32 << 20
	// MaxPieces bounds the token ids whose pieces are held: the largest
	// vocabularies in use.
	MaxPieces = 1 << 18
)

// answerKey says what was asked, in terms that a later change of the sequence
// does not alter.
type answerKey struct {
	what        wire.QueryKind
	layer, head uint16
	n           uint32 // the key's position, token id or block
	prefix      uint64 // hash of the tokens that the answer depends on; a block's generation
	count       uint32 // positions or slots that there were to tell of
	text        string
}

// slot is the place of an answer. Matrices and projections of the growing
// sequence and the heat of a filling block replace those of a moment ago;
// every other answer has a place of its own.
func (k answerKey) slot() answerKey {
	switch k.what {
	case wire.QueryProjection, wire.QueryHead:
		k.prefix, k.count = 0, 0
	case wire.QueryBlock:
		k.count = 0
	}
	return k
}

// answer is an answer with what it depends on.
type answer struct {
	frame  wire.Frame
	pos    int       // the last position that it depends on; -1 if on none
	prefix uint64    // the hash of tokens 0 … pos
	asked  answerKey // the question that it answers; zero in a recording
}

// applyAnswer files the answer to a query, unless the tokens that it speaks of
// have been replaced in the meantime.
func (s *Session) applyAnswer(f wire.Frame) Change {
	query, slot, pos, ok := s.placeOf(f)
	a := &answer{frame: f, pos: pos}
	if !s.recorded {
		asked, known := s.wants.take(query)
		if !known || asked.key.slot() != slot || !s.stillThere(asked) {
			return 0
		}
		a.asked = asked.key
	}
	if !ok {
		return 0
	}
	if pos >= 0 {
		a.prefix, ok = s.sequence.prefix(pos)
		if !ok {
			return 0
		}
	}
	s.answers.put(slot, a, sizeOf(f))
	return ChangeAnswer
}

// placeOf is the query that a frame answers, its place, and the last position
// that it depends on (-1 for none). ok is false if the sequence or the branch
// that it speaks of is not the present one.
func (s *Session) placeOf(f wire.Frame) (query uint32, slot answerKey, pos int, ok bool) {
	pos, ok = -1, true
	branch := s.sequence.branch
	at := func(b, position uint32) {
		branch, pos = b, int(position)
		slot.prefix, _ = s.sequence.prefix(pos)
	}
	switch f := f.(type) {
	case *wire.Merges:
		query, slot = f.Query, answerKey{what: wire.QueryMerges, text: f.Text}
	case *wire.Neighbours:
		query, slot = f.Query, answerKey{what: wire.QueryNeighbours, n: uint32(f.Token)}
	case *wire.Source:
		query, slot = f.Query, answerKey{what: wire.QuerySource, text: f.Func}
	case *wire.Vector:
		query, slot = f.Query, answerKey{what: wire.QueryVector, layer: f.Layer}
		at(f.Branch, f.Position)
	case *wire.Flow:
		query, slot = f.Query, answerKey{what: wire.QueryFlow, layer: f.Layer}
		at(f.Branch, f.Position)
	case *wire.Lens:
		query, slot = f.Query, answerKey{what: wire.QueryLens}
		at(f.Branch, f.Position)
	case *wire.Cell:
		query, slot = f.Query, answerKey{what: wire.QueryCell, layer: f.Layer, head: f.Head, n: f.Key}
		at(f.Branch, f.Position)
	case *wire.Projection:
		query, slot = f.Query, answerKey{what: wire.QueryProjection}
		branch, pos = f.Branch, int(f.Count)-1
	case *wire.HeadMatrix:
		query, slot = f.Query, answerKey{what: wire.QueryHead, layer: f.Layer, head: f.Head}
		branch, pos = f.Branch, int(f.Count)-1
	case *wire.BlockHeat:
		query = f.Query
		slot = s.blockKey(f.Block, f.Layer, f.KVHead).slot()
		pos = s.blockEnd(f.Block, f.Filled)
	default:
		ok = false
	}
	return query, slot, pos, ok && branch == s.sequence.branch
}

// blockKey is what a question about a block's contents asks.
func (s *Session) blockKey(id uint32, layer, head uint16) answerKey {
	key := answerKey{what: wire.QueryBlock, layer: layer, head: head, n: id}
	if b := s.pool.blocks[id]; b != nil {
		key.prefix, key.count = b.generation, uint32(b.Filled)
	}
	return key
}

// blockEnd is the position whose keys and values stand in the last of the
// first filled slots of a block, if the block is this session's; else -1.
func (s *Session) blockEnd(id uint32, filled uint16) int {
	b := s.pool.blocks[id]
	if b == nil || b.Owner == 0 || b.Owner != s.pool.own || filled == 0 {
		return -1
	}
	return int(b.Index)*int(s.hello.Model.BlockSize) + int(filled) - 1
}

// lookup is the answer at a place if what it depends on still stands.
func (s *Session) lookup(slot answerKey) (*answer, bool) {
	a, ok := s.answers.get(slot)
	if !ok {
		return nil, false
	}
	if a.pos >= 0 {
		if hash, there := s.sequence.prefix(a.pos); !there || hash != a.prefix {
			return nil, false
		}
	}
	return a, true
}

// answerTo is the answer at a place as the frame type that belongs there.
func answerTo[F wire.Frame](s *Session, slot answerKey) (f F, ok bool) {
	a, ok := s.lookup(slot)
	if !ok {
		return f, false
	}
	f, ok = a.frame.(F)
	return f, ok
}

// answerAt is [answerTo] for an answer about a position of the sequence.
func answerAt[F wire.Frame](s *Session, pos int, slot answerKey) (f F, ok bool) {
	slot.prefix, ok = s.sequence.prefix(pos)
	if !ok {
		return f, false
	}
	return answerTo[F](s, slot)
}

// narrow makes an index small, and one that cannot be an index into one that
// no answer has.
func narrow(i int) uint16 {
	if i < 0 || i > math.MaxUint16 {
		return math.MaxUint16
	}
	return uint16(i)
}

// Vector is the residual stream at a position after a number of layers.
func (s *Session) Vector(pos, layer int) (*wire.Vector, bool) {
	return answerAt[*wire.Vector](s, pos, answerKey{what: wire.QueryVector, layer: narrow(layer)})
}

// Neighbours are the tokens nearest to a token.
func (s *Session) Neighbours(token int32) (*wire.Neighbours, bool) {
	return answerTo[*wire.Neighbours](s, answerKey{what: wire.QueryNeighbours, n: uint32(token)})
}

// Projection is the latest projection of the sequence. Its Count may be less
// than the sequence is long by now: those points have not moved, for a vector
// does not depend on later tokens, but the axes were chosen without the rest.
func (s *Session) Projection() (*wire.Projection, bool) {
	return answerTo[*wire.Projection](s, answerKey{what: wire.QueryProjection})
}

// Head is the latest matrix of exact weights of one head. Its Count may be
// less than the sequence is long by now; its rows are right for all that.
func (s *Session) Head(layer, head int) (*wire.HeadMatrix, bool) {
	return answerTo[*wire.HeadMatrix](s, answerKey{what: wire.QueryHead, layer: narrow(layer), head: narrow(head)})
}

// Cell is one attention weight, of query position q and key position k, with
// all its operands.
func (s *Session) Cell(layer, head, q, k int) (*wire.Cell, bool) {
	return answerAt[*wire.Cell](s, q, answerKey{what: wire.QueryCell, layer: narrow(layer), head: narrow(head), n: uint32(k)})
}

// Flow is what happened to one position in one layer.
func (s *Session) Flow(pos, layer int) (*wire.Flow, bool) {
	return answerAt[*wire.Flow](s, pos, answerKey{what: wire.QueryFlow, layer: narrow(layer)})
}

// Lens is the logit lens of a position.
func (s *Session) Lens(pos int) (*wire.Lens, bool) {
	return answerAt[*wire.Lens](s, pos, answerKey{what: wire.QueryLens})
}

// Block is the latest heat of a block, for a layer and KV head. Its Filled may
// be less than the block holds by now.
func (s *Session) Block(block, layer, kvhead int) (*wire.BlockHeat, bool) {
	return answerTo[*wire.BlockHeat](s, s.blockKey(uint32(block), narrow(layer), narrow(kvhead)).slot())
}

// Merges is how a text becomes tokens.
func (s *Session) Merges(text string) (*wire.Merges, bool) {
	return answerTo[*wire.Merges](s, answerKey{what: wire.QueryMerges, text: text})
}

// Source is the text of a Go function, by the name that a frame gave.
func (s *Session) Source(function string) (*wire.Source, bool) {
	return answerTo[*wire.Source](s, answerKey{what: wire.QuerySource, text: function})
}

// Logits are the raw logits that the token at a position was, or for the
// position after the last would be, drawn from.
func (s *Session) Logits(pos int) (*wire.Logits, bool) {
	key, ok := s.logitsKey(int64(pos))
	if !ok {
		return nil, false
	}
	return s.logits.get(key)
}

// logitsKey: the logits for a position depend on the tokens before it, so they
// outlive the token that was drawn from them.
func (s *Session) logitsKey(pos int64) (answerKey, bool) {
	if pos < 1 || pos > int64(len(s.sequence.tokens)) {
		return answerKey{}, false
	}
	hash, ok := s.sequence.prefix(int(pos) - 1)
	return answerKey{what: wire.QueryLogits, prefix: hash}, ok
}

// Piece is what a token id stands for.
type Piece struct {
	Bytes   []byte
	Special bool // a control token
}

// Piece is what a token id stands for, if it was asked (QueryPieces).
func (s *Session) Piece(id int32) (Piece, bool) {
	p, ok := s.pieces[id]
	return p, ok
}

func (s *Session) applyPieces(f *wire.Pieces) Change {
	if !s.recorded {
		if _, known := s.wants.take(f.Query); !known {
			return 0
		}
	}
	if len(s.pieces)+len(f.IDs) > MaxPieces {
		clear(s.pieces)
	}
	for i, id := range f.IDs {
		s.pieces[id] = Piece{Bytes: f.Bytes[i], Special: f.Special[i]}
	}
	return ChangeAnswer
}

// sizeOf is about how many bytes an answer takes.
func sizeOf(f wire.Frame) int {
	const struc, number, slice = 128, 4, 24
	n := struc
	byteSlices := func(s [][]byte) {
		for _, b := range s {
			n += slice + len(b)
		}
	}
	switch f := f.(type) {
	case *wire.Merges:
		n += len(f.Text)
		for i := range f.Words {
			w := &f.Words[i]
			n += struc + number*len(w.IDs)
			byteSlices(w.Initial)
			byteSlices(w.Pieces)
			for j := range w.Merges {
				n += 2 * slice
				byteSlices(w.Merges[j].Symbols)
			}
		}
	case *wire.Neighbours:
		for i := range f.Tokens {
			n += 2*slice + len(f.Tokens[i].Bytes)
		}
	case *wire.Source:
		n += len(f.Text)
	case *wire.Vector:
		n += number * len(f.Values)
	case *wire.Flow:
		n += number * len(f.Input)
		for i := range f.Stages {
			n += struc + number*(len(f.Stages[i].Shape)+len(f.Stages[i].Values))
		}
	case *wire.Lens:
		for _, layer := range f.Layers {
			n += slice
			for i := range layer {
				n += 2*slice + len(layer[i].Bytes)
			}
		}
	case *wire.Cell:
		n += number * (len(f.Q) + len(f.K))
	case *wire.Projection:
		n += number * (len(f.Explained) + len(f.XY) + len(f.Norms))
	case *wire.HeadMatrix:
		n += number * len(f.Values)
	case *wire.BlockHeat:
		n += number * (len(f.K) + len(f.V))
	}
	return n
}
