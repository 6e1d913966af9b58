package telling

import "vitrine/visualizer/wire"

// The codes of a wire.Problem that more than one page is sent.
const (
	CodeBadField = "bad_field"
	CodeTooLong  = "too_long"
	CodeNoModel  = "no_model"
	CodeBusy     = "busy"
	CodeBadFrame = "bad_frame"
	CodeInternal = "internal"
	CodeGone     = "gone"
)

// BadField says that a field of a command cannot be taken, and why.
type BadField struct {
	Field string
	Why   Message // a clause
}

// Error names the field and says why, in English.
func (e *BadField) Error() string { return e.Field + ": " + e.Why.In("en") }

// Wrong is the error of a field, with a clause of the catalogue that says why.
func Wrong(field, key string, pairs ...any) error { return &BadField{field, Of(key, pairs...)} }

// Problem is the problem with the field in words.
func (e *BadField) Problem() *wire.Problem {
	return Problem(CodeBadField, e.Field, "told.bad_field", e.Why)
}

// Refusal is a problem with a command as a whole, or one with a field that takes a
// sentence to say.
type Refusal struct {
	Code  string
	Field string  // may be empty
	Why   Message // a sentence
}

// Error says why, in English.
func (e *Refusal) Error() string { return e.Why.In("en") }

// Refuse is the error of a command, with a sentence of the catalogue that says why.
func Refuse(code, key string, pairs ...any) error {
	return &Refusal{Code: code, Why: Of(key, pairs...)}
}

// Problem is a problem in words: the message under key, with the field and the reason
// among them.
func Problem(code, field, key string, reason Message) *wire.Problem {
	return &wire.Problem{Code: code, Field: field, Detail: Of(key, "Field", Field(field), "Detail", reason).Told()}
}
