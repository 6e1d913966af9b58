package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"vitrine/engine"
	"vitrine/engine/sampler"
)

// Error is a refusal in OpenAI's shape.
type Error struct {
	Status  int    // of HTTP
	Message string // says what is wrong and what would be right
	Type    string // "invalid_request_error", "server_error", …
	Param   string // the field that is wrong; "" where it is none
	Code    string // for programs, "model_not_found"; may be ""
	// RetryAfter is the time in seconds after which it is worth trying again;
	// 0 where it is not.
	RetryAfter int
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// body is what is written of an error: param and code are null where there are
// none.
func (e *Error) body() any {
	type inner struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	b := inner{Message: e.Message, Type: e.Type}
	if e.Param != "" {
		b.Param = &e.Param
	}
	if e.Code != "" {
		b.Code = &e.Code
	}
	return struct {
		Error inner `json:"error"`
	}{b}
}

// Error types.
const (
	invalidRequest = "invalid_request_error"
	serverError    = "server_error"
)

// badField refuses a field of the request.
func badField(field, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: invalidRequest, Param: field, Message: field + ": " + fmt.Sprintf(format, args...)}
}

// kinds are the type and code of an error by its status, where they do not
// depend on more.
var kinds = map[int][2]string{
	http.StatusUnauthorized:          {invalidRequest, "invalid_api_key"},
	http.StatusForbidden:             {invalidRequest, "forbidden"},
	http.StatusNotFound:              {invalidRequest, "not_found"},
	http.StatusMethodNotAllowed:      {invalidRequest, "method_not_allowed"},
	http.StatusRequestEntityTooLarge: {invalidRequest, "request_too_large"},
	http.StatusUnsupportedMediaType:  {invalidRequest, "unsupported_media_type"},
	http.StatusTooManyRequests:       {"rate_limit_error", "rate_limit_exceeded"},
	http.StatusServiceUnavailable:    {serverError, "unavailable"},
}

// refused is an error about the request as a whole.
func refused(status int, format string, args ...any) *Error {
	kind, ok := kinds[status]
	if !ok {
		kind = [2]string{serverError, ""}
	}
	return &Error{Status: status, Message: fmt.Sprintf(format, args...), Type: kind[0], Code: kind[1]}
}

// Refuse answers a request of the API with an error in OpenAI's shape, for
// whoever stands in front of it.
func Refuse(w http.ResponseWriter, status int, message string) {
	writeError(w, refused(status, "%s", message))
}

// fromEngine turns what the engine or the sampler refuses into an error about
// the request's field.
func fromEngine(err error) *Error {
	var param *sampler.ParamError
	var request *engine.RequestError
	var told *Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &param):
		field, _, _ := strings.Cut(param.Field, "[")
		return &Error{Status: http.StatusBadRequest, Type: invalidRequest, Param: field, Message: err.Error()}
	case errors.As(err, &request):
		return &Error{Status: http.StatusBadRequest, Type: invalidRequest, Param: request.Field, Message: request.Field + " " + request.Reason}
	case errors.Is(err, engine.ErrClosed):
		return refused(http.StatusServiceUnavailable, "the server is stopping")
	}
	return refused(http.StatusInternalServerError, "%v", err)
}

// writeError answers with an error.
func writeError(w http.ResponseWriter, e *Error) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(e.RetryAfter))
	}
	switch e.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="vitrine"`)
	case http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close") // the rest of the body is not read
	}
	writeJSON(w, e.Status, e.body())
}

// writeJSON answers with a value. A client that has gone is no error of ours.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := marshal(v)
	if err != nil { // a number that JSON has no word for, which is a fault of ours
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// marshal is a value as JSON with <, > and & as they are, and a line's end.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(b.String()), err
}
