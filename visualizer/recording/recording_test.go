package recording

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

var update = flag.Bool("update", false, "write the golden file anew; a changed file needs a new Version")

// sample is a short session: a model, a prompt, one drawn token and its logits.
func sample(t testing.TB) (Label, *Writer) {
	t.Helper()
	w := new(Writer)
	for _, f := range []struct {
		at    uint32
		frame wire.Frame
	}{
		{0, &wire.Hello{Session: "s", Phase: wire.PhaseReady, Model: wire.Model{Name: "m", Vocab: 2}}},
		{5, &wire.Tokens{Tokens: []wire.Token{{ID: 1, Bytes: []byte("Hi")}}}},
		{5, &wire.Logits{Position: 1, Vocab: 2, Values: []float32{0.5, 2}}},
		{40, &wire.Tokens{From: 1, Tokens: []wire.Token{{ID: 0, Flags: wire.FlagDrawn, Bytes: []byte("!")}}}},
	} {
		if err := w.AddFrame(f.at, f.frame); err != nil {
			t.Fatal(err)
		}
	}
	return Label{Title: "Hi 你好", Model: "m", Date: "2026-08-28", Note: "nothing cut"}, w
}

// TestGolden holds the format to a file.
func TestGolden(t *testing.T) {
	const name = "testdata/sample.hex"
	label, w := sample(t)
	have := w.File(label)
	if *update {
		var s strings.Builder
		for b := have; len(b) > 0; {
			n := min(32, len(b))
			s.WriteString(hex.EncodeToString(b[:n]) + "\n")
			b = b[n:]
		}
		if err := os.WriteFile(name, []byte(s.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Fatalf("the file is\n%x\nwant\n%x", have, want)
	}
}

// TestReplay: what was recorded, played into a session, is there again.
func TestReplay(t *testing.T) {
	label, w := sample(t)
	gotLabel, records, err := Read(w.File(label))
	if err != nil {
		t.Fatal(err)
	}
	if gotLabel != label {
		t.Errorf("label is %+v, want %+v", gotLabel, label)
	}
	if len(records) != w.Len() {
		t.Errorf("%d records, want %d", len(records), w.Len())
	}
	s := session.NewRecorded()
	for _, r := range records {
		f, err := wire.DecodeFrame(r.Frame)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(f)
	}
	if got := s.TextUpTo(2); got != "Hi!" {
		t.Errorf("text is %q", got)
	}
	if l, ok := s.Logits(1); !ok || l.Values[1] != 2 {
		t.Errorf("logits are %v, %v", l, ok)
	}
	if _, ok := s.Want(wire.Query{What: wire.QueryLogits, Position: 2}); ok {
		t.Error("a recording is asked")
	}
}

// TestCutOff: a file cut anywhere in its records gives the whole records before.
func TestCutOff(t *testing.T) {
	label, w := sample(t)
	file := w.File(label)
	begin := len(file) - w.Size()
	for n := range file {
		_, records, err := Read(file[:n])
		if n < begin {
			if err == nil {
				t.Fatalf("a file cut at %d of %d bytes of label is accepted", n, begin)
			}
			continue
		}
		whole, whatIsLeft := 0, file[begin:n]
		for len(whatIsLeft) >= recordHeader {
			size := recordHeader + int(binary.LittleEndian.Uint32(whatIsLeft[4:]))
			if size > len(whatIsLeft) {
				break
			}
			whole++
			whatIsLeft = whatIsLeft[size:]
		}
		if len(records) != whole || (err == nil) != (len(whatIsLeft) == 0) {
			t.Fatalf("cut at %d: %d records and %v, want %d", n, len(records), err, whole)
		}
	}
}

func TestReadErrors(t *testing.T) {
	record := func(at uint32, frame []byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, at)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
		return append(b, frame...)
	}
	empty := []byte("VTRN\x01\x00")
	pong := wire.AppendFrame(nil, &wire.Pong{})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name    string
		file    []byte
		records int
		want    string
	}{
		{"empty", nil, 0, `recording: magic at byte 0: want "VTRN", the beginning of a recording`},
		{"something else", []byte("GGUF\x03\x00\x00\x00"), 0, `recording: magic at byte 0: want "VTRN", the beginning of a recording`},
		{"a later version", []byte("VTRN\x02\x00"), 0, "recording: Version at byte 4: want 1, not 2"},
		{"no label", []byte("VTRN\x01\x01"), 0, "recording: Label at byte 6: want 2 bytes of length, 0 are left"},
		{"key too long", []byte("VTRN\x01\x01\xff\xffti"), 0, "recording: Label at byte 6: want 65535 bytes of text, 2 are left"},
		{"value too long", []byte("VTRN\x01\x01\x05\x00title\x02\x00x"), 0, "recording: Label.title at byte 13: want 2 bytes of text, 1 are left"},
		{"not UTF-8", []byte("VTRN\x01\x01\x05\x00title\x01\x00\xff"), 0, "recording: Label.title at byte 13: want UTF-8"},
		{"short record", join(empty, record(1, pong), []byte{1, 2, 3}), 1, "recording: Records[1] at byte 20: want 8 bytes of time and length, 3 are left"},
		{"huge record", join(empty, []byte{0, 0, 0, 0, 255, 255, 255, 255, 1}), 0, "recording: Records[0].Frame at byte 6: want 4294967295 bytes, 1 are left"},
		{"back in time", join(empty, record(9, pong), record(8, pong)), 1, "recording: Records[1].At at byte 20: want at least 9 ms, not 8"},
		{"no frame", join(empty, record(9, []byte{9, 9})), 0, "recording: Records[0].Frame.Version at byte 6: want 3, not 9"},
		{"a command", join(empty, record(9, wire.AppendCommand(nil, &wire.Ping{}))), 0, "recording: Records[0].Frame at byte 6: want a frame, not the command Ping"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, records, err := Read(tt.file)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v\nwant  %v", err, tt.want)
			}
			if len(records) != tt.records {
				t.Errorf("%d records, want %d", len(records), tt.records)
			}
		})
	}
}

