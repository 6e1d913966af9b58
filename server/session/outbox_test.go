package session

import (
	"slices"
	"testing"

	"vitrine/visualizer/wire"
)

// popped decodes everything that is in an outbox.
func popped(t *testing.T, o *outbox) []wire.Frame {
	t.Helper()
	var frames []wire.Frame
	for {
		b, ok := o.pop()
		if !ok {
			return frames
		}
		f, err := wire.DecodeFrame(b)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
}

// attentionRows makes rows of one layer and head from a position on.
func attentionRows(branch uint32, from, rows int) wire.AttentionRows {
	f := wire.AttentionRows{Branch: branch, From: uint32(from), Rows: uint16(rows), Layers: 1, Heads: 1}
	for r := range rows {
		for key := range from + r + 1 {
			f.Values = append(f.Values, uint8(from+r+key))
		}
	}
	return f
}

func TestOutboxOrder(t *testing.T) {
	o := newOutbox()
	o.offerStep(wire.Step{Number: 1})
	o.offerLogits(wire.Logits{Position: 1})
	o.offerBlocks(func() *wire.Blocks { return &wire.Blocks{Seq: 1} })
	o.offerStatus(wire.Status{Received: 1})
	o.push(&wire.Pong{Number: 1})
	o.offerStep(wire.Step{Number: 2})
	o.offerStatus(wire.Status{Received: 2})
	o.push(&wire.Pong{Number: 2})
	var kinds []wire.Kind
	frames := popped(t, o)
	for _, f := range frames {
		kinds = append(kinds, f.Kind())
	}
	want := []wire.Kind{wire.KindPong, wire.KindPong, wire.KindStatus, wire.KindStep, wire.KindLogits, wire.KindBlocks}
	if !slices.Equal(kinds, want) {
		t.Fatalf("kinds %v, want %v", kinds, want)
	}
	if frames[0].(*wire.Pong).Number != 1 || frames[2].(*wire.Status).Received != 2 || frames[3].(*wire.Step).Number != 2 {
		t.Errorf("frames %+v", frames)
	}
	if o.visualsDropped() != 1 {
		t.Errorf("%d visual frames dropped, want 1", o.visualsDropped())
	}
}

func TestOutboxGathersAttentionRows(t *testing.T) {
	for _, c := range []struct {
		name    string
		offered []wire.AttentionRows
		from    uint32
		rows    uint16
		dropped uint64
	}{
		{"one", []wire.AttentionRows{attentionRows(0, 3, 2)}, 3, 2, 0},
		{"following", []wire.AttentionRows{attentionRows(0, 3, 2), attentionRows(0, 5, 1), attentionRows(0, 6, 1)}, 3, 4, 0},
		{"a gap", []wire.AttentionRows{attentionRows(0, 3, 2), attentionRows(0, 6, 1)}, 6, 1, 1},
		{"back", []wire.AttentionRows{attentionRows(0, 3, 2), attentionRows(0, 4, 1)}, 4, 1, 1},
		{"another branch", []wire.AttentionRows{attentionRows(0, 3, 2), attentionRows(1, 5, 1)}, 5, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOutbox()
			for _, rows := range c.offered {
				o.offerAttention(rows)
			}
			f := popped(t, o)[0].(*wire.AttentionRows)
			if f.From != c.from || f.Rows != c.rows || o.visualsDropped() != c.dropped {
				t.Errorf("%d rows from %d, %d dropped", f.Rows, f.From, o.visualsDropped())
			}
			want := attentionRows(f.Branch, int(c.from), int(c.rows))
			if !slices.Equal(f.Values, want.Values) {
				t.Errorf("values %v, want %v", f.Values, want.Values)
			}
		})
	}
}

func TestOutboxBoundsAttention(t *testing.T) {
	o := newOutbox()
	size := 0
	for from := 2000; from < 6000; from++ {
		o.offerAttention(attentionRows(0, from, 1))
		size += from + 1
	}
	f := popped(t, o)[0].(*wire.AttentionRows)
	if len(f.Values) > maxAttentionBytes || size <= maxAttentionBytes {
		t.Errorf("%d of %d bytes of rows are held, want at most %d", len(f.Values), size, maxAttentionBytes)
	}
	if int(f.From)+int(f.Rows) != 6000 {
		t.Errorf("the last row held is %d, want 5999", int(f.From)+int(f.Rows)-1)
	}
}

func TestOutboxDiscardsVisuals(t *testing.T) {
	o := newOutbox()
	o.offerStep(wire.Step{})
	o.offerLogits(wire.Logits{})
	o.offerAttention(attentionRows(0, 1, 1))
	o.push(&wire.Pong{})
	o.discardVisuals()
	if got := popped(t, o); len(got) != 1 || got[0].Kind() != wire.KindPong {
		t.Errorf("left: %v", got)
	}
}

func TestOutboxBound(t *testing.T) {
	o := newOutbox()
	big := &wire.Vector{Values: make([]float32, 1<<20)} // 4 MiB
	n := 0
	for o.push(big) {
		n++
		if n > 100 {
			t.Fatal("the outbox takes everything")
		}
	}
	if n != maxQueuedBytes>>22-1 { // one less, for a frame is a little longer than its values
		t.Errorf("%d frames of 4 MiB were taken", n)
	}
	if o.room() {
		t.Error("a full outbox says it has room")
	}
	if o.push(&wire.Pong{}) {
		t.Error("a frame was taken behind one that was lost")
	}
	if got := len(popped(t, o)); got != n {
		t.Errorf("%d frames came out, want %d", got, n)
	}
	select {
	case <-o.drained:
	default:
		t.Error("nobody was told that there is room again")
	}
}

func TestOutboxClosed(t *testing.T) {
	o := newOutbox()
	o.push(&wire.Pong{Number: 1})
	o.offerStep(wire.Step{})
	o.close()
	if o.push(&wire.Pong{Number: 2}) || !o.isClosed() {
		t.Error("a closed outbox takes frames")
	}
	o.offerStatus(wire.Status{})
	if got := popped(t, o); len(got) != 1 || got[0].Kind() != wire.KindPong {
		t.Errorf("left: %v", got)
	}
}
