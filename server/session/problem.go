package session

import (
	"context"
	"errors"
	"fmt"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/server/remote"
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
type badField struct{ field, reason string }

func (e *badField) Error() string { return e.field + ": " + e.reason }

// tooLong says that a text does not fit into the context.
type tooLong struct {
	tokens  int
	atLeast bool // tokens is a lower bound: the text was not even encoded
	have    int  // tokens of the conversation among them
	limit   int
}

func (e *tooLong) Error() string {
	s := "the prompt is "
	if e.atLeast {
		s += "at least "
	}
	s += fmt.Sprintf("%d tokens long", e.tokens)
	if e.have > 0 {
		s += fmt.Sprintf(", %d of them from the conversation so far", e.have)
	}
	return s + fmt.Sprintf("; the model's context holds %d, and one must be left for the answer", e.limit)
}

// refusal is a problem that concerns no field.
type refusal struct{ code, reason string }

func (e *refusal) Error() string { return e.reason }

// mistake is a panic of this program.
type mistake struct {
	value any
	stack []byte
}

func (e *mistake) Error() string { return fmt.Sprintf("the server has made a mistake: %v", e.value) }

var errBusy = &refusal{codeBusy, "too many commands at once; wait for some of them to be done"}

// problemOf puts an error into the page's terms. known is false for an error
// that is this program's fault and belongs into the log.
func problemOf(err error) (p *wire.Problem, known bool) {
	var (
		field  *badField
		long   *tooLong
		own    *refusal
		param  *sampler.ParamError
		reject *engine.RequestError
		frame  *wire.Error
		other  *remote.Error
		extra  *remote.ParamError
	)
	switch {
	case errors.As(err, &field):
		return &wire.Problem{Code: codeBadField, Field: field.field, Detail: err.Error()}, true
	case errors.As(err, &long):
		return &wire.Problem{Code: codeTooLong, Field: "text", Detail: err.Error()}, true
	case errors.As(err, &own):
		return &wire.Problem{Code: own.code, Detail: own.reason}, true
	case errors.As(err, &param):
		return &wire.Problem{Code: codeBadField, Field: param.Field, Detail: err.Error()}, true
	case errors.As(err, &reject):
		return &wire.Problem{Code: codeBadField, Field: reject.Field, Detail: err.Error()}, true
	case errors.As(err, &extra):
		return &wire.Problem{Code: codeBadField, Field: extra.Field, Detail: err.Error()}, true
	case errors.As(err, &other):
		return &wire.Problem{Code: codeElsewhere, Detail: err.Error()}, true
	case errors.As(err, &frame):
		return &wire.Problem{Code: codeBadFrame, Field: frame.Field, Detail: err.Error()}, true
	case errors.Is(err, engine.ErrReleased), errors.Is(err, engine.ErrClosed), errors.Is(err, context.Canceled):
		return &wire.Problem{Code: codeGone, Detail: err.Error()}, true
	}
	return &wire.Problem{Code: codeInternal, Detail: err.Error()}, false
}
