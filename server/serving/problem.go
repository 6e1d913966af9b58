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
	codeNotYours = "not_yours" // it would end requests of others
)

// sentences are what a page says first of a refusal; the reason follows.
var sentences = map[string]string{
	telling.CodeTooLong:  "problem.too_long",
	telling.CodeNoModel:  "problem.no_model",
	telling.CodeBusy:     "problem.busy",
	telling.CodeBadFrame: "problem.bad_frame",
	codeNotYours:         "told.not_yours",
}

// outside is the error of a number that is not from least to most.
func outside(field string, n, least, most any) error {
	return telling.Wrong(field, "told.between", "N", n, "Least", least, "Most", most)
}

// problemOf puts an error into the page's terms. known is false for an error that
// belongs into the log: it is this program's fault, or the page is not told
// everything in every language.
func problemOf(err error) (p *wire.Problem, known bool) {
	var (
		field  *telling.BadField
		own    *telling.Refusal
		reject *engine.RequestError
		frame  *wire.Error
		many   *socket.LimitError
	)
	switch {
	case errors.As(err, &field):
		return field.Problem(), true
	case errors.As(err, &own):
		return telling.Problem(own.Code, own.Field, sentences[own.Code], own.Why), true
	case errors.As(err, &many):
		return telling.Problem(telling.CodeBusy, "", sentences[telling.CodeBusy], telling.Of("told.too_many_commands", "Most", many.Most())), true
	case errors.As(err, &reject):
		return (&telling.BadField{Field: reject.Field, Why: telling.From(reject.Reason, "told.engine_refuses")}).Problem(), false
	case errors.As(err, &frame):
		return telling.Problem(telling.CodeBadFrame, frame.Field, sentences[telling.CodeBadFrame], telling.From(err.Error(), "told.bad_frame", "Field", frame.Field)), true
	}
	return telling.Problem(telling.CodeInternal, "", "problem.internal", telling.From(err.Error(), "told.internal")), false
}

// stopping is what pages are told before the server goes.
func stopping() *wire.Problem {
	return &wire.Problem{Code: telling.CodeGone, Field: "server", Detail: telling.Of("told.hall_stopping").Told()}
}

// noRoom says in the page's terms why a pool cannot be made.
func noRoom(err error) error {
	why := telling.From(err.Error(), "told.see_log")
	if memory := (*load.MemoryError)(nil); errors.As(err, &memory) {
		why = telling.From(err.Error(), "told.pool_memory", "N", memory.Blocks, "Size", memory.BlockSize, "Memory", memory.Memory, "Most", memory.Most)
	}
	return &telling.BadField{Field: "blocks", Why: why}
}

// unfinished says why a race did not come to its end, in a clause.
func unfinished(err error) string {
	if errors.Is(err, context.Canceled) {
		return telling.Of("told.race_ended").Told()
	}
	if field := (*telling.BadField)(nil); errors.As(err, &field) {
		return field.Why.Told()
	}
	return telling.From(err.Error(), "told.see_log").Told()
}
