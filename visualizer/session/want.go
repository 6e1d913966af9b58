package session

import (
	"slices"

	"vitrine/visualizer/wire"
)

// MaxRefusals bounds the refused questions that are remembered.
const MaxRefusals = 1024

// want is a question under way.
type want struct {
	key answerKey
	pos int // the last position that it speaks of; -1 if of none
}

// wants are the questions under way and those that were refused.
type wants struct {
	last     uint32               // the last ID given
	byID     map[uint32]want      // under way
	byPlace  map[answerKey]uint32 // the same, by their answers' places
	pieces   map[uint32][]int32   // under way, of QueryPieces: the ids
	asking   map[int32]bool       // the ids in pieces
	refusals map[answerKey]wire.Problem

	// Attention rows carry no query. The question counts as answered when the
	// row of its last position has come.
	rowsID            uint32 // 0 if none is under way
	rowsFrom, rowsEnd int
	rowsIdle          int // steps since a row for it came
}

// rowsPatience is after how many steps of the engine without a row the
// question for rows is given up, so that it can be asked again.
const rowsPatience = 16

func newWants() wants {
	return wants{
		byID: map[uint32]want{}, byPlace: map[answerKey]uint32{},
		pieces: map[uint32][]int32{}, asking: map[int32]bool{},
		refusals: map[answerKey]wire.Problem{},
	}
}

// forget drops everything but the numbering: no number is given twice.
func (w *wants) forget() {
	last := w.last
	*w = newWants()
	w.last = last
}

func (w *wants) nextID() uint32 {
	w.last++
	if w.last == 0 {
		w.last = 1
	}
	return w.last
}

// take ends a question by its number.
func (w *wants) take(id uint32) (want, bool) {
	if ids, ok := w.pieces[id]; ok {
		delete(w.pieces, id)
		for _, t := range ids {
			delete(w.asking, t)
		}
		return want{pos: -1}, true
	}
	q, ok := w.byID[id]
	if ok {
		delete(w.byID, id)
		delete(w.byPlace, q.key.slot())
	}
	return q, ok
}

// answered ends a question by its answer's place.
func (w *wants) answered(place answerKey) {
	if id, ok := w.byPlace[place]; ok {
		w.take(id)
	}
	delete(w.refusals, place)
}

// refused ends a question that gets no answer; it says whether there was one.
func (w *wants) refused(f *wire.Problem) bool {
	if f.Query == w.rowsID {
		w.rowsID = 0
		w.refuse(answerKey{what: wire.QueryAttention, n: uint32(w.rowsFrom)}, f)
		return true
	}
	ids := w.pieces[f.Query]
	q, ok := w.take(f.Query)
	if !ok {
		return false
	}
	if ids == nil {
		w.refuse(q.key, f)
	}
	for _, t := range ids {
		w.refuse(answerKey{what: wire.QueryPieces, n: uint32(t)}, f)
	}
	return true
}

func (w *wants) refuse(key answerKey, f *wire.Problem) {
	if len(w.refusals) >= MaxRefusals {
		clear(w.refusals)
	}
	w.refusals[key] = *f
}

// stepped forgets the refusals that a step of the engine may have made moot,
// such as of a position that was not computed yet, and gives up on rows that
// do not come.
func (w *wants) stepped() {
	for key := range w.refusals {
		switch key.what {
		case wire.QueryMerges, wire.QueryNeighbours, wire.QueryPieces, wire.QuerySource:
		default:
			delete(w.refusals, key)
		}
	}
	if w.rowsIdle++; w.rowsIdle > rowsPatience {
		w.rowsID = 0
	}
}

// cut gives up on rows of positions that were dropped.
func (w *wants) cut(from int) {
	if w.rowsEnd >= from {
		w.rowsID = 0
	}
	for key := range w.refusals {
		if key.what == wire.QueryAttention {
			delete(w.refusals, key)
		}
	}
}

// attended notes that rows have come.
func (w *wants) attended(a *attention, from int) {
	if w.rowsID == 0 {
		return
	}
	if from >= w.rowsFrom && from <= w.rowsEnd {
		w.rowsIdle = 0
	}
	if a.holds(w.rowsEnd) {
		w.rowsID = 0
	}
}

// Want gives a question its number and says whether to send it: not if it is
// answered, under way or was refused, if it is about a position that does not
// exist, or if there is only a recording to ask. Of QueryPieces the ids that
// need no asking are left out. Of QueryAttention one is under way at a time.
//
// The server answers or refuses every query; until then it counts as under way.
func (s *Session) Want(q wire.Query) (wire.Query, bool) {
	if s.recorded {
		return q, false
	}
	switch q.What {
	case wire.QueryPieces:
		return s.wantPieces(q)
	case wire.QueryAttention:
		return s.wantRows(q)
	}
	key, pos, ok := s.keyOf(q)
	if !ok || s.isAnswered(key) {
		return q, false
	}
	if _, refused := s.wants.refusals[key]; refused {
		return q, false
	}
	place := key.slot()
	if _, underWay := s.wants.byPlace[place]; underWay {
		return q, false
	}
	q.ID = s.wants.nextID()
	s.wants.byID[q.ID] = want{key: key, pos: pos}
	s.wants.byPlace[place] = q.ID
	return q, true
}

