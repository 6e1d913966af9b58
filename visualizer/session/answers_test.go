package session

import (
	"testing"

	"vitrine/visualizer/wire"
)

// question is one kind of question, its answer, and how the session tells it.
type question struct {
	name   string
	query  wire.Query
	answer func(id uint32) wire.Frame
	told   func(*Session) bool
	cut    uint32 // the answer depends on the tokens before it, on no later one; 0: on none
}

func questions() []question {
	return []question{
		{"Vector", wire.Query{What: wire.QueryVector, Position: 2, Layer: 1},
			func(id uint32) wire.Frame { return &wire.Vector{Query: id, Position: 2, Layer: 1} },
			func(s *Session) bool { f, ok := s.Vector(2, 1); return ok && f.Layer == 1 }, 3},
		{"Flow", wire.Query{What: wire.QueryFlow, Position: 2, Layer: 1},
			func(id uint32) wire.Frame { return &wire.Flow{Query: id, Position: 2, Layer: 1} },
			func(s *Session) bool { f, ok := s.Flow(2, 1); return ok && f.Layer == 1 }, 3},
		{"Lens", wire.Query{What: wire.QueryLens, Position: 2},
			func(id uint32) wire.Frame { return &wire.Lens{Query: id, Position: 2} },
			func(s *Session) bool { f, ok := s.Lens(2); return ok && f.Position == 2 }, 3},
		{"Cell", wire.Query{What: wire.QueryCell, Layer: 1, Head: 1, Position: 2, Key: 1},
			func(id uint32) wire.Frame { return &wire.Cell{Query: id, Layer: 1, Head: 1, Position: 2, Key: 1} },
			func(s *Session) bool { f, ok := s.Cell(1, 1, 2, 1); return ok && f.Key == 1 }, 3},
		{"Projection", wire.Query{What: wire.QueryProjection},
			func(id uint32) wire.Frame { return &wire.Projection{Query: id, Count: 3} },
			func(s *Session) bool { f, ok := s.Projection(); return ok && f.Count == 3 }, 3},
		{"Head", wire.Query{What: wire.QueryHead, Layer: 1, Head: 1},
			func(id uint32) wire.Frame { return &wire.HeadMatrix{Query: id, Layer: 1, Head: 1, Count: 3} },
			func(s *Session) bool { f, ok := s.Head(1, 1); return ok && f.Count == 3 }, 3},
		{"Logits", wire.Query{What: wire.QueryLogits, Position: 3},
			func(uint32) wire.Frame { return &wire.Logits{Position: 3, Vocab: testVocab} },
			func(s *Session) bool { f, ok := s.Logits(3); return ok && f.Position == 3 }, 3},
		{"Merges", wire.Query{What: wire.QueryMerges, Text: "引力"},
			func(id uint32) wire.Frame { return &wire.Merges{Query: id, Text: "引力"} },
			func(s *Session) bool { f, ok := s.Merges("引力"); return ok && f.Text == "引力" }, 0},
		{"Neighbours", wire.Query{What: wire.QueryNeighbours, Token: 7},
			func(id uint32) wire.Frame { return &wire.Neighbours{Query: id, Token: 7} },
			func(s *Session) bool { f, ok := s.Neighbours(7); return ok && f.Token == 7 }, 0},
		{"Source", wire.Query{What: wire.QuerySource, Text: "ref.RMSNorm"},
			func(id uint32) wire.Frame { return &wire.Source{Query: id, Func: "ref.RMSNorm"} },
			func(s *Session) bool { f, ok := s.Source("ref.RMSNorm"); return ok && f.Func == "ref.RMSNorm" }, 0},
		{"Pieces", wire.Query{What: wire.QueryPieces, Tokens: []int32{7}},
			func(id uint32) wire.Frame {
				return &wire.Pieces{Query: id, IDs: []int32{7}, Bytes: [][]byte{{'x'}}, Special: []bool{true}}
			},
			func(s *Session) bool { p, ok := s.Piece(7); return ok && p.Special && string(p.Bytes) == "x" }, 0},
		{"Block", wire.Query{What: wire.QueryBlock, Block: 3, Layer: 1},
			func(id uint32) wire.Frame { return &wire.BlockHeat{Query: id, Block: 3, Layer: 1} },
			func(s *Session) bool { f, ok := s.Block(3, 1, 0); return ok && f.Block == 3 }, 0},
	}
}

