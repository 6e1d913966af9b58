package serving

import (
	"context"
	"errors"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/server/socket"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// The codes of a wire.Problem that the hall sends.
const (
	codeBadField = "bad_field"
	codeTooLong  = "too_long"
	codeNoModel  = "no_model"
	codeBusy     = "busy"
	codeBadFrame = "bad_frame"
	codeInternal = "internal"
	codeNotYours = "not_yours" // it would end requests of others
	codeGone     = "gone"      // the server is stopping
)

// sentences are what a page says first of a refusal; the reason follows.
var sentences = map[string]string{
	codeTooLong:  "problem.too_long",
	codeNoModel:  "problem.no_model",
	codeBusy:     "problem.busy",
	codeBadFrame: "problem.bad_frame",
	codeNotYours: "told.not_yours",
}

// badField says that a field of a command cannot be taken, and why.
type badField struct {
	field string
	why   telling.Message // a clause
}

func (e *badField) Error() string { return e.field + ": " + e.why.In("en") }

// wrong is the error of a field, with a clause of the catalogue that says why.
func wrong(field, key string, pairs ...any) error { return &badField{field, telling.Of(key, pairs...)} }

// outside is the error of a number that is not from least to most.
func outside(field string, n, least, most any) error {
	return wrong(field, "told.between", "N", n, "Least", least, "Most", most)
}

// refusal is a problem with a command as a whole, or one with a field that takes a
// sentence to say.
type refusal struct {
	code  string
	field string          // may be empty
	why   telling.Message // a sentence
}

func (e *refusal) Error() string { return e.why.In("en") }

// refuse is the error of a command, with a sentence of the catalogue that says why.
func refuse(code, key string, pairs ...any) error {
	return &refusal{code: code, why: telling.Of(key, pairs...)}
}

// problemOf puts an error into the page's terms. known is false for an error that
// belongs into the log: it is this program's fault, or the page is not told
// everything in every language.
func problemOf(err error) (p *wire.Problem, known bool) {
	var (
		field  *badField
		own    *refusal
		reject *engine.RequestError
		frame  *wire.Error
		many   *socket.LimitError
	)
	switch {
	case errors.As(err, &field):
		return problem(codeBadField, field.field, "told.bad_field", field.why), true
	case errors.As(err, &own):
		return problem(own.code, own.field, sentences[own.code], own.why), true
	case errors.As(err, &many):
		return problem(codeBusy, "", sentences[codeBusy], telling.Of("told.too_many_commands", "Most", many.Most())), true
	case errors.As(err, &reject):
		return problem(codeBadField, reject.Field, "told.bad_field", telling.From(reject.Reason, "told.engine_refuses")), false
	case errors.As(err, &frame):
		return problem(codeBadFrame, frame.Field, sentences[codeBadFrame], telling.From(err.Error(), "told.bad_frame", "Field", frame.Field)), true
	}
	return problem(codeInternal, "", "problem.internal", telling.From(err.Error(), "told.internal")), false
}

// problem is a problem in words, with the reason among them.
func problem(code, field, key string, reason telling.Message) *wire.Problem {
	return &wire.Problem{Code: code, Field: field, Detail: telling.Of(key, "Field", telling.Field(field), "Detail", reason).Told()}
}

// stopping is what pages are told before the server goes.
func stopping() *wire.Problem {
	return &wire.Problem{Code: codeGone, Field: "server", Detail: telling.Of("told.hall_stopping").Told()}
}

// noRoom says in the page's terms why a pool cannot be made.
func noRoom(err error) error {
	why := telling.From(err.Error(), "told.see_log")
	if memory := (*load.MemoryError)(nil); errors.As(err, &memory) {
		why = telling.From(err.Error(), "told.pool_memory", "N", memory.Blocks, "Size", memory.BlockSize, "Memory", memory.Memory, "Most", memory.Most)
	}
	return &badField{"blocks", why}
}

// unfinished says why a race did not come to its end, in a clause.
func unfinished(err error) string {
	if errors.Is(err, context.Canceled) {
		return telling.Of("told.race_ended").Told()
	}
	if field := (*badField)(nil); errors.As(err, &field) {
		return field.why.Told()
	}
	return telling.From(err.Error(), "told.see_log").Told()
}
