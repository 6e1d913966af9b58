package session

import (
	"testing"

	"vitrine/visualizer/wire"
)

func TestAttention(t *testing.T) {
	s := began(1, 2, 3)
	f := &wire.AttentionRows{From: 1, Rows: 2, Layers: testLayers, Heads: testHeads}
	for r := range 2 {
		for l := range testLayers {
			for h := range testHeads {
				for k := range r + 2 {
					f.Values = append(f.Values, uint8(100*r+40*l+20*h+k))
				}
			}
		}
	}
	require(t, "change", s.Apply(f), ChangeAttention)
	got, ok := s.Attention(2, 1, 0)
	require(t, "row", []any{got, ok}, []any{[]uint8{140, 141, 142}, true})
	clear(f.Values)
	got, _ = s.Attention(1, 1, 1)
	require(t, "row, after the frame was overwritten", got, []uint8{60, 61})
	for _, at := range [][3]int{{0, 0, 0}, {3, 0, 0}, {-1, 0, 0}, {1, testLayers, 0}, {1, -1, 0}, {1, 0, testHeads}, {1, 0, -1}} {
		if row, ok := s.Attention(at[0], at[1], at[2]); ok {
			t.Errorf("row at %v is %v", at, row)
		}
	}
	require(t, "change by rows of another branch", s.Apply(rows(5, 0, 1, 1)), Change(0))
	require(t, "change by rows past the end", s.Apply(rows(0, 3, 1, 1)), Change(0))
	wrong := rows(0, 0, 1, 1)
	wrong.Layers = 1
	wrong.Values = wrong.Values[:2]
	require(t, "change by rows of another model", s.Apply(wrong), ChangeProblem)
}

// TestAttentionFollowsTheTokens: rows go with their tokens and come back with them.
func TestAttentionFollowsTheTokens(t *testing.T) {
	s := began(1, 2, 3, 4)
	s.Apply(rows(0, 0, 4, 10))
	has := func(when string, want ...bool) {
		t.Helper()
		for q := range want {
			if _, ok := s.Attention(q, 0, 0); ok != want[q] {
				t.Errorf("%s: row %d is there: %v, want %v", when, q, ok, want[q])
			}
		}
	}
	s.Apply(tokens(1, 2, 9, 4))
	has("on a branch from 2", true, true, false, false)
	s.Apply(rows(1, 2, 2, 20))
	s.Apply(tokens(0, 2, 3, 4))
	has("back", true, true, true, true)
	if row, _ := s.Attention(3, 0, 0); row[0] != 10 {
		t.Errorf("row 3 of the first branch is that of the second: %v", row)
	}
	s.Apply(tokens(0, 1))
	has("rewound", true, false, false, false)
	s.Apply(tokens(0, 1, 7, 3, 4))
	has("with another second token", true, false, false, false)
}

// TestAttentionLimit: rows of other branches go first, then those of the
// oldest positions, and a dropped row is not said to be missing.
func TestAttentionLimit(t *testing.T) {
	s := began(1, 2, 3, 4)
	s.attention.limit = 4 * (3 + 4 + 5) // rows 2, 3 and 4
	s.Apply(rows(0, 0, 4, 10))          // 4·(1+2+3+4) bytes fit
	require(t, "floor of 4", s.AttentionFloor(), 0)
	s.Apply(tokens(1, 3, 9))
	s.Apply(rows(1, 3, 1, 20)) // row 3 of branch 0 has to go
	require(t, "floor of 4", s.AttentionFloor(), 0)
	s.Apply(tokens(0, 3, 4))
	if _, ok := s.Attention(3, 0, 0); ok {
		t.Error("the row of the other branch was kept")
	}
	s.Apply(rows(0, 3, 1, 10))
	s.Apply(tokens(0, 4, 5))
	s.Apply(rows(0, 4, 1, 10))
	require(t, "floor of 5", s.AttentionFloor(), 2)
	for q := range 5 {
		if _, ok := s.Attention(q, 0, 0); ok != (q >= 2) {
			t.Errorf("row %d is there: %v", q, ok)
		}
	}
	require(t, "bytes", s.attention.bytes, s.attention.limit)
	s.Apply(&wire.Step{Position: 4})
	if pos, ok := s.MissingAttention(); ok {
		t.Errorf("row %d is said to be missing", pos)
	}
	require(t, "change by a row before the floor", s.Apply(rows(0, 0, 1, 1)), Change(0))
	s.attention.limit = 3 // less than any row takes
	s.Apply(tokens(0, 5, 6))
	require(t, "rows held", len(s.attention.held), 0)
	require(t, "bytes held", s.attention.bytes, 0)
}

