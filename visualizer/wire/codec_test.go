package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// TestTruncated cuts every sample at every byte: each cut is an error, for a
// message has no optional end.
func TestTruncated(t *testing.T) {
	for _, f := range sampleFrames() {
		b := AppendFrame(nil, f)
		for n := range b {
			requireError(t, b[:n], func(b []byte) error { _, err := DecodeFrame(b); return err })
		}
	}
	for _, m := range sampleCommands() {
		b := AppendCommand(nil, m)
		for n := range b {
			requireError(t, b[:n], func(b []byte) error { _, err := DecodeCommand(b); return err })
		}
	}
}

func requireError(t *testing.T, b []byte, decode func([]byte) error) {
	t.Helper()
	err := decode(b)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%x: error %v, want an *Error", b, err)
	}
	if e.Field == "" || e.Want == "" || e.Offset > len(b) {
		t.Fatalf("%x: incomplete error %+v", b, e)
	}
}

func TestDecodeErrors(t *testing.T) {
	frame := func(f Frame) []byte { return AppendFrame(nil, f) }
	command := func(m Command) []byte { return AppendCommand(nil, m) }
	// poke is b with the byte at the offset replaced; from the end if negative.
	poke := func(b []byte, at int, v byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] = v
		return b
	}
	tests := []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"empty", nil, "wire: Version at byte 0: want 2 bytes of version and kind"},
		{"version only", []byte{Version}, "wire: Version at byte 1: want 2 bytes of version and kind"},
		{"other version", []byte{1, 1}, "wire: Version at byte 0: want 3, not 1"},
		{"kind 0", []byte{Version, 0}, "wire: Kind at byte 1: want a known kind, not 0"},
		{"kind after the last frame", []byte{Version, byte(endFrames)}, "wire: Kind at byte 1: want a known kind, not 30"},
		{"kind after the last command", []byte{Version, byte(endCommands)}, "wire: Kind at byte 1: want a known kind, not 140"},
		{"the other direction", command(&Ping{}), "wire: Ping: Kind at byte 1: want a frame (server to page)"},
		{"no fields", []byte{Version, byte(KindPong)}, "wire: Pong: Number at byte 2: want 4 bytes, 0 are left"},
		{"trailing", append(frame(&Pong{}), 0), "wire: Pong: end at byte 6: want no more bytes, 1 follow"},
		{"bool", poke(frame(&Message{}), 5, 7), "wire: Message: Append at byte 5: want 0 or 1, not 7"},
		{"enum", poke(frame(&Message{}), 4, 3), "wire: Message: Role at byte 4: want 0 to 2, not 3"},
		{"flags", frame(&Tokens{Tokens: []Token{{}, {Flags: 16}}}), "wire: Tokens: Tokens[1].Flags at byte 47: want 0 to 15, not 16"},
		{"not UTF-8", poke(frame(&Message{Text: "é"}), 11, 'x'), "wire: Message: Text at byte 10: want UTF-8"},
		{"string too long", poke(frame(&Problem{Code: "x"}), 6, 99),
			"wire: Problem: Code at byte 10: want 99 elements of at least 1 byte, 9 are left"},
		{"huge count", poke(frame(&Tokens{}), 13, 0xFF),
			"wire: Tokens: Tokens at byte 14: want 4278190080 elements of at least 29 bytes, 0 are left"},
		{"nested", frame(&State{State: StateIdle, Params: Params{Order: 3}}),
			"wire: State: Params.Order at byte 53: want 0 to 2, not 3"},
		{"attention values", frame(&AttentionRows{From: 3, Rows: 1, Layers: 2, Heads: 2, Values: make([]uint8, 15)}),
			"wire: AttentionRows: Values at byte 35: want 16 values (the keys of all rows, layers and heads), not 15"},
		{"attention over 64 bits", frame(&AttentionRows{From: math.MaxUint32, Rows: math.MaxUint16, Layers: math.MaxUint16, Heads: math.MaxUint16}),
			"wire: AttentionRows: Values at byte 20: want over 2⁶⁴ values (the keys of all rows, layers and heads), not 0"},
		{"logits", frame(&Logits{Vocab: 3, Values: []float32{1}}), "wire: Logits: Values at byte 30: want 3 values (Vocab, as there are no IDs), not 1"},
		{"cut logits", frame(&Logits{Vocab: 3, IDs: []int32{1, 2}, Values: []float32{1}}),
			"wire: Logits: Values at byte 38: want 2 values (one an ID), not 1"},
		{"block", frame(&Blocks{Total: 4, Changes: []BlockChange{{Block: 3}, {Block: 4}}}),
			"wire: Blocks: Changes[1].Block at byte 61: want less than Total 4, not 4"},
		{"word", frame(&Merges{Text: "ab", Words: []Word{{Start: 1, End: 3}}}),
			"wire: Merges: Words[0].End at byte 45: want a byte range within Text (2 bytes), not 1 to 3"},
		{"merge", frame(&Merges{Words: []Word{{Merges: []Merge{{Left: 1, Symbols: [][]byte{{'a'}}}}}}}),
			"wire: Merges: Words[0].Merges[0].Left at byte 53: want an index of Symbols (1), not 1"},
		{"projection", frame(&Projection{Count: 1, Layers: 0, Explained: []float32{1}, XY: []float32{1}, Norms: []float32{1}}),
			"wire: Projection: XY at byte 40: want 2 values ((Layers + 1) · Count · 2), not 1"},
		{"norms", frame(&Projection{Count: 1, Layers: 0, Explained: []float32{1}, XY: []float32{1, 2}}),
			"wire: Projection: Norms at byte 40: want 1 values ((Layers + 1) · Count), not 0"},
		{"head", frame(&HeadMatrix{Count: math.MaxUint32}),
			"wire: HeadMatrix: Values at byte 22: want 9223372034707292160 values (Count · (Count + 1) / 2), not 0"},
		{"masked cell", frame(&Cell{Position: 3, Key: 4}), "wire: Cell: Key at byte 56: want at most Position 3, not 4: later keys are masked"},
		{"stage", frame(&Flow{Stages: []Stage{{Shape: []uint32{2, 1}, Values: []float32{1, 2, 3}}}}),
			"wire: Flow: Stages[0].Values at byte 64: want at most 2 values (the product of Shape), not 3"},
		{"heat", frame(&BlockHeat{Filled: 2, Dim: 1, K: []float32{1, 2}, V: []float32{1}}),
			"wire: BlockHeat: V at byte 38: want 2 values (Filled · Dim), not 1"},
		{"pieces", frame(&Pieces{IDs: []int32{1}, Bytes: [][]byte{{'a'}}}), "wire: Pieces: Special at byte 27: want 1 values (one an ID), not 0"},
		{"time of a layer outside", frame(&Timing{Outer: []OperationTime{{Op: OperationQKV}}}),
			"wire: Timing: Outer at byte 47: want operations outside the layers only, not 2"},
		{"time of an operation outside in a layer", frame(&Timing{Inner: []Operation{OperationUnembed}}),
			"wire: Timing: Inner at byte 43: want operations of a layer only, not 17"},
		{"unknown operation", frame(&Timing{Inner: []Operation{OperationQKV, NumOperations}}), "wire: Timing: Inner[1] at byte 39: want 0 to 21, not 22"},
		{"times", frame(&Timing{Layers: 2, Inner: []Operation{OperationQKV, OperationDown}, Micros: []float32{1, 2, 3}}),
			"wire: Timing: Micros at byte 56: want 4 values (Layers · operations of Inner), not 3"},
		{"lens", poke(frame(&Lens{Layers: [][]Candidate{{}, {{}}}}), 22, 9),
			"wire: Lens: Layers[1] at byte 26: want 9 elements of at least 16 bytes, 16 are left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := DecodeFrame(tt.bytes)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v\nwant  %v", err, tt.want)
			}
			if f != nil {
				t.Errorf("a frame beside the error: %+v", f)
			}
		})
	}
	commands := []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"the other direction", frame(&Pong{}), "wire: Pong: Kind at byte 1: want a command (page to server)"},
		{"op", poke(command(&Control{}), 2, 200), "wire: Control: Op at byte 2: want 0 to 7, not 200"},
		{"views", command(&Subscribe{Views: 16}), "wire: Subscribe: Views at byte 2: want bits of 15 only, not 16"},
		{"what", poke(command(&Query{}), 6, 13), "wire: Query: What at byte 6: want 0 to 12, not 13"},
		{"stop", poke(command(&SetParams{Params: Params{Stop: []string{"é"}}}), 57, 0xFF),
			"wire: SetParams: Params.Stop[0] at byte 57: want UTF-8"},
	}
	for _, tt := range commands {
		t.Run(tt.name, func(t *testing.T) {
			m, err := DecodeCommand(tt.bytes)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v\nwant  %v", err, tt.want)
			}
			if m != nil {
				t.Errorf("a command beside the error: %+v", m)
			}
		})
	}
}