// TestAskAndAnswer walks every kind of question through its life.
func TestAskAndAnswer(t *testing.T) {
	for _, q := range questions() {
		t.Run(q.name, func(t *testing.T) {
			s := began(1, 2, 3, 4)
			if q.query.What == wire.QueryProjection || q.query.What == wire.QueryHead {
				s = began(1, 2, 3)
			}
			wants := func(want bool) wire.Query {
				t.Helper()
				asked, ok := s.Want(q.query)
				if ok != want {
					t.Fatalf("asks: %v, want %v", ok, want)
				}
				return asked
			}
			if q.told(s) {
				t.Fatal("answered before it was asked")
			}
			first := wants(true)
			wants(false) // under way

			require(t, "change by a refusal", s.Apply(&wire.Problem{Query: first.ID, Code: "busy"}), ChangeProblem)
			wants(false) // refused
			if p, ok := s.Refusal(q.query); !ok || p.Code != "busy" {
				t.Errorf("refusal is %v, %v", p, ok)
			}
			s.Retry(q.query)
			second := wants(true)
			if second.ID == 0 || second.ID == first.ID {
				t.Errorf("numbers %d, %d", first.ID, second.ID)
			}
			change := ChangeAnswer
			if q.query.What == wire.QueryLogits {
				change = ChangeLogits
			} else {
				require(t, "change by an answer to another question", s.Apply(q.answer(second.ID+5)), Change(0))
			}
			require(t, "change", s.Apply(q.answer(second.ID)), change)
			if !q.told(s) {
				t.Error("no answer")
			}
			wants(false) // answered
			if _, ok := s.Refusal(q.query); ok {
				t.Error("refused and answered")
			}

			// The tokens it depends on.
			s.Apply(tokens(0, 3, 5, 6))
			if !q.told(s) {
				t.Error("the answer went with a later token")
			}
			s.Apply(tokens(0, 2, 8))
			if q.told(s) != (q.cut == 0) {
				t.Errorf("after its token was replaced the answer is there: %v", q.told(s))
			}
			s.Apply(tokens(0, 2, 3))
			if !q.told(s) {
				t.Error("the answer did not come back with its token")
			}
		})
	}
}

// TestLateAnswer: an answer about tokens that were replaced while it was under
// way is not taken for one about the new ones.
func TestLateAnswer(t *testing.T) {
	for _, q := range questions() {
		if q.cut == 0 || q.query.What == wire.QueryLogits {
			continue // depends on no token, or carries no query
		}
		t.Run(q.name, func(t *testing.T) {
			s := began(1, 2, 3)
			asked, ok := s.Want(q.query)
			if !ok {
				t.Fatal("not asked")
			}
			s.Apply(tokens(0, 2, 9))
			require(t, "change", s.Apply(q.answer(asked.ID)), Change(0))
			if q.told(s) {
				t.Error("an answer about the old token is told of the new one")
			}
			if _, ok := s.Want(q.query); !ok {
				t.Error("not asked again")
			}
		})
	}
}

// TestOtherBranch: an answer about another branch than the active one is dropped.
func TestOtherBranch(t *testing.T) {
	s := began(1, 2, 3)
	q, _ := s.Want(wire.Query{What: wire.QueryLens, Position: 2})
	require(t, "change", s.Apply(&wire.Lens{Query: q.ID, Branch: 4, Position: 2}), Change(0))
	require(t, "change by logits", s.Apply(&wire.Logits{Branch: 4, Position: 2, Vocab: testVocab}), Change(0))
}

func TestMistakenFrames(t *testing.T) {
	s := began(1, 2, 3)
	require(t, "change by logits past the end", s.Apply(&wire.Logits{Position: 4, Vocab: testVocab}), Change(0))
	require(t, "change by logits for position 0", s.Apply(&wire.Logits{Position: 0, Vocab: testVocab}), Change(0))
	require(t, "change by another vocabulary", s.Apply(&wire.Logits{Position: 1, Vocab: 3}), ChangeProblem)
	require(t, "change by a refusal of nothing", s.Apply(&wire.Problem{Query: 99}), Change(0))
	q, _ := s.Want(wire.Query{What: wire.QueryLens, Position: 2})
	require(t, "change by an answer to something else", s.Apply(&wire.Vector{Query: q.ID, Position: 2}), Change(0))
}

