package session

import (
	"testing"

	"pgregory.net/rapid"

	"vitrine/visualizer/wire"
)

// TestRandomConversations plays a server that draws, rewinds, branches and
// switches, that sends rows and answers late, in pieces or not at all, and
// holds the session to one promise: what it tells of a position was computed
// from the very tokens that stand there now.
func TestRandomConversations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		s.attention.limit = rapid.IntRange(1, 2000).Draw(t, "limit")
		s.Apply(testHello())
		branches := map[uint32][]int32{0: nil}
		active, next := uint32(0), uint32(1)
		sequence := func() []int32 { return branches[active] }

		// value is what position p "computes": it differs with every prefix.
		value := func(seq []int32, p int) uint8 {
			h := uint32(2166136261)
			for _, id := range seq[:p+1] {
				h = (h ^ uint32(id)) * 16777619
			}
			return uint8(h >> 24)
		}
		var late []wire.Frame // answers under way

		send := func(from int) {
			s.Apply(tokens(active, uint32(from), sequence()[from:]...))
		}
		id := rapid.Int32Range(0, 2)
		t.Repeat(map[string]func(*rapid.T){
			"draw": func(t *rapid.T) {
				if len(sequence()) < 20 {
					branches[active] = append(sequence()[:len(sequence()):len(sequence())], id.Draw(t, "id"))
					send(len(sequence()) - 1)
				}
			},
			"rewind": func(t *rapid.T) {
				to := rapid.IntRange(0, len(sequence())).Draw(t, "to")
				branches[active] = sequence()[:to]
				send(to)
			},
			"branch": func(t *rapid.T) {
				if len(sequence()) == 0 || len(branches) > 5 {
					return
				}
				at := rapid.IntRange(0, len(sequence())-1).Draw(t, "at")
				branches[next] = append(sequence()[:at:at], id.Draw(t, "id"))
				active = next
				next++
				send(at)
			},
			"switch": func(t *rapid.T) {
				to := rapid.Uint32Range(0, next-1).Draw(t, "branch")
				from := 0
				for from < min(len(sequence()), len(branches[to])) && sequence()[from] == branches[to][from] {
					from++
				}
				active = to
				send(rapid.IntRange(0, from).Draw(t, "from"))
			},
			"rows": func(t *rapid.T) {
				if n := len(sequence()); n > 0 {
					from := rapid.IntRange(0, n-1).Draw(t, "from")
					f := &wire.AttentionRows{Branch: active, From: uint32(from), Layers: testLayers, Heads: testHeads}
					for p := from; p < n; p++ {
						f.Rows++
						for range testLayers * testHeads * (p + 1) {
							f.Values = append(f.Values, value(sequence(), p))
						}
					}
					s.Apply(f)
				}
			},
			"ask": func(t *rapid.T) {
				n := len(sequence())
				if n == 0 {
					return
				}
				p := rapid.IntRange(0, n-1).Draw(t, "position")
				if q, ok := s.Want(wire.Query{What: wire.QueryVector, Position: uint32(p)}); ok {
					late = append(late, &wire.Vector{Query: q.ID, Branch: active, Position: uint32(p),
						Values: []float32{float32(value(sequence(), p))}})
				}
				if q, ok := s.Want(wire.Query{What: wire.QueryHead}); ok {
					f := &wire.HeadMatrix{Query: q.ID, Branch: active, Count: uint32(p + 1)}
					for r := range p + 1 {
						for range r + 1 {
							f.Values = append(f.Values, float32(value(sequence(), r)))
						}
					}
					late = append(late, f)
				}
			},
			"answer": func(t *rapid.T) {
				if len(late) > 0 {
					i := rapid.IntRange(0, len(late)-1).Draw(t, "which")
					s.Apply(late[i])
					late = append(late[:i], late[i+1:]...)
				}
			},
			"": func(t *rapid.T) {
				seq := sequence()
				if got := ids(s); len(got) != len(seq) {
					t.Fatalf("tokens are %v, want %v", got, seq)
				}
				for p := range seq {
					want := value(seq, p)
					if row, ok := s.Attention(p, 1, 1); ok && (len(row) != p+1 || row[p] != want) {
						t.Fatalf("row %d of %v is %v, want %d", p, seq, row, want)
					}
					if v, ok := s.Vector(p, 0); ok && v.Values[0] != float32(want) {
						t.Fatalf("vector %d of %v is %v, want %d", p, seq, v.Values, want)
					}
				}
				if f, ok := s.Head(0, 0); ok {
					for p := range int(f.Count) {
						if row := f.Row(p); row[0] != float32(value(seq, p)) {
							t.Fatalf("head's row %d of %v is %v", p, seq, row)
						}
					}
				}
				held := 0
				for _, r := range s.attention.held {
					held += len(r.values)
				}
				if held != s.attention.bytes || held > s.attention.limit || len(s.attention.byPrefix) != len(s.attention.held) {
					t.Fatalf("%d bytes are held, %d are counted, the limit is %d", held, s.attention.bytes, s.attention.limit)
				}
			},
		})
	})
}