func (s *Session) wantPieces(q wire.Query) (wire.Query, bool) {
	w := &s.wants
	var ids []int32
	for _, id := range q.Tokens {
		_, refused := w.refusals[answerKey{what: wire.QueryPieces, n: uint32(id)}]
		if _, held := s.pieces[id]; held || refused || w.asking[id] || slices.Contains(ids, id) {
			continue
		}
		ids = append(ids, id)
	}
	q.Tokens = ids
	if len(ids) == 0 {
		return q, false
	}
	q.ID = w.nextID()
	w.pieces[q.ID] = ids
	for _, id := range ids {
		w.asking[id] = true
	}
	return q, true
}

func (s *Session) wantRows(q wire.Query) (wire.Query, bool) {
	w, from, end := &s.wants, int(q.Position), s.lastComputed()
	if w.rowsID != 0 || from > end || s.attention.holds(from) {
		return q, false
	}
	if _, refused := w.refusals[answerKey{what: wire.QueryAttention, n: q.Position}]; refused {
		return q, false
	}
	for s.attention.holds(end) {
		end-- // the answer has come when the last of the missing rows has
	}
	m := s.Model()
	for row, weights := from, 0; row < end; row++ {
		if weights += int(m.Layers) * int(m.Heads) * (row + 1); weights >= wire.MaxRowsAnswer {
			end = row // or the last one that a single answer holds
		}
	}
	q.ID = w.nextID()
	w.rowsID, w.rowsFrom, w.rowsEnd, w.rowsIdle = q.ID, from, end, 0
	return q, true
}

// keyOf says what a question asks of the present sequence, and the last
// position that it speaks of (-1 for none). ok is false if that does not exist.
func (s *Session) keyOf(q wire.Query) (key answerKey, pos int, ok bool) {
	key, pos, ok = answerKey{what: q.What}, -1, true
	at := func(position int) {
		pos = position
		key.prefix, ok = s.sequence.prefix(pos)
	}
	switch q.What {
	case wire.QueryMerges, wire.QuerySource:
		key.text = q.Text
	case wire.QueryNeighbours:
		key.n = uint32(q.Token)
	case wire.QueryVector, wire.QueryFlow:
		key.layer = q.Layer
		at(int(q.Position))
	case wire.QueryLens:
		at(int(q.Position))
	case wire.QueryCell:
		key.layer, key.head, key.n = q.Layer, q.Head, q.Key
		at(int(q.Position))
		ok = ok && q.Key <= q.Position
	case wire.QueryProjection:
		at(len(s.sequence.tokens) - 1)
		key.count = uint32(len(s.sequence.tokens))
	case wire.QueryHead:
		key.layer, key.head = q.Layer, q.Head
		at(len(s.sequence.tokens) - 1)
		key.count = uint32(len(s.sequence.tokens))
	case wire.QueryBlock:
		key = s.blockKey(q.Block, q.Layer, q.Head)
	case wire.QueryLogits:
		key, ok = s.logitsKey(int64(q.Position))
		pos = int(q.Position) - 1
	case wire.QueryAttention:
		key.n = q.Position
	case wire.QueryPieces:
		if ok = len(q.Tokens) > 0; ok {
			key.n = uint32(q.Tokens[0])
		}
	default:
		ok = false
	}
	return key, pos, ok
}

func (s *Session) isAnswered(key answerKey) bool {
	if key.what == wire.QueryLogits {
		_, ok := s.logits.get(key)
		return ok
	}
	a, ok := s.lookup(key.slot())
	return ok && a.asked == key
}

// stillThere says whether the tokens that a question was about are still those
// of the sequence.
func (s *Session) stillThere(q want) bool {
	if q.pos < 0 || q.key.what == wire.QueryBlock {
		return true
	}
	hash, ok := s.sequence.prefix(q.pos)
	return ok && hash == q.key.prefix
}

// Refusal is why a question (for QueryPieces its first token) has no answer, as
// far as the server said so. It is forgotten with the connection, with [Session.Retry], and, where it concerns
// the sequence, with the next step of the engine.
func (s *Session) Refusal(q wire.Query) (*wire.Problem, bool) {
	key, _, ok := s.keyOf(q)
	if !ok {
		return nil, false
	}
	p, refused := s.wants.refusals[key]
	return &p, refused
}

// Retry lets a refused question (for QueryPieces its first token) be asked again.
func (s *Session) Retry(q wire.Query) {
	if key, _, ok := s.keyOf(q); ok {
		delete(s.wants.refusals, key)
	}
}
