package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// object is a JSON object whose fields are taken one by one, so that what
// nobody takes is known by its name. encoding/json alone would let pass other
// spellings ("Temperature"), fields given twice, and more. The first error
// stays; what is taken after it has no meaning.
type object struct {
	at     string // "" for the body, "messages[0]" inside it
	fields map[string]json.RawMessage
	err    *Error
}

// isText says whether all strings of a JSON value are Unicode (RFC 8259, sections 8.1 and
// 8.2). encoding/json would put U+FFFD in the place of what is not, and the answer would
// be to another text than was sent.
func isText(raw []byte) bool {
	if !utf8.Valid(raw) {
		return false
	}
	unit := func(at int) rune { // the UTF-16 unit that an escape at a place stands for
		if at+6 > len(raw) || raw[at] != '\\' || raw[at+1] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(string(raw[at+2:at+6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if r := unit(i); utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, unit(i+6)) == utf8.RuneError {
				return false
			}
			i += 6
		}
		i++ // what is escaped is no escape
	}
	return true
}

// parseObject reads one JSON object and nothing behind it.
func parseObject(raw []byte, at string) *object {
	o := &object{at: at, fields: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	first, err := d.Token()
	if err != nil {
		o.refuse("the body is no JSON: %v", plain(err))
		return o
	}
	if first != json.Delim('{') {
		o.refuse("want a JSON object")
		return o
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			o.refuse("the body is no JSON: %v", plain(err))
			return o
		}
		field := name.(string) // the decoder takes nothing else for a key
		if _, twice := o.fields[field]; twice {
			o.fail(field, "is given twice")
			return o
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			o.fail(field, "is no JSON: %v", plain(err))
			return o
		}
		if !isText(value) {
			o.fail(field, "holds text that is no Unicode, want valid UTF-8, and \\u escapes of surrogates in pairs")
			return o
		}
		o.fields[field] = value
	}
	if _, err := d.Token(); err != nil {
		o.refuse("the body is no JSON: %v", plain(err))
	} else if _, err := d.Token(); !errors.Is(err, io.EOF) {
		o.refuse("want one JSON object and nothing behind it")
	}
	return o
}

// plain says the end of the input in words.
func plain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return err
}

// name is a field's name from the body's root.
func (o *object) name(field string) string {
	if o.at == "" {
		return field
	}
	return o.at + "." + field
}

// fail keeps the first error about a field.
func (o *object) fail(field, format string, args ...any) {
	if o.err == nil {
		o.err = badField(o.name(field), format, args...)
	}
}

// refuse keeps the first error about the object as a whole.
func (o *object) refuse(format string, args ...any) {
	if o.err == nil {
		o.err = refused(http.StatusBadRequest, format, args...)
		o.err.Param, o.err.Type = o.at, invalidRequest
	}
}

// raw takes a field. ok is false where it is missing or null.
func (o *object) raw(field string) (value json.RawMessage, ok bool) {
	value, ok = o.fields[field]
	delete(o.fields, field)
	return value, ok && string(value) != "null"
}

// take reads a field into dst and says whether it was there. want says what is
// right, "a number".
func take[T any](o *object, field string, dst *T, want string) bool {
	raw, ok := o.raw(field)
	if !ok {
		return false
	}
	var value T // so that what is half read is not kept
	if err := json.Unmarshal(raw, &value); err != nil {
		o.fail(field, "got %s, want %s", excerpt(raw), want)
		return false
	}
	*dst = value
	return true
}

// list reads a field that is a list of at most limit elements, none of them null.
func list[T any](o *object, field string, dst *[]T, limit int, want string) bool {
	var all []*T
	if !take(o, field, &all, "a list of "+want) {
		return false
	}
	if len(all) > limit {
		o.fail(field, "has %d elements, want at most %d", len(all), limit)
		return false
	}
	values := make([]T, len(all))
	for i, v := range all {
		if v == nil {
			o.fail(fmt.Sprintf("%s[%d]", field, i), "got null, want one of the list of %s", want)
			return false
		}
		values[i] = *v
	}
	*dst = values
	return true
}

