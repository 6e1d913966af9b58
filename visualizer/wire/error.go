package wire

import "strconv"

// Error says why bytes are not a message. Decoders return no other error.
type Error struct {
	Kind   Kind   // the message's kind; 0 if it could not be read
	Field  string // Go path of the field, "Tokens[3].Bytes"; "Version", "Kind" or "end" outside the fields
	Offset int    // byte of the message at which the field failed; where several fields disagree, the end of the last one read
	Want   string // what would have been right
}

// Error implements error: "wire: Tokens: Tokens[3].Bytes at byte 41: want 12 bytes, 3 are left".
func (e *Error) Error() string {
	s := "wire: "
	if e.Kind != 0 {
		s += e.Kind.String() + ": "
	}
	return s + e.Field + " at byte " + strconv.Itoa(e.Offset) + ": want " + e.Want
}
