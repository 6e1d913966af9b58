package recording

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Version is the version of the file format.
const Version = 1

const magic = "VTRN"

// recordHeader is the length of a record's time and length.
const recordHeader = 8

// maxText is the longest key or value of a label in bytes.
const maxText = math.MaxUint16

// Label says what a recording is. All of it is text for people.
type Label struct {
	Title string // what is seen, "What is gravity?"
	Model string // the model that spoke, "SmolLM2-135M-Instruct · Q4_1"
	Date  string // when it was made
	Note  string // what was left out, "logits cut to the 256 largest"
}

// entries are the label's keys and the places of their values, in the order of
// the file.
func (l *Label) entries() []entry {
	return []entry{{"title", &l.Title}, {"model", &l.Model}, {"date", &l.Date}, {"note", &l.Note}}
}

type entry struct {
	key   string
	value *string
}

// Record is one frame of a session.
type Record struct {
	At    uint32 // milliseconds since the recording began
	Frame []byte // an encoded frame, see package wire
}

// Error says why bytes are not a recording, or a record does not fit into one.
type Error struct {
	Field  string // "magic", "Version", "Label", "Label.title", "Records[3].At", …
	Offset int    // byte of the file; 0 when writing
	Want   string // what would have been right
}

// Error implements error.
func (e *Error) Error() string {
	return "recording: " + e.Field + " at byte " + strconv.Itoa(e.Offset) + ": want " + e.Want
}

// text makes a label's text fit for the file: valid UTF-8 of at most maxText
// bytes, cut between characters.
func text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