func TestKindNames(t *testing.T) {
	for k := range 256 {
		k := Kind(k)
		known := k.IsFrame() || k.IsCommand() || k.isHall()
		if known == strings.HasPrefix(k.String(), "Kind(") {
			t.Errorf("kind %d is called %v", uint8(k), k)
		}
		if known != (newFrame(k) != nil || newCommand(k) != nil || newHallFrame(k) != nil || newHallCommand(k) != nil) {
			t.Errorf("kind %v has no type, or an unknown one has", k)
		}
		if f := newFrame(k); f != nil && (f.Kind() != k || reflect.TypeOf(f).Elem().Name() != k.String()) {
			t.Errorf("kind %v makes a %T", k, f)
		}
		if m := newCommand(k); m != nil && (m.Kind() != k || reflect.TypeOf(m).Elem().Name() != k.String()) {
			t.Errorf("kind %v makes a %T", k, m)
		}
	}
}

func TestNaNSurvives(t *testing.T) {
	payload := math.Float32frombits(0x7FC12345)
	f, err := DecodeFrame(AppendFrame(nil, &Tokens{Tokens: []Token{{LogProb: payload, Draw: float32(math.Inf(-1))}}}))
	if err != nil {
		t.Fatal(err)
	}
	got := f.(*Tokens).Tokens[0]
	if math.Float32bits(got.LogProb) != 0x7FC12345 || !math.IsInf(float64(got.Draw), -1) {
		t.Errorf("got %x and %v", math.Float32bits(got.LogProb), got.Draw)
	}
}

