package wire

import (
	"bytes"
	"reflect"
	"testing"
)

func sampleHallConfig() HallConfig {
	return HallConfig{Blocks: 64, BlockSize: 16, BatchTokens: 256, Sequences: 32, PrefixCaching: true, Policy: HallStatic, Memory: HallContiguous, Drafts: 4}
}

func sampleHallRecord() HallRecord {
	return HallRecord{
		Seq: 1 << 40, Step: 77, At: 123456, Micros: 31000,
		Parts:    []HallPart{{Request: 3, Phase: HallDecode, First: 40, Count: 4, Drafted: 3, Drawn: 2}, {Request: 4, Phase: HallRecompute, Count: 64}},
		Added:    []HallRequest{{ID: 4, First: 3, Index: 1, Outputs: 2, Reader: 2, Sort: HallShared, Prompt: 120, MaxTokens: 48, Title: "为什么天是蓝的？"}},
		Requests: []HallChange{{Request: 3, State: StateRunning, Tokens: 42, Computed: 41, Cached: 32, Preempted: 1, FirstMs: 120.5, Table: []uint32{7, 9, 1}}},
		Blocks:   []HallBlock{{Block: 9, Refs: 2, Owner: 3, Index: 1, Filled: 16, Hashed: true}, {Block: 4, Order: 99}},
		Events:   []HallEvent{{Kind: HallHit, Request: 4, Count: 2}, {Kind: HallCopied, Request: 3, Block: 9, Other: 7}, {Kind: HallForked, Request: 4, Other: 3, Count: 2}},
		Meters: HallMeters{Rate: 88.5, FirstMs: 140, BetweenMs: 30.5, Held: 12, Cached: 3, Slots: 192, Filled: 180, Lookups: 400, Hits: 256, Running: 6,
			Waiting: 2, Batch: 70, Drawn: 900, Preempted: 4, Evicted: 8, Copied: 3, Proposed: 40, Drafted: 150, Accepted: 70, Finished: 5, PeakAtOnce: 9},
	}
}

// sampleHallFrames is one frame of every kind of the hall, each field set.
func sampleHallFrames() []Frame {
	r := sampleHallRecord()
	return []Frame{
		&HallHello{Version: "0.2.0", You: 2, Secret: "h-91", Phase: PhaseReady, Model: sampleFrames()[0].(*Hello).Model},
		&HallReaders{Readers: []HallReader{{ID: 2, Name: "小明", Here: true}, {ID: 3}}},
		&HallSnapshot{Epoch: 3, Config: sampleHallConfig(), Next: 12, Added: r.Added, Requests: r.Requests, Blocks: r.Blocks, Records: []HallRecord{r}},
		&r,
		&HallText{Request: 4, From: 120, Pieces: [][]byte{[]byte(" The"), {0xE5, 0xA4}, {0xA9}}},
		&HallState{Paused: true, By: 7, Arriving: true, Rate: 1.5, Sort: HallMixed, Outputs: 2},
		&HallRace{Race: HallRaceKV, Running: true, Requests: 16, Disturbed: true, Same: true, Problem: "no room", Runs: []HallRun{{
			Config: sampleHallConfig(), Done: true, Micros: 1 << 33, Drawn: 640, Computed: 9000, Finished: 16, AtOnce: 9.5, Peak: 14, Waste: 0.03,
			FirstMs: 200, BetweenMs: 40, Preempted: 2, Hits: 300, Lookups: 1200, Steps: 70, Drafted: 150, Accepted: 60, Curve: []HallPoint{{X: 1, Y: 2}},
		}}},
	}
}

// sampleHallCommands is one command of every kind of the hall, each field set.
func sampleHallCommands() []Command {
	return []Command{
		&HallJoin{Secret: "h-91", Name: "小明", Locale: "zh", Known: true},
		&HallAdd{Count: 32, Sort: HallOwn, Text: "Why is the sky blue?", MaxTokens: 64, Outputs: 4},
		&HallArrivals{On: true, Rate: 0.5, Sort: HallLong, Outputs: 2},
		&HallCancel{Request: 7},
		&HallControl{Op: HallStep},
		&HallConfigure{Config: sampleHallConfig()},
		&HallWatch{Request: 7},
		&HallStartRace{Race: HallRaceBatch},
	}
}

