package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/server/remote"
	"vitrine/server/socket"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// The codes of a wire.Problem that this package sends.
const (
	codeBadField  = "bad_field"
	codeTooLong   = "too_long"
	codeNoModel   = "no_model"
	codeBusy      = "busy"
	codeGone      = "gone"
	codeRemote    = "remote"        // a remote engine cannot do that
	codeElsewhere = "remote_failed" // a remote engine did not do what it could
	codeBadFrame  = "bad_frame"
	codeInternal  = "internal"
)

// badField says that a field of a command cannot be taken, and why.
type badField struct {
	field string
	why   telling.Message // a clause
}

func (e *badField) Error() string { return e.field + ": " + e.why.In("en") }

// wrong is the error of a field, with a clause of the catalogue that says why.
func wrong(field, key string, pairs ...any) error { return &badField{field, telling.Of(key, pairs...)} }

// tooLong says that a text does not fit into the context.
type tooLong struct {
	tokens  int
	atLeast bool // tokens is a lower bound: the text was not even encoded
	have    int  // tokens of the conversation among them
	limit   int
}

func (e *tooLong) Error() string { return e.told().In("en") }

func (e *tooLong) told() telling.Message {
	key := "told.too_long"
	switch {
	case e.atLeast:
		key = "told.too_long_at_least"
	case e.have > 0:
		key = "told.too_long_together"
	}
	return telling.Of(key, "Tokens", e.tokens, "Have", e.have, "Limit", e.limit)
}

// tooManyMessages says that a conversation is full.
func tooManyMessages(n int) error {
	return &refusal{codeTooLong, telling.Of("told.too_many_messages", "N", n, "Most", maxMessages)}
}

// refusal is a problem that concerns no field.
type refusal struct {
	code string
	why  telling.Message // a sentence
}

func (e *refusal) Error() string { return e.why.In("en") }

// mistake is a panic of this program.
type mistake struct {
	value any
	stack []byte
}

func (e *mistake) Error() string { return fmt.Sprintf("the server has made a mistake: %v", e.value) }

var errBusy = &refusal{codeBusy, telling.Of("told.too_fast")}

// problemOf puts an error into the page's terms. known is false for an error
// that belongs into the log: one that is this program's fault, or of which the
// page is not told everything in every language.
func problemOf(err error) (p *wire.Problem, known bool) {
	var (
		field  *badField
		long   *tooLong
		own    *refusal
		param  *sampler.ParamError
		reject *engine.RequestError
		frame  *wire.Error
		many   *socket.LimitError
		other  *remote.Error
		extra  *remote.ParamError
	)
	switch {
	case errors.As(err, &field):
		return problemWith(field.field, field.why), true
	case errors.As(err, &long):
		return problem(codeTooLong, "text", "problem.too_long", long.told()), true
	case errors.As(err, &own):
		return problem(own.code, "", sentences[own.code], own.why), true
	case errors.As(err, &many):
		return problem(codeBusy, "", sentences[codeBusy], telling.Of("told.too_many_commands", "Most", many.Most())), true
	case errors.As(err, &param):
		return problemWith(param.Field, wanted(param)), true
	case errors.As(err, &reject):
		return problemWith(reject.Field, telling.From(reject.Reason, "told.engine_refuses")), false
	case errors.As(err, &extra):
		return problemWith(extra.Field, telling.From(extra.Reason, "told.remote_param")), true
	case errors.As(err, &other):
		return problem(codeElsewhere, "", "problem.remote_failed", telling.From(err.Error(), "told.remote_failed", "Address", other.Address, "Status", other.Status)), false
	case errors.As(err, &frame):
		return problem(codeBadFrame, frame.Field, "problem.bad_frame", telling.From(err.Error(), "told.bad_frame", "Field", frame.Field)), true
	case errors.Is(err, errClosed):
		return gone("server", "problem.gone_server"), true
	case errors.Is(err, engine.ErrReleased), errors.Is(err, engine.ErrClosed), errors.Is(err, context.Canceled):
		return problem(codeGone, "", "problem.gone", telling.From(err.Error(), "told.gone")), true
	}
	return internal(err.Error()), false
}

// sentences are what a page says first of a refusal; the reason follows.
var sentences = map[string]string{
	codeTooLong:  "problem.too_long",
	codeNoModel:  "problem.no_model",
	codeBusy:     "problem.busy",
	codeRemote:   "problem.remote",
	codeBadFrame: "problem.bad_frame",
}

// problem is a problem in words, with the reason among them.
func problem(code, field, key string, reason telling.Message) *wire.Problem {
	return &wire.Problem{Code: code, Field: field, Detail: telling.Of(key, "Field", field, "Detail", reason).Told()}
}

// problemWith is the problem with a field, for a reason that is a clause.
func problemWith(field string, why telling.Message) *wire.Problem {
	return &wire.Problem{Code: codeBadField, Field: field, Detail: telling.Of("told.bad_field", "Field", telling.Field(field), "Detail", why).Told()}
}

// gone says what is no longer there.
func gone(field, key string) *wire.Problem {
	return &wire.Problem{Code: codeGone, Field: field, Detail: telling.Of(key).Told()}
}

// internal is a fault of this program. The page is told in other languages than
// English where to read more.
func internal(reason string) *wire.Problem {
	return problem(codeInternal, "", "problem.internal", telling.From(reason, "told.internal"))
}

// wants are what the sampler's parameters take, by their names in vLLM up to a
// bracket: what the sampler says of them itself is in English.
var wants = map[string]string{
	"temperature": "told.want_finite", "repetition_penalty": "told.want_positive", "top_p": "told.want_share_above_0", "min_p": "told.want_share",
	"presence_penalty": "told.want_penalty", "frequency_penalty": "told.want_penalty", "top_k": "told.want_top_k", "max_tokens": "told.want_some",
	"min_tokens": "told.want_min_tokens", "order": "told.want_order", "stop": "told.want_stop", "logit_bias": "told.want_bias",
}

// wanted says what a parameter is and what would be right.
func wanted(e *sampler.ParamError) telling.Message {
	name, _, _ := strings.Cut(e.Field, "[")
	key, known := wants[name]
	if !known {
		key = "told.want_other"
	}
	return telling.Of("told.got", "Got", e.Got, "Want", telling.From(e.Want, key))
}