func TestWriterRefuses(t *testing.T) {
	_, w := sample(t)
	size := w.Size()
	for _, tt := range []struct {
		at    uint32
		frame []byte
		want  string
	}{
		{50, nil, "recording: Records[4].Frame at byte 0: want wire: Version at byte 0: want 2 bytes of version and kind"},
		{50, wire.AppendCommand(nil, &wire.Ping{}), "recording: Records[4].Frame at byte 0: want a frame, not the command Ping"},
		{39, wire.AppendFrame(nil, &wire.Pong{}), "recording: Records[4].At at byte 0: want at least 40 ms, not 39"},
	} {
		var e *Error
		if err := w.Add(tt.at, tt.frame); !errors.As(err, &e) || err.Error() != tt.want {
			t.Errorf("error %v\nwant  %v", err, tt.want)
		}
	}
	if w.Len() != 4 || w.Size() != size {
		t.Error("a refused frame was written")
	}
}

// TestLabelText: any text goes into a label; what the file cannot hold is mended.
func TestLabelText(t *testing.T) {
	long := strings.Repeat("é", 40000) // 80,000 bytes; 65,535 is inside a character
	got, _, err := Read(new(Writer).File(Label{Title: long, Note: "a\xffb"}))
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != long[:65534] || got.Note != "a\uFFFDb" {
		t.Errorf("title of %d bytes, note %q", len(got.Title), got.Note)
	}
}

func TestUnknownKeysArePassedOver(t *testing.T) {
	file := []byte("VTRN\x01\x03\x06\x00colour\x03\x00red\x05\x00title\x01\x00a\x05\x00title\x01\x00b")
	label, records, err := Read(file)
	if err != nil || len(records) != 0 || label != (Label{Title: "a"}) {
		t.Errorf("label %+v, %d records, error %v", label, len(records), err)
	}
}

