package remote

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Error says in plain words why a remote engine did not do what was asked.
type Error struct {
	Address string // of the server
	Status  int    // of its HTTP answer; 0 if there was none
	Reason  string
	Err     error // the cause, if there is one
}

// Error names the server and the reason.
func (e *Error) Error() string { return e.Address + ": " + e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// refusal is the error of an HTTP answer other than 200, with what its body
// says of the reason.
func (e *Engine) refusal(status int, body []byte) *Error {
	said := reasonIn(body)
	var reason string
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		reason = "the server does not let us in; --engine-api-key gives it a key"
	case http.StatusNotFound:
		reason = "the server does not have that"
	case http.StatusTooManyRequests:
		reason = "the server has too many requests; try again later"
	default:
		reason = fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
	}
	if said != "" {
		reason += ": " + said
	}
	return &Error{Address: e.address, Status: status, Reason: reason}
}

// maxReason bounds what is told of a server's own words, in bytes.
const maxReason = 500

// reasonIn finds the message in the body of a refused request: OpenAI's shape,
// or one of those that are seen in its place.
func reasonIn(body []byte) string {
	var shape struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return "" // a page of a proxy, say
	}
	var inner struct {
		Message string `json:"message"`
	}
	var text string
	switch {
	case json.Unmarshal(shape.Error, &inner) == nil && inner.Message != "":
		text = inner.Message
	case json.Unmarshal(shape.Error, &text) == nil && text != "":
	case shape.Message != "":
		text = shape.Message
	default:
		if json.Unmarshal(shape.Detail, &text) != nil {
			text = string(shape.Detail)
		}
	}
	return short(text)
}

// short cuts a text of the server, which may be anything, to a readable length.
func short(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for i := range text {
		if i >= maxReason {
			return text[:i] + "…"
		}
	}
	return text
}
