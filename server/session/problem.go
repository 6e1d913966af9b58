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
	codeRemote    = "remote"        // a remote engine cannot do that
	codeElsewhere = "remote_failed" // a remote engine did not do what it could
)

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
	return telling.Refuse(telling.CodeTooLong, "told.too_many_messages", "N", n, "Most", maxMessages)
}

// mistake is a panic of this program.
type mistake struct {
	value any
	stack []byte
}

func (e *mistake) Error() string { return fmt.Sprintf("the server has made a mistake: %v", e.value) }

var errBusy = telling.Refuse(telling.CodeBusy, "told.too_fast")

// problemOf puts an error into the page's terms. known is false for an error
// that belongs into the log: one that is this program's fault, or of which the
// page is not told everything in every language.
func problemOf(err error) (p *wire.Problem, known bool) {
	var (
		field  *telling.BadField
		long   *tooLong
		own    *telling.Refusal
		param  *sampler.ParamError
		reject *engine.RequestError
		frame  *wire.Error
		many   *socket.LimitError
		other  *remote.Error
		extra  *remote.ParamError
	)
	switch {
	case errors.As(err, &field):
		return field.Problem(), true
	case errors.As(err, &long):
		return telling.Problem(telling.CodeTooLong, "text", "problem.too_long", long.told()), true
	case errors.As(err, &own):
		return telling.Problem(own.Code, "", sentences[own.Code], own.Why), true
	case errors.As(err, &many):
		return telling.Problem(telling.CodeBusy, "", sentences[telling.CodeBusy], telling.Of("told.too_many_commands", "Most", many.Most())), true
	case errors.As(err, &param):
		return (&telling.BadField{Field: param.Field, Why: wanted(param)}).Problem(), true
	case errors.As(err, &reject):
		return (&telling.BadField{Field: reject.Field, Why: telling.From(reject.Reason, "told.engine_refuses")}).Problem(), false
	case errors.As(err, &extra):
		return (&telling.BadField{Field: extra.Field, Why: telling.From(extra.Reason, "told.remote_param")}).Problem(), true
	case errors.As(err, &other):
		return telling.Problem(codeElsewhere, "", "problem.remote_failed", telling.From(err.Error(), "told.remote_failed", "Address", other.Address, "Status", other.Status)), false
	case errors.As(err, &frame):
		return telling.Problem(telling.CodeBadFrame, frame.Field, "problem.bad_frame", telling.From(err.Error(), "told.bad_frame", "Field", frame.Field)), true
	case errors.Is(err, errClosed):
		return gone("server", "problem.gone_server"), true
	case errors.Is(err, engine.ErrReleased), errors.Is(err, engine.ErrClosed), errors.Is(err, context.Canceled):
		return telling.Problem(telling.CodeGone, "", "problem.gone", telling.From(err.Error(), "told.gone")), true
	}
	return internal(err.Error()), false
}

// sentences are what a page says first of a refusal; the reason follows.
var sentences = map[string]string{
	telling.CodeTooLong:  "problem.too_long",
	telling.CodeNoModel:  "problem.no_model",
	telling.CodeBusy:     "problem.busy",
	codeRemote:           "problem.remote",
	telling.CodeBadFrame: "problem.bad_frame",
}

// gone says what is no longer there.
func gone(field, key string) *wire.Problem {
	return &wire.Problem{Code: telling.CodeGone, Field: field, Detail: telling.Of(key).Told()}
}

// internal is a fault of this program. The page is told in other languages than
// English where to read more.
func internal(reason string) *wire.Problem {
	return telling.Problem(telling.CodeInternal, "", "problem.internal", telling.From(reason, "told.internal"))
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