// finish refuses what nobody has taken: the first in the order of the alphabet,
// for the order of the body is not kept.
func (o *object) finish() *Error {
	if o.err != nil || len(o.fields) == 0 {
		return o.err
	}
	var left []string
	for field, value := range o.fields {
		if _, known := unsupported[field]; known && (string(value) == "null" || o.harmless(field, value)) {
			continue
		}
		left = append(left, field)
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	if why, known := unsupported[left[0]]; known {
		if values := harmless[left[0]]; len(values) > 0 && why == "" && o.at == "" {
			why = ", want " + strings.Join(values, " or ") + " or nothing"
		}
		return badField(o.name(left[0]), "is not supported here%s", why)
	}
	e := badField(o.name(left[0]), "there is no such field")
	e.Code = "unknown_parameter"
	return e
}

// harmless says whether an unsupported field has a value that asks for nothing.
func (o *object) harmless(field string, value json.RawMessage) bool {
	values := harmless[field]
	if o.at != "" {
		values = harmlessInMessages[field]
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return false
	}
	return slices.Contains(values, compact.String())
}

// harmless are values of unsupported fields, as JSON, that ask for what is done
// anyway: the defaults of OpenAI's and vLLM's references, which clients send.
var harmless = map[string][]string{
	"store": {"false"}, "modalities": {`["text"]`}, "service_tier": {`"auto"`, `"default"`}, "verbosity": {`"medium"`}, "reasoning_effort": {`"none"`},
	"tools": {"[]"}, "tool_choice": {`"none"`, `"auto"`}, "parallel_tool_calls": {"true", "false"}, "functions": {"[]"}, "function_call": {`"none"`, `"auto"`},
	"suffix": {`""`}, "echo": {"false"}, "best_of": {"1"}, "length_penalty": {"1", "1.0"}, "early_stopping": {"false"},
	"documents": {"[]"}, "chat_template_kwargs": {"{}"}, "mm_processor_kwargs": {"{}"}, "vllm_xargs": {"{}"}, "logits_processors": {"[]"},
}

// harmlessInMessages are those of a conversation's messages.
var harmlessInMessages = map[string][]string{"tool_calls": {"[]"}, "annotations": {"[]"}}

// unsupported are fields of OpenAI's and vLLM's requests that are refused, with
// what would be right where there is something.
var unsupported = map[string]string{
	"audio": "", "modalities": "", "tools": "", "tool_choice": "", "parallel_tool_calls": "", "functions": "", "function_call": "",
	"prediction": "", "reasoning_effort": "", "include_reasoning": "", "verbosity": "", "service_tier": "", "store": "", "web_search_options": "",
	"prompt_cache_key": "; cache_salt keeps a prompt's blocks from others", "prompt_cache_retention": "", "safety_identifier": "; user is",
	"suffix": "", "echo": "", "best_of": "; n is", "length_penalty": " without use_beam_search", "early_stopping": " without use_beam_search", "prompt_embeds": "",
	"documents": "", "chat_template": "; the model's own is used", "chat_template_kwargs": "", "mm_processor_kwargs": "",
	"guided_grammar": "", "grammar": "", "guided_decoding_backend": "", "guided_whitespace_pattern": "",
	"structural_tag": "", "whitespace_pattern": "", "disable_fallback": "", "disable_any_whitespace": "", "disable_additional_properties": "", "logits_processors": "", "kv_transfer_params": "", "vllm_xargs": "", "repetition_detection": "",
	"name": "", "tool_calls": "", "tool_call_id": "", "refusal": "", "reasoning_content": "", "reasoning": "", "annotations": "",
}

// excerpt is the beginning of a value for an error.
func excerpt(raw []byte) string {
	const longest = 60
	s := strings.ToValidUTF8(string(raw), "�")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
