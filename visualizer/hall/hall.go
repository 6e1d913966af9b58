// Package hall is what a page knows of the hall (/serving): it applies the
// frames that the server sends and can tell every moment that it has a record
// of. It is pure state: no DOM, no clock, no goroutines.
//
// A moment is the fold of the snapshot and the records up to it. Every
// keyframe-th moment is kept, so that going to any of them applies few records.
package hall

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"vitrine/visualizer/wire"
)

// Limits of what a page keeps.
const (
	// MaxRecords is how many records a page keeps; the oldest are folded into
	// the first moment.
	MaxRecords = 2048
	keyframe   = 64
	maxBlocks  = 1 << 16
	maxTable   = 1 << 16
)

// Change is a set of things that a frame changed.
type Change uint16

// What a frame can change.
const (
	ChangeHello   Change = 1 << iota // who the reader is, and the model
	ChangeReaders                    // who is here
	ChangeRecord                     // the hall itself
	ChangeReset                      // the hall was set up anew
	ChangeState                      // how it is run
	ChangeRace                       // the latest race
	ChangeText                       // the watched request's tokens
	ChangeGap                        // a record is missing: the page has to join again
)

// Request is an output of a request at some moment.
type Request struct {
	wire.HallRequest
	wire.HallChange
}

// Name is what the output is called: r and the number of its request, and of
// several outputs a letter. Numbers of outputs that were forked off are not shown.
func (r *Request) Name() string {
	name := "r" + strconv.FormatUint(uint64(r.First), 10)
	if r.Outputs > 1 {
		name += string(rune('a' + r.Index%8))
	}
	return name
}

// Name is what an output is called, by its number. Those that ended long ago are
// forgotten, and their names with them.
func (m *Moment) Name(id uint32) string {
	if q := m.Request(id); q != nil {
		return q.Name()
	}
	return "r…"
}

// Names writes the names of several outputs in little room: of what the next name
// has in common with the one before, nothing is said again.
//
//	r4a, r4b, r7  →  r4ab·7
func Names(names []string) string {
	var text strings.Builder
	before := ""
	for _, name := range names {
		request := strings.TrimRight(name, "abcdefgh")
		letter := name[len(request):]
		switch {
		case before == "":
			text.WriteString(request)
		case request != before:
			text.WriteString("·" + strings.TrimPrefix(request, "r"))
		}
		text.WriteString(letter)
		before = request
	}
	return text.String()
}

// Finished reports whether the request's answer has ended.
func (r *Request) Finished() bool { return r.State >= wire.StateStopped }

// Moment is the hall as it was after some record.
type Moment struct {
	Seq      uint64 // the last record that is in it; with the snapshot's moment, the one before its first
	At       uint64 // microseconds since the hall was set up
	Step     uint64 // the engine's latest step
	Blocks   []wire.HallBlock
	Requests []Request // by their numbers, which is the order they were added in
	Meters   wire.HallMeters
}

func (m *Moment) clone() Moment {
	c := *m
	c.Blocks = slices.Clone(m.Blocks)
	c.Requests = slices.Clone(m.Requests)
	return c
}

// Request finds an output, nil if there is none of that number.
func (m *Moment) Request(id uint32) *Request {
	i, ok := slices.BinarySearchFunc(m.Requests, id, func(r Request, id uint32) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil
	}
	return &m.Requests[i]
}

// apply brings the moment to after the record.
func (m *Moment) apply(r *wire.HallRecord) {
	m.Seq, m.At, m.Meters = r.Seq, r.At, r.Meters
	if r.Step != 0 {
		m.Step = r.Step
	}
	m.add(r.Added)
	m.change(r.Requests)
	m.set(r.Blocks)
}

func (m *Moment) add(added []wire.HallRequest) {
	for _, a := range added {
		if n := len(m.Requests); n == 0 || m.Requests[n-1].ID < a.ID {
			m.Requests = append(m.Requests, Request{HallRequest: a, HallChange: wire.HallChange{Request: a.ID, State: wire.StateWaiting, Tokens: a.Prompt}})
		}
	}
}

func (m *Moment) change(changes []wire.HallChange) {
	for _, c := range changes {
		if q := m.Request(c.Request); q != nil {
			q.HallChange = c // the table belongs to the record, which nobody changes
		}
	}
}

func (m *Moment) set(blocks []wire.HallBlock) {
	for _, b := range blocks {
		if int(b.Block) < len(m.Blocks) {
			m.Blocks[b.Block] = b
		}
	}
}

// Hall is everything that a page knows.
type Hall struct {
	hello   wire.HallHello
	readers []wire.HallReader
	state   wire.HallState
	race    wire.HallRace
	config  wire.HallConfig
	epoch   uint32
	joined  bool

	first   Moment   // before the first record
	keys    []Moment // keys[i] is after record (i+1)·keyframe
	records []wire.HallRecord
	now     Moment

	watched uint32
	pieces  [][]byte
}

// Hello is what the server said when the page joined.
func (h *Hall) Hello() *wire.HallHello { return &h.hello }

// Readers lists who has joined.
func (h *Hall) Readers() []wire.HallReader { return h.readers }

// Reader finds a reader; ok is false if nobody has the number.
func (h *Hall) Reader(id uint32) (r wire.HallReader, ok bool) {
	for _, r := range h.readers {
		if r.ID == id {
			return r, true
		}
	}
	return wire.HallReader{}, false
}

// State says how the hall is run.
func (h *Hall) State() wire.HallState { return h.state }