func TestWantWhatCannotBe(t *testing.T) {
	s := began(1, 2)
	for _, q := range []wire.Query{
		{What: wire.QueryVector, Position: 2}, {What: wire.QueryCell, Position: 0, Key: 1},
		{What: wire.QueryLogits, Position: 0}, {What: wire.QueryLogits, Position: 3},
		{What: wire.QueryPieces}, {What: 99},
	} {
		if _, ok := s.Want(q); ok {
			t.Errorf("asks %+v", q)
		}
		if _, ok := s.Refusal(q); ok {
			t.Errorf("refused %+v", q)
		}
	}
	if _, ok := New().Want(wire.Query{What: wire.QueryProjection}); ok {
		t.Error("asks for a projection of nothing")
	}
	if _, ok := s.Vector(0, 1<<16); ok {
		t.Error("layer 65536 is layer 0")
	}
}

// TestGrowing: a matrix of the growing sequence is asked for anew when the
// sequence has grown, one at a time, even if it never covers the last token.
func TestGrowing(t *testing.T) {
	s := began(1, 2, 3)
	query := wire.Query{What: wire.QueryHead}
	first, _ := s.Want(query)
	s.Apply(tokens(0, 3, 4))
	if _, ok := s.Want(query); ok {
		t.Error("asked while one is under way")
	}
	s.Apply(&wire.HeadMatrix{Query: first.ID, Count: 2}) // the last token was not computed yet
	if f, ok := s.Head(0, 0); !ok || f.Count != 2 {
		t.Errorf("head is %v, %v", f, ok)
	}
	second, ok := s.Want(query)
	if !ok {
		t.Fatal("not asked for the grown sequence")
	}
	s.Apply(&wire.HeadMatrix{Query: second.ID, Count: 3})
	if _, ok := s.Want(query); ok {
		t.Error("asked again though nothing has changed")
	}
}

func TestWantPieces(t *testing.T) {
	s := New()
	q, ok := s.Want(wire.Query{What: wire.QueryPieces, Tokens: []int32{1, 2, 2, 3}})
	require(t, "asked", []any{q.Tokens, ok}, []any{[]int32{1, 2, 3}, true})
	q2, ok := s.Want(wire.Query{What: wire.QueryPieces, Tokens: []int32{3, 4}})
	require(t, "asked then", []any{q2.Tokens, ok}, []any{[]int32{4}, true})
	s.Apply(&wire.Problem{Query: q2.ID, Code: "bad_field"})
	s.Apply(&wire.Pieces{Query: q.ID, IDs: []int32{1, 2}, Bytes: [][]byte{{'a'}, {'b'}}, Special: []bool{false, true}})
	q, ok = s.Want(wire.Query{What: wire.QueryPieces, Tokens: []int32{1, 2, 3, 4}})
	require(t, "asked in the end: neither held nor refused", []any{q.Tokens, ok}, []any{[]int32{3}, true})
}

// TestRecorded: a recording's answers are taken as they come, and nothing is asked.
func TestRecorded(t *testing.T) {
	s := NewRecorded()
	s.Apply(testHello())
	s.Apply(tokens(0, 0, 1, 2, 3))
	for _, q := range questions() {
		if q.query.What == wire.QueryBlock {
			continue
		}
		if _, ok := s.Want(q.query); ok {
			t.Errorf("%s is asked of a recording", q.name)
		}
		if s.Apply(q.answer(77)) == 0 || !q.told(s) {
			t.Errorf("%s of a recording is not told", q.name)
		}
	}
	if !s.Recorded() || New().Recorded() {
		t.Error("Recorded is wrong")
	}
	require(t, "change by a recorded refusal", s.Apply(&wire.Problem{Query: 3, Code: "busy"}), ChangeProblem)
	require(t, "change by an answer past the end", s.Apply(&wire.Lens{Position: 9}), Change(0))
}