func TestPlayer(t *testing.T) {
	label, w := sample(t)
	_, records, err := Read(w.File(label))
	if err != nil {
		t.Fatal(err)
	}
	p := NewPlayer(records)
	played := 0
	advance := func(elapsed float64, want int, at float64) {
		t.Helper()
		got := p.Advance(elapsed)
		if len(got) != want || p.At() != at {
			t.Errorf("after %v ms: %d records, at %v; want %d, at %v", elapsed, len(got), p.At(), want, at)
		}
		for i, r := range got {
			if !reflect.DeepEqual(r, records[played+i]) {
				t.Errorf("record %d is not the next", i)
			}
		}
		played += len(got)
	}
	wait := func(want float64, wantOK bool) {
		t.Helper()
		if got, ok := p.Wait(); got != want || ok != wantOK {
			t.Errorf("waits %v, %v; want %v, %v", got, ok, want, wantOK)
		}
	}
	wait(0, true)
	advance(4, 1, 4)
	wait(1, true)
	advance(0, 0, 4)
	advance(-3, 0, 4)
	advance(math.NaN(), 0, 4)
	p.SetSpeed(2)
	wait(0.5, true)
	advance(0.5, 2, 5)
	wait(17.5, true)
	p.SetSpeed(math.NaN())
	wait(0, false)
	advance(1000, 0, 5)
	p.SetSpeed(0.5)
	advance(69, 0, 39.5)
	advance(1e9, 1, 40)
	if !p.Done() || p.Length() != 40 {
		t.Errorf("done: %v, length %v", p.Done(), p.Length())
	}
	wait(0, false)
	advance(1e9, 0, 40)
	p.Restart()
	played = 0
	advance(0.5, 1, 0.25)
	if p.Speed() != 0.5 {
		t.Errorf("speed is %v", p.Speed())
	}
	empty := NewPlayer(nil)
	if !empty.Done() || len(empty.Advance(5)) != 0 || len(empty.Step()) != 0 || empty.Length() != 0 {
		t.Error("an empty recording plays something")
	}
}

// TestStep: a step plays a token and what came with it, before or after.
func TestStep(t *testing.T) {
	label, w := sample(t)
	_, records, err := Read(w.File(label))
	if err != nil {
		t.Fatal(err)
	}
	p := NewPlayer(records)
	for i, want := range []struct {
		records int
		at      float64
	}{{3, 5}, {1, 40}, {0, 40}} {
		if got := p.Step(); len(got) != want.records || p.At() != want.at {
			t.Errorf("step %d: %d records, at %v; want %+v", i, len(got), p.At(), want)
		}
	}
	p.Restart()
	p.Advance(4.5)
	if got := p.Step(); len(got) != 2 || p.At() != 5 {
		t.Errorf("a step after %v ms: %d records", p.At(), len(got))
	}
}

// FuzzRead: any bytes give records or an *Error, and what was read, written
// anew, reads the same.
func FuzzRead(f *testing.F) {
	label, w := sample(f)
	f.Add(w.File(label))
	f.Add(new(Writer).File(Label{}))
	f.Add([]byte("VTRN\x01\x01\x05\x00title\x01\x00a\x00\x00\x00\x00\x06\x00\x00\x00\x01\x17\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		label, records, err := Read(file)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Field == "" || e.Want == "" || e.Offset > len(file)) {
			t.Fatalf("error %#v", err)
		}
		var w Writer
		for _, r := range records {
			if err := w.Add(r.At, r.Frame); err != nil {
				t.Fatalf("a record that was read is refused: %v", err)
			}
		}
		label2, records2, err := Read(w.File(label))
		if err != nil || label2 != label || !reflect.DeepEqual(records2, records) {
			t.Fatalf("read again: %+v, %v, %v; want %+v, %v", label2, records2, err, label, records)
		}
	})
}