// Race is the latest race.
func (h *Hall) Race() *wire.HallRace { return &h.race }

// Config is how the hall's engine is set up.
func (h *Hall) Config() wire.HallConfig { return h.config }

// Joined reports whether a snapshot has come.
func (h *Hall) Joined() bool { return h.joined }

// Now is the latest moment. It must not be changed, and is another one after
// the next frame.
func (h *Hall) Now() *Moment { return &h.now }

// Records is what happened, in order, as far as it is kept. It must not be changed.
func (h *Hall) Records() []wire.HallRecord { return h.records }

// Index finds a record by its number: its place in [Hall.Records], −1 for
// the moment before the first of them.
func (h *Hall) Index(seq uint64) int {
	if len(h.records) == 0 || seq < h.records[0].Seq {
		return -1
	}
	return int(min(seq-h.records[0].Seq, uint64(len(h.records)-1)))
}

// Moment is the hall as it was after the record at a place in [Hall.Records];
// −1 gives the moment before the first, and places past the last give the last.
func (h *Hall) Moment(index int) Moment {
	if index >= len(h.records)-1 {
		return h.now.clone()
	}
	m, from := &h.first, 0
	if k := (index + 1) / keyframe; k > 0 {
		m, from = &h.keys[k-1], k*keyframe
	}
	at := m.clone()
	for ; from <= index; from++ {
		at.apply(&h.records[from])
	}
	return at
}

// Pieces is what the tokens of the watched output stand for, as far as it is known.
func (h *Hall) Pieces(request uint32) [][]byte {
	if request != h.watched {
		return nil
	}
	return h.pieces
}

// Apply takes a frame in and says what it changed. The frame is the hall's from then on.
func (h *Hall) Apply(frame wire.Frame) Change {
	switch f := frame.(type) {
	case *wire.HallHello:
		h.hello = *f
		return ChangeHello
	case *wire.HallReaders:
		h.readers = f.Readers
		return ChangeReaders
	case *wire.HallState:
		h.state = *f
		return ChangeState
	case *wire.HallRace:
		h.race = *f
		return ChangeRace
	case *wire.HallText:
		return h.text(f)
	case *wire.HallSnapshot:
		h.snapshot(f)
		return ChangeReset | ChangeRecord
	case *wire.HallRecord:
		return h.record(f)
	}
	return 0
}

func (h *Hall) snapshot(f *wire.HallSnapshot) {
	if f.Epoch != h.epoch {
		h.watched, h.pieces = 0, nil
	}
	h.epoch, h.config, h.joined = f.Epoch, f.Config, true
	h.first = Moment{Seq: f.Next - 1, Blocks: make([]wire.HallBlock, min(f.Config.Blocks, maxBlocks))}
	for i := range h.first.Blocks {
		h.first.Blocks[i] = wire.HallBlock{Block: uint32(i), Order: uint64(i) + 1}
	}
	h.first.add(f.Added)
	h.first.change(f.Requests)
	h.first.set(f.Blocks)
	h.now, h.keys, h.records = h.first.clone(), nil, nil
	for i := range f.Records {
		h.append(&f.Records[i])
	}
}

func (h *Hall) record(f *wire.HallRecord) Change {
	if !h.joined || f.Seq <= h.now.Seq && h.now.Seq != ^uint64(0) {
		return 0 // it was in the snapshot
	}
	if f.Seq != h.now.Seq+1 {
		return ChangeGap
	}
	h.append(f)
	return ChangeRecord
}

func (h *Hall) append(r *wire.HallRecord) {
	h.records = append(h.records, *r)
	h.now.apply(r)
	if len(h.records)%keyframe == 0 {
		h.keys = append(h.keys, h.now.clone())
	}
	if len(h.records) >= MaxRecords+keyframe {
		h.first, h.keys = h.keys[0], h.keys[1:]
		h.records = slices.Clone(h.records[keyframe:])
		h.forget()
	}
}

// forget drops the requests that had ended before the first moment that is kept.
func (h *Hall) forget() {
	ended := map[uint32]bool{}
	for i := range h.first.Requests {
		if q := &h.first.Requests[i]; q.Finished() {
			ended[q.ID] = true
		}
	}
	gone := func(q Request) bool { return ended[q.ID] }
	h.first.Requests = slices.DeleteFunc(h.first.Requests, gone)
	h.now.Requests = slices.DeleteFunc(h.now.Requests, gone)
	for i := range h.keys {
		h.keys[i].Requests = slices.DeleteFunc(h.keys[i].Requests, gone)
	}
}

func (h *Hall) text(f *wire.HallText) Change {
	if f.Request != h.watched || f.From == 0 {
		h.watched, h.pieces = f.Request, nil
	}
	if int(f.From) > len(h.pieces) || len(h.pieces) > maxTable {
		return 0
	}
	h.pieces = append(h.pieces[:f.From], f.Pieces...)
	return ChangeText
}

// Snapshot is everything about the hall that a page which joins has to know: the
// first moment that is kept and the records since. It shares its contents with h.
func (h *Hall) Snapshot() *wire.HallSnapshot {
	s := &wire.HallSnapshot{Epoch: h.epoch, Config: h.config, Next: h.first.Seq + 1, Blocks: h.first.Blocks, Records: h.records}
	for i := range h.first.Requests {
		r := &h.first.Requests[i]
		s.Added = append(s.Added, r.HallRequest)
		s.Requests = append(s.Requests, r.HallChange)
	}
	return s
}
