package recording

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"vitrine/visualizer/wire"
)

// Reader reads a recording record by record:
//
//	r, err := recording.NewReader(file)
//	for r.Next() {
//		use(r.Record())
//	}
//	err = r.Err()
//
// It accepts any bytes, does not panic, and allocates nothing for a record.
type Reader struct {
	label  Label
	buf    []byte
	off    int
	count  int
	record Record
	err    error
}

// NewReader reads a recording's beginning and its label. The error is an [*Error].
func NewReader(file []byte) (*Reader, error) {
	r := &Reader{buf: file}
	if len(file) < len(magic)+2 || string(file[:len(magic)]) != magic {
		return nil, r.fail("magic", `"VTRN", the beginning of a recording`)
	}
	r.off = len(magic)
	if v := file[r.off]; v != Version {
		return nil, r.fail("Version", strconv.Itoa(Version)+", not "+strconv.Itoa(int(v)))
	}
	entries := int(file[r.off+1])
	r.off += 2
	for range entries {
		if err := r.readEntry(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// readEntry reads one entry of the label; of two with the same key the first counts.
func (r *Reader) readEntry() error {
	key, err := r.readText("Label")
	if err != nil {
		return err
	}
	value, err := r.readText("Label." + key)
	if err != nil {
		return err
	}
	for _, e := range r.label.entries() {
		if e.key == key && *e.value == "" {
			*e.value = value
		}
	}
	return nil
}

func (r *Reader) readText(field string) (string, error) {
	left := r.buf[r.off:]
	if len(left) < 2 {
		return "", r.fail(field, "2 bytes of length, "+strconv.Itoa(len(left))+" are left")
	}
	n := int(binary.LittleEndian.Uint16(left))
	if left = left[2:]; n > len(left) {
		return "", r.fail(field, strconv.Itoa(n)+" bytes of text, "+strconv.Itoa(len(left))+" are left")
	}
	if !utf8.Valid(left[:n]) {
		return "", r.fail(field, "UTF-8")
	}
	r.off += 2 + n
	return string(left[:n]), nil
}

// Label is what the recording says of itself.
func (r *Reader) Label() Label { return r.label }

// Next reads the next record; it is false at the end and where something is
// wrong, see [Reader.Err].
func (r *Reader) Next() bool {
	left := r.buf[r.off:]
	if r.err != nil || len(left) == 0 {
		return false
	}
	if len(left) < recordHeader {
		return r.stop("", strconv.Itoa(recordHeader)+" bytes of time and length, "+strconv.Itoa(len(left))+" are left")
	}
	at, n := binary.LittleEndian.Uint32(left), binary.LittleEndian.Uint32(left[4:])
	if at < r.record.At {
		return r.stop(".At", "at least "+strconv.FormatUint(uint64(r.record.At), 10)+" ms, not "+strconv.FormatUint(uint64(at), 10))
	}
	left = left[recordHeader:]
	if uint64(n) > uint64(len(left)) {
		return r.stop(".Frame", strconv.FormatUint(uint64(n), 10)+" bytes, "+strconv.Itoa(len(left))+" are left")
	}
	frame := left[:n:n]
	kind, err := wire.KindOf(frame)
	if err != nil {
		if len(frame) > 0 && frame[0] != wire.Version {
			return r.stop(".Frame.Version", strconv.Itoa(wire.Version)+", not "+strconv.Itoa(int(frame[0])))
		}
		return r.stop(".Frame", "a frame: "+err.Error())
	}
	if !kind.IsFrame() {
		return r.stop(".Frame", "a frame, not the command "+kind.String())
	}
	r.record = Record{At: at, Frame: frame}
	r.off += recordHeader + int(n)
	r.count++
	return true
}

// Record is the record that the last Next read. Its frame aliases the file and
// is not decoded yet; only its version and kind are known to be right.
func (r *Reader) Record() Record { return r.record }

// Err says what stopped the reading: nil at the end of the file, else an [*Error].
func (r *Reader) Err() error { return r.err }

// stop ends the reading with an error about the next record.
func (r *Reader) stop(field, want string) bool {
	r.err = r.fail("Records["+strconv.Itoa(r.count)+"]"+field, want)
	return false
}

func (r *Reader) fail(field, want string) error {
	return &Error{Field: field, Offset: r.off, Want: want}
}

// Read reads a whole recording. If it is damaged after some whole records,
// those are returned beside the error, an [*Error]. The frames alias the file.
func Read(file []byte) (Label, []Record, error) {
	r, err := NewReader(file)
	if err != nil {
		return Label{}, nil, err
	}
	var records []Record
	for r.Next() {
		records = append(records, r.Record())
	}
	return r.Label(), records, r.Err()
}
