package hall

import (
	"reflect"
	"testing"

	"vitrine/visualizer/wire"
)

// step is a record in which request 1+n%3 gets block n%8, which its last holder loses.
func step(n uint64) *wire.HallRecord {
	id := uint32(1 + n%3)
	r := &wire.HallRecord{
		Seq: n, Step: n, At: 1000 * n,
		Requests: []wire.HallChange{{Request: id, State: wire.StateRunning, Tokens: uint32(n), Table: []uint32{uint32(n % 8)}}},
		Blocks:   []wire.HallBlock{{Block: uint32(n % 8), Refs: 1, Owner: id, Filled: uint16(n % 16)}},
		Meters:   wire.HallMeters{Drawn: n},
	}
	if n <= 3 {
		r.Added = []wire.HallRequest{{ID: uint32(n), Prompt: 5}}
	}
	return r
}

func joined(t *testing.T) *Hall {
	t.Helper()
	h := new(Hall)
	if c := h.Apply(&wire.HallSnapshot{Epoch: 1, Config: wire.HallConfig{Blocks: 8, BlockSize: 16}, Next: 1}); c != ChangeReset|ChangeRecord {
		t.Fatalf("a snapshot changes %b", c)
	}
	return h
}

// Every moment that is kept is what applying the records one by one gives.
func TestMoments(t *testing.T) {
	h := joined(t)
	const last = 3*keyframe + 7
	var all []Moment
	for n := uint64(1); n <= last; n++ {
		if c := h.Apply(step(n)); c != ChangeRecord {
			t.Fatalf("record %d changes %b", n, c)
		}
		all = append(all, h.Now().clone())
	}
	for i, want := range all {
		if got := h.Moment(i); !reflect.DeepEqual(got, want) {
			t.Fatalf("moment %d is %+v, want %+v", i, got, want)
		}
		if got := h.Index(uint64(i + 1)); got != i {
			t.Errorf("record %d stands at %d", i+1, got)
		}
	}
	if m := h.Moment(-1); m.Seq != 0 || len(m.Requests) != 0 || m.Blocks[5].Order != 6 {
		t.Errorf("before the first record: %+v", m)
	}
	if got := h.Moment(last + 10); !reflect.DeepEqual(got, *h.Now()) {
		t.Error("past the end is not the last moment")
	}
	// Whoever joins now sees the same.
	other := new(Hall)
	other.Apply(h.Snapshot())
	for _, i := range []int{-1, 0, keyframe - 1, keyframe, last - 1} {
		if a, b := h.Moment(i), other.Moment(i); !reflect.DeepEqual(a, b) {
			t.Errorf("who joins sees %+v at %d, want %+v", b, i, a)
		}
	}
}

func TestRecordsAreNotLost(t *testing.T) {
	h := joined(t)
	h.Apply(step(1))
	if c := h.Apply(step(1)); c != 0 {
		t.Errorf("a record that is there already changes %b", c)
	}
	if c := h.Apply(step(3)); c != ChangeGap || h.Now().Seq != 1 {
		t.Errorf("a record too many changes %b, the hall is at %d", c, h.Now().Seq)
	}
	if c := new(Hall).Apply(step(1)); c != 0 {
		t.Errorf("before joining a record changes %b", c)
	}
}

// The oldest records are folded together, and with them goes who had ended.
func TestOldRecordsGo(t *testing.T) {
	h := joined(t)
	h.Apply(&wire.HallRecord{Seq: 1, Added: []wire.HallRequest{{ID: 1}, {ID: 2}}})
	h.Apply(&wire.HallRecord{Seq: 2, Requests: []wire.HallChange{{Request: 1, State: wire.StateStopped}}})
	for n := uint64(3); n <= MaxRecords+2*keyframe; n++ {
		r := step(n)
		r.Requests = nil
		h.Apply(r)
	}
	if n := len(h.Records()); n < MaxRecords || n >= MaxRecords+keyframe {
		t.Errorf("%d records are kept", n)
	}
	if h.Now().Request(1) != nil || h.Now().Request(2) == nil {
		t.Errorf("the requests are %+v", h.Now().Requests)
	}
	if got := h.Moment(len(h.Records()) - 2).Seq; got != MaxRecords+2*keyframe-1 {
		t.Errorf("the last but one is %d", got)
	}
	if got := h.Moment(-1).Seq + 1; got != h.Records()[0].Seq {
		t.Errorf("the first moment is before record %d, not %d", got, h.Records()[0].Seq)
	}
}

func pieces(texts ...string) [][]byte {
	all := make([][]byte, len(texts))
	for i, text := range texts {
		all[i] = []byte(text)
	}
	return all
}

func TestText(t *testing.T) {
	h := joined(t)
	h.Apply(&wire.HallText{Request: 7, Pieces: pieces("a", "b")})
	h.Apply(&wire.HallText{Request: 7, From: 2, Pieces: pieces("c")})
	h.Apply(&wire.HallText{Request: 7, From: 9, Pieces: pieces("lost")})
	if got := h.Pieces(7); !reflect.DeepEqual(got, pieces("a", "b", "c")) {
		t.Errorf("the pieces are %q", got)
	}
	h.Apply(&wire.HallText{Request: 8, Pieces: pieces("x")})
	if h.Pieces(7) != nil || len(h.Pieces(8)) != 1 {
		t.Error("another request's text does not take its place")
	}
}

// FuzzApply: any frames in any order leave a hall that can tell every moment.
func FuzzApply(f *testing.F) {
	f.Add(wire.AppendFrame(nil, &wire.HallSnapshot{Epoch: 1, Config: wire.HallConfig{Blocks: 8, BlockSize: 16}, Next: 1}), wire.AppendFrame(nil, step(1)), wire.AppendFrame(nil, step(2)))
	f.Add(wire.AppendFrame(nil, &wire.HallText{Request: 1, From: 3}), wire.AppendFrame(nil, &wire.HallState{}), []byte{})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		h := new(Hall)
		for _, raw := range [][]byte{a, b, c, b} {
			frame, err := wire.DecodeHallFrame(raw)
			if err != nil {
				continue
			}
			h.Apply(frame)
			for i := -1; i <= len(h.Records()); i++ {
				m := h.Moment(i)
				if len(m.Blocks) != len(h.Now().Blocks) {
					t.Fatalf("%d blocks at %d, %d now", len(m.Blocks), i, len(h.Now().Blocks))
				}
				if n := len(m.Holders()); n != len(m.Blocks) || len(m.PaintBlocks(ByRequest)) != n || len(m.Queue()) != n {
					t.Fatalf("the holders of %d blocks, of %d", n, len(m.Blocks))
				}
				if c := h.Chart(i, 3, 2); len(c.Requests) > 2 || len(c.Work) != len(c.Requests) {
					t.Fatalf("the chart is %+v", c)
				}
				for _, e := range h.Happened(i, 5) {
					if e.Index < 0 || e.Index > i || m.Name(e.Request) == "" {
						t.Fatalf("up to %d this happened: %+v", i, e)
					}
				}
			}
		}
	})
}