func TestMaxLogits(t *testing.T) {
	s := began(make([]int32, MaxLogits+9)...)
	for p := range MaxLogits + 1 {
		s.Apply(&wire.Logits{Position: uint32(p + 1), Vocab: testVocab})
		s.Logits(1) // stays the most recently used
	}
	for p, want := range map[int]bool{1: true, 2: false, 3: true, MaxLogits + 1: true} {
		if _, ok := s.Logits(p); ok != want {
			t.Errorf("logits for %d are there: %v, want %v", p, ok, want)
		}
	}
}

func TestLRU(t *testing.T) {
	c := newLRU[string, int](10)
	has := func(want string) {
		t.Helper()
		got := ""
		for n := c.first; n != nil; n = n.next {
			got += n.key
		}
		back := ""
		for n := c.last; n != nil; n = n.prev {
			back = n.key + back
		}
		if got != want || back != want || len(c.nodes) != len(want) {
			t.Errorf("holds %q, backwards %q, %d in all; want %q", got, back, len(c.nodes), want)
		}
	}
	c.put("a", 1, 4)
	c.put("b", 2, 4)
	has("ba")
	if v, ok := c.get("a"); !ok || v != 1 {
		t.Error("a is lost")
	}
	has("ab")
	c.put("c", 3, 4) // b goes
	has("ca")
	c.put("a", 5, 6)
	has("ac")
	if v, _ := c.get("a"); v != 5 || c.used != 10 {
		t.Errorf("a is %d, used %d", v, c.used)
	}
	c.put("d", 6, 99) // larger than all: alone
	has("d")
	c.put("e", 7, 1)
	has("e")
	if _, ok := c.get("d"); ok || c.used != 1 {
		t.Errorf("d is held, used %d", c.used)
	}
	c.reset()
	has("")
}

// TestSizeOf: the size that bounds the answers is not far from what the
// numbers in them take.
func TestSizeOf(t *testing.T) {
	numbers := make([]float32, 1000)
	for _, f := range []wire.Frame{
		&wire.Vector{Values: numbers}, &wire.HeadMatrix{Values: numbers}, &wire.Projection{XY: numbers},
		&wire.Cell{Q: numbers}, &wire.BlockHeat{K: numbers}, &wire.Flow{Stages: []wire.Stage{{Values: numbers}}},
		&wire.Source{Text: string(make([]byte, 4000))},
		&wire.Lens{Layers: [][]wire.Candidate{make([]wire.Candidate, 80)}},
		&wire.Neighbours{Tokens: make([]wire.Neighbour, 80)},
		&wire.Merges{Words: []wire.Word{{Merges: []wire.Merge{{Symbols: make([][]byte, 160)}}}}},
	} {
		if n := sizeOf(f); n < 3500 || n > 5000 {
			t.Errorf("%v is said to take %d bytes", f.Kind(), n)
		}
	}
}

func TestMaxRefusals(t *testing.T) {
	s := began(1)
	for id := range int32(MaxRefusals + 1) {
		q, ok := s.Want(wire.Query{What: wire.QueryNeighbours, Token: id})
		if !ok {
			t.Fatalf("token %d is not asked for", id)
		}
		s.Apply(&wire.Problem{Query: q.ID, Code: "bad_field"})
	}
	require(t, "refusals held", len(s.wants.refusals), 1)
}

func TestMaxPieces(t *testing.T) {
	s := NewRecorded()
	some := func(first, n int32) *wire.Pieces {
		f := &wire.Pieces{Bytes: make([][]byte, n), Special: make([]bool, n)}
		for id := range n {
			f.IDs = append(f.IDs, first+id)
		}
		return f
	}
	s.Apply(some(0, MaxPieces))
	require(t, "pieces held", len(s.pieces), MaxPieces)
	s.Apply(some(MaxPieces, 2))
	require(t, "pieces held", len(s.pieces), 2)
}

// TestQueryNumbers: 0 means no query, so it is not given when the numbers begin again.
func TestQueryNumbers(t *testing.T) {
	w := newWants()
	w.last = 1<<32 - 2
	require(t, "number", w.nextID(), uint32(1<<32-1))
	require(t, "number", w.nextID(), uint32(1))
}