func TestInvalidUTF8IsReplacedWhenWritten(t *testing.T) {
	f, err := DecodeFrame(AppendFrame(nil, &Problem{Detail: "name \xff\xfe.gguf"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.(*Problem).Detail; got != "name \uFFFD.gguf" {
		t.Errorf("got %q", got)
	}
}

// TestAliasing holds what the package says of whose memory a frame uses, and
// that appending to an aliasing slice does not write into its neighbour.
func TestAliasing(t *testing.T) {
	b := AppendFrame(nil, &Tokens{Tokens: []Token{{Bytes: []byte("ab")}, {ID: 7}}})
	f, err := DecodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	tokens := f.(*Tokens).Tokens
	_ = append(tokens[0].Bytes, "xxxxxxxx"...)
	b[bytes.IndexByte(b, 'a')] = 'z'
	if string(tokens[0].Bytes) != "zb" {
		t.Errorf("Bytes is %q, want it to alias the input", tokens[0].Bytes)
	}
	if again, err := DecodeFrame(b); err != nil || again.(*Tokens).Tokens[1].ID != 7 {
		t.Errorf("appending to one token's bytes changed the next: %+v, %v", again, err)
	}

	b = AppendFrame(nil, &Logits{Vocab: 1, Values: []float32{1}})
	f, err = DecodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if f.(*Logits).Values[0] != 1 {
		t.Error("Logits changed with the input")
	}
}

// TestAllocation feeds the shapes in which a byte of input buys the most
// memory, each well-formed, and holds the promise of eight times the input.
func TestAllocation(t *testing.T) {
	const n = 1 << 18
	empty := make([]byte, 4*n)                // n empty strings or slices
	header := func(k Kind, skip int) []byte { // a message whose last field is a list of n
		b := make([]byte, 2+skip, 2+skip+4+len(empty))
		b[0], b[1] = Version, byte(k)
		return binary.LittleEndian.AppendUint32(b, n)
	}
	inputs := map[string][]byte{
		"Lens of empty layers":     append(header(KindLens, 12), empty...),
		"Lens of single tokens":    AppendFrame(nil, &Lens{Layers: slicesOf(n/4, []Candidate{{}})}),
		"Merges of empty words":    AppendFrame(nil, &Merges{Words: make([]Word, n/8)}),
		"Merges of single symbols": AppendFrame(nil, &Merges{Words: slicesOf(n/16, Word{Merges: []Merge{{Symbols: [][]byte{nil}}}})}),
		"Flow of empty stages":     AppendFrame(nil, &Flow{Stages: make([]Stage, n/8)}),
		"Tokens without bytes":     AppendFrame(nil, &Tokens{Tokens: make([]Token, n/8)}),
		"a count that lies":        append(header(KindLens, 12), empty[:2*n]...),
	}
	for name, b := range inputs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := DecodeFrame(b)
		runtime.ReadMemStats(&after)
		if lies := name == "a count that lies"; lies != (err != nil) {
			t.Errorf("%s: error %v", name, err)
		}
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(8*len(b)+4096); got > most {
			t.Errorf("%s: %d bytes allocated for %d of input, at most %d are allowed", name, got, len(b), most)
		}
		runtime.KeepAlive(f)
	}
}

func slicesOf[T any](n int, v T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// TestAppendGrowsOnly: what is in dst stays, and a dst with room is not left.
func TestAppendGrowsOnly(t *testing.T) {
	dst := append(make([]byte, 0, 64), "head"...)
	out := AppendFrame(dst, &Pong{Number: 0x01020304})
	if string(out[:4]) != "head" || &out[0] != &dst[0] {
		t.Errorf("got %x", out)
	}
	if want := []byte{Version, byte(KindPong), 4, 3, 2, 1}; !bytes.Equal(out[4:], want) {
		t.Errorf("got %x, want %x", out[4:], want)
	}
}

// FuzzDecodeFrame and FuzzDecodeCommand: any bytes give a message or an
// *Error, and a message encodes to the very bytes it came from.
func FuzzDecodeFrame(f *testing.F) {
	for _, s := range sampleFrames() {
		f.Add(AppendFrame(nil, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeFrame(b)
		if err != nil {
			requireError(t, b, func([]byte) error { return err })
			return
		}
		if back := AppendFrame(nil, m); !bytes.Equal(back, b) {
			t.Fatalf("%x\ndecodes to %+v\nand encodes to %x", b, m, back)
		}
		if k, err := KindOf(b); err != nil || k != m.Kind() {
			t.Fatalf("KindOf is %v, %v of a %v", k, err, m.Kind())
		}
	})
}

func FuzzDecodeCommand(f *testing.F) {
	for _, s := range sampleCommands() {
		f.Add(AppendCommand(nil, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeCommand(b)
		if err != nil {
			requireError(t, b, func([]byte) error { return err })
			return
		}
		if back := AppendCommand(nil, m); !bytes.Equal(back, b) {
			t.Fatalf("%x\ndecodes to %+v\nand encodes to %x", b, m, back)
		}
	})
}

// BenchmarkDecodeLogits is the bulk of the traffic: 192 KiB of float32 a token.
func BenchmarkDecodeLogits(b *testing.B) {
	const vocab = 49152
	frame := AppendFrame(nil, &Logits{Vocab: vocab, Values: make([]float32, vocab)})
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := DecodeFrame(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendLogits(b *testing.B) {
	const vocab = 49152
	f := &Logits{Vocab: vocab, Values: make([]float32, vocab)}
	var frame []byte
	for b.Loop() {
		frame = AppendFrame(frame[:0], f)
	}
	b.SetBytes(int64(len(frame)))
}