// Every kind of the hall is held to its bytes, as the chat's kinds are.
func TestGoldenHall(t *testing.T) {
	frames, commands := sampleHallFrames(), sampleHallCommands()
	if len(frames) != len(hallFrameNames) || len(commands) != len(hallCommandNames) {
		t.Fatalf("%d and %d samples for %d and %d kinds", len(frames), len(commands), len(hallFrameNames), len(hallCommandNames))
	}
	for i, f := range frames {
		if f.Kind() != KindHallHello+Kind(i) {
			t.Fatalf("sample %d is of kind %v", i, f.Kind())
		}
		want := golden(t, f.Kind(), AppendFrame(nil, f))
		if back, err := DecodeHallFrame(want); err != nil || !reflect.DeepEqual(back, f) {
			t.Errorf("decoded\n%+v, %v, want\n%+v", back, err, f)
		}
		requireSet(t, f.Kind().String(), reflect.ValueOf(f).Elem())
	}
	for i, m := range commands {
		if m.Kind() != KindHallJoin+Kind(i) {
			t.Fatalf("sample %d is of kind %v", i, m.Kind())
		}
		want := golden(t, m.Kind(), AppendCommand(nil, m))
		if back, err := DecodeHallCommand(want); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("decoded\n%+v, %v, want\n%+v", back, err, m)
		}
		requireSet(t, m.Kind().String(), reflect.ValueOf(m).Elem())
	}
}

// The chat's socket refuses what is the hall's, and the other way round.
func TestHallIsApart(t *testing.T) {
	for _, f := range sampleHallFrames() {
		if got, err := DecodeFrame(AppendFrame(nil, f)); err == nil {
			t.Errorf("the chat reads %T", got)
		}
	}
	for _, m := range sampleHallCommands() {
		if got, err := DecodeCommand(AppendCommand(nil, m)); err == nil {
			t.Errorf("the chat takes %T", got)
		}
		if got, err := DecodeHallFrame(AppendCommand(nil, m)); err == nil {
			t.Errorf("%T is read as a frame", got)
		}
	}
	for _, m := range sampleCommands() {
		_, err := DecodeHallCommand(AppendCommand(nil, m))
		if taken := m.Kind() == KindQuery || m.Kind() == KindPing || m.Kind() == KindPace; taken != (err == nil) {
			t.Errorf("%T in the hall: %v", m, err)
		}
	}
	for _, f := range sampleFrames() {
		_, err := DecodeHallFrame(AppendFrame(nil, f))
		if taken := f.Kind() == KindProblem || f.Kind() == KindSource || f.Kind() == KindPong || f.Kind() == KindBundle; taken != (err == nil) {
			t.Errorf("%T in the hall: %v", f, err)
		}
	}
}

func TestHallRejects(t *testing.T) {
	b := AppendCommand(nil, &HallControl{})
	b[2] = 9
	if _, err := DecodeHallCommand(b); err == nil || err.Error() != "wire: HallControl: Op at byte 2: want 0 to 2, not 9" {
		t.Errorf("an unknown operation: %v", err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "another version": {1, byte(KindHallHello)}, "too long": append(AppendFrame(nil, &HallState{}), 0)} {
		if f, err := DecodeHallFrame(b); err == nil {
			t.Errorf("%s gives %+v", name, f)
		}
	}
}

// FuzzDecodeHallFrame and FuzzDecodeHallCommand: as [FuzzDecodeFrame].
func FuzzDecodeHallFrame(f *testing.F) {
	for _, s := range sampleHallFrames() {
		f.Add(AppendFrame(nil, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeHallFrame(b)
		if err != nil {
			requireError(t, b, func([]byte) error { return err })
			return
		}
		if back := AppendFrame(nil, m); !bytes.Equal(back, b) {
			t.Fatalf("%x\ndecodes to %+v\nand encodes to %x", b, m, back)
		}
	})
}

func FuzzDecodeHallCommand(f *testing.F) {
	for _, s := range sampleHallCommands() {
		f.Add(AppendCommand(nil, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeHallCommand(b)
		if err != nil {
			requireError(t, b, func([]byte) error { return err })
			return
		}
		if back := AppendCommand(nil, m); !bytes.Equal(back, b) {
			t.Fatalf("%x\ndecodes to %+v\nand encodes to %x", b, m, back)
		}
	})
}
