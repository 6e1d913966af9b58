package openai

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"vitrine/engine/structured"
)

// spec is a structured output that was asked for, and the field that did.
type spec struct {
	structured.Spec
	field string
}

// takeStructured takes what the answer has to be: OpenAI's response_format, or
// vLLM's structured_outputs or one of its older guided_ fields. At most one of
// them may be given.
func takeStructured(o *object) *spec {
	var all []*spec
	if raw, ok := o.raw("response_format"); ok {
		all = append(all, takeFormat(o, raw))
	}
	if raw, ok := o.raw("structured_outputs"); ok {
		inner := parseObject(raw, "structured_outputs")
		all = append(all, takeSpecs(inner, "", inner.at)...)
		o.keep(inner.finish())
	}
	all = append(all, takeSpecs(o, "guided_", "")...)
	var found *spec
	for _, s := range all {
		if s == nil {
			continue
		}
		if found != nil {
			o.keep(badField(s.field, "%s is given too, want one of them", found.field))
		}
		found = s
	}
	return found
}

// keep keeps an error of an inner object if it is the first.
func (o *object) keep(err *Error) {
	if o.err == nil && err != nil {
		o.err = err
	}
}

// takeFormat takes response_format: text, json_object or json_schema. A schema
// is followed strictly, whatever strict says.
func takeFormat(o *object, raw json.RawMessage) *spec {
	f := parseObject(raw, "response_format")
	defer func() { o.keep(f.finish()) }()
	var kind string
	take(f, "type", &kind, "a text")
	switch kind {
	case "text":
		return nil
	case "json_object":
		return &spec{structured.Spec{JSONObject: true}, "response_format"}
	case "json_schema":
	default:
		f.fail("type", "got %q, want text, json_object or json_schema", excerpt([]byte(kind)))
		return nil
	}
	inner, ok := f.raw("json_schema")
	if !ok {
		f.fail("json_schema", "is missing")
		return nil
	}
	s := parseObject(inner, f.name("json_schema"))
	var name, description string
	var strict bool
	take(s, "name", &name, "a text")
	take(s, "description", &description, "a text")
	take(s, "strict", &strict, "true or false")
	schema, ok := s.raw("schema")
	if !ok {
		s.fail("schema", "is missing: want a JSON schema")
	}
	f.keep(s.finish())
	return &spec{structured.Spec{JSON: string(schema)}, "response_format"}
}

// takeSpecs takes vLLM's json, json_object, regex and choice behind a prefix.
func takeSpecs(o *object, prefix, at string) []*spec {
	var all []*spec
	add := func(field string, s structured.Spec) {
		if at != "" {
			all = append(all, &spec{s, at})
			return
		}
		all = append(all, &spec{s, prefix + field})
	}
	if raw, ok := o.raw(prefix + "json"); ok {
		schema := string(raw)
		if raw[0] == '"' { // vLLM takes the schema as a text too
			if err := json.Unmarshal(raw, &schema); err != nil {
				o.fail(prefix+"json", "is no JSON: %v", err)
			}
		}
		add("json", structured.Spec{JSON: schema})
	}
	var object bool
	if take(o, prefix+"json_object", &object, "true or false"); object {
		add("json_object", structured.Spec{JSONObject: true})
	}
	var regex string
	if take(o, prefix+"regex", &regex, "a text") {
		if regex == "" {
			o.fail(prefix+"regex", "is empty, want an expression")
		}
		add("regex", structured.Spec{Regex: regex})
	}
	var choice []string
	if list(o, prefix+"choice", &choice, maxEntries, "texts") {
		add("choice", structured.Spec{Choice: choice})
	}
	return all
}

// maxCompiling is how many structured outputs are compiled at once. Each takes
// a core, which the engine needs for everybody's tokens.
const maxCompiling = 2

// constrain compiles the structured output that a request asks for; nil if it
// asks for none. It waits for its turn until ctx is done, with as many others as
// may wait for the engine: where the queue is full already nothing is compiled.
func (s *Server) constrain(ctx context.Context, m *Model, asked *spec) (*structured.Constraint, *Error) {
	if asked == nil {
		return nil, nil
	}
	waiting := m.Engine.Stats().Waiting
	s.mu.Lock()
	before := s.compilers + waiting
	if before < s.options.MaxWaiting {
		s.compilers++
	}
	s.mu.Unlock()
	if before >= s.options.MaxWaiting {
		return nil, s.queueFull(before)
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.compilers--
	}()
	select {
	case s.compiling <- struct{}{}:
		defer func() { <-s.compiling }()
	case <-ctx.Done():
		return nil, stopped(ctx)
	}
	if ctx.Err() != nil { // both could be chosen
		return nil, stopped(ctx)
	}
	c, err := m.Engine.Structured().Compile(asked.Spec)
	var wrong *structured.Error
	switch {
	case errors.As(err, &wrong), errors.Is(err, structured.ErrTooComplex):
		return nil, badField(asked.field, "%v", err)
	case err != nil:
		return nil, refused(http.StatusInternalServerError, "%v", err)
	}
	return c, nil
}
