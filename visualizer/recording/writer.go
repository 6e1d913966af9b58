package recording

import (
	"encoding/binary"
	"math"
	"strconv"

	"vitrine/visualizer/wire"
)

// Writer collects the records of a recording. The zero value is ready.
type Writer struct {
	records []byte
	count   int
	last    uint32
}

// Add appends an encoded frame, which is copied. It refuses, with an [*Error],
// what is not a frame of this version of the wire and a time before that of
// the record before.
func (w *Writer) Add(at uint32, frame []byte) error {
	kind, err := wire.KindOf(frame)
	if err != nil {
		return w.fail("Frame", err.Error())
	}
	if !kind.IsFrame() {
		return w.fail("Frame", "a frame, not the command "+kind.String())
	}
	if at < w.last {
		return w.fail("At", "at least "+strconv.FormatUint(uint64(w.last), 10)+" ms, not "+strconv.FormatUint(uint64(at), 10))
	}
	if uint64(len(frame)) > math.MaxUint32 {
		return w.fail("Frame", "less than 4 GiB")
	}
	w.records = binary.LittleEndian.AppendUint32(w.records, at)
	w.records = binary.LittleEndian.AppendUint32(w.records, uint32(len(frame)))
	w.records = append(w.records, frame...)
	w.count++
	w.last = at
	return nil
}

// AddFrame is [Writer.Add] of a frame that is not encoded yet.
func (w *Writer) AddFrame(at uint32, f wire.Frame) error {
	return w.Add(at, wire.AppendFrame(nil, f))
}

func (w *Writer) fail(field, want string) error {
	return &Error{Field: "Records[" + strconv.Itoa(w.count) + "]." + field, Want: want}
}

// Len is how many records there are.
func (w *Writer) Len() int { return w.count }

// Size is the length of the records in the file, in bytes.
func (w *Writer) Size() int { return len(w.records) }

// File is the whole file with all records so far. Text of the label that is
// not UTF-8 or longer than 65,535 bytes is mended and cut.
func (w *Writer) File(label Label) []byte {
	entries := label.entries()
	b := append([]byte(magic), Version, byte(len(entries)))
	for _, e := range entries {
		for _, s := range []string{e.key, text(*e.value)} {
			b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
			b = append(b, s...)
		}
	}
	return append(b, w.records...)
}