func TestMissingAttention(t *testing.T) {
	s := began(1, 2, 3, 4)
	missing := func(want int) {
		t.Helper()
		pos, ok := s.MissingAttention()
		if !ok {
			pos = -1
		}
		require(t, "missing", pos, want)
	}
	missing(0)
	s.Apply(rows(0, 0, 2, 1))
	missing(2)
	s.Apply(rows(0, 2, 1, 1))
	missing(-1) // without a step it is not known whether the last token was computed
	s.Apply(&wire.Step{Position: 3})
	missing(3)
	s.Apply(rows(0, 3, 1, 1))
	missing(-1)
	require(t, "missing of nothing", lastOf(New().MissingAttention()), false)
}

func lastOf(_ int, ok bool) bool { return ok }

// TestWantAttention: one question is under way until the last missing row came.
func TestWantAttention(t *testing.T) {
	query := func(from uint32) wire.Query { return wire.Query{What: wire.QueryAttention, Position: from} }
	setup := func(t *testing.T) (*Session, wire.Query) {
		t.Helper()
		s := began(1, 2, 3, 4)
		s.Apply(&wire.Step{Position: 3})
		s.Apply(rows(0, 3, 1, 1))
		q, ok := s.Want(query(0))
		if !ok || q.ID == 0 {
			t.Fatal("not asked")
		}
		if _, ok := s.Want(query(1)); ok {
			t.Fatal("asked twice")
		}
		return s, q
	}
	asks := func(t *testing.T, s *Session, from uint32, want bool) {
		t.Helper()
		if _, ok := s.Want(query(from)); ok != want {
			t.Errorf("asks from %d: %v, want %v", from, ok, want)
		}
	}
	t.Run("answered in two frames", func(t *testing.T) {
		s, _ := setup(t)
		s.Apply(rows(0, 0, 2, 1))
		asks(t, s, 2, false)
		s.Apply(rows(0, 2, 2, 1))
		asks(t, s, 2, false) // held now
		s.Apply(tokens(0, 4, 5))
		s.Apply(&wire.Step{Position: 4})
		asks(t, s, 4, true)
	})
	t.Run("more than an answer holds", func(t *testing.T) {
		ids := make([]int32, 5000) // all of whose rows may be held
		s := began(ids...)
		s.Apply(&wire.Step{Position: 4999})
		if _, ok := s.Want(query(0)); !ok {
			t.Fatal("not asked")
		}
		last := 0
		for weights := testLayers * testHeads; weights < wire.MaxRowsAnswer; weights += testLayers * testHeads * (last + 1) {
			last++
		}
		s.Apply(rows(0, uint32(last-1), 1, 1))
		asks(t, s, 0, false)
		s.Apply(rows(0, uint32(last), 1, 1))
		asks(t, s, 0, true)
	})
	t.Run("refused", func(t *testing.T) {
		s, q := setup(t)
		require(t, "change", s.Apply(&wire.Problem{Query: q.ID, Code: "busy"}), ChangeProblem)
		asks(t, s, 0, false)
		if p, ok := s.Refusal(query(0)); !ok || p.Code != "busy" {
			t.Errorf("refusal is %v, %v", p, ok)
		}
		s.Apply(&wire.Step{Position: 3})
		asks(t, s, 0, true)
	})
	t.Run("refused, then cut", func(t *testing.T) {
		s, q := setup(t)
		s.Apply(&wire.Problem{Query: q.ID, Code: "busy"})
		s.Apply(tokens(0, 3, 8))
		asks(t, s, 0, true)
	})
	t.Run("cut", func(t *testing.T) {
		s, _ := setup(t)
		s.Apply(tokens(0, 2, 8, 8, 8))
		asks(t, s, 0, true)
	})
	t.Run("never answered", func(t *testing.T) {
		s, _ := setup(t)
		for range rowsPatience {
			s.Apply(&wire.Step{Position: 3})
		}
		asks(t, s, 0, false)
		s.Apply(&wire.Step{Position: 3})
		asks(t, s, 0, true)
	})
	t.Run("not there", func(t *testing.T) {
		s := began(1, 2)
		asks(t, s, 1, false)
		asks(t, s, 7, false)
	})
}

// TestHashCollision: two prefixes of one hash, which a file made on purpose
// can hold, cost a row but give no wrong one.
func TestHashCollision(t *testing.T) {
	s := began(1, 2, 3, 4)
	s.sequence.hashes[3] = s.sequence.hashes[1]
	s.attention.follow(&s.sequence, 0)
	s.Apply(rows(0, 0, 4, 7))
	for q, want := range []int{1, 2, 3, 0} {
		if row, _ := s.Attention(q, 0, 0); len(row) != want {
			t.Errorf("row %d is %v, want %d keys", q, row, want)
		}
	}
	s.attention.follow(&s.sequence, 0)
	if row, ok := s.Attention(3, 0, 0); ok {
		t.Errorf("row 3 is that of position 1: %v", row)
	}
}
