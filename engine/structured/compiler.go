package structured

import (
	"container/list"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// maxText bounds the text of a constraint.
	maxText = 1 << 20
	// maxConstraints bounds the constraints that a compiler remembers.
	maxConstraints = 32
)

// Spec asks for a structured output: exactly one of its fields is set. The
// names are those of vLLM's StructuredOutputsParams.
type Spec struct {
	JSON       string   // a JSON schema that the answer is valid against
	JSONObject bool     // the answer is an object of JSON, whatever is in it
	Regex      string   // an expression of Go's package regexp that matches the whole answer
	Choice     []string // the answer is one of these
}

// key tells specs apart.
func (s *Spec) key() string {
	switch {
	case s.JSONObject:
		return "object"
	case s.JSON != "":
		return "json\x00" + s.JSON
	case s.Regex != "":
		return "regex\x00" + s.Regex
	}
	// %q: so that no text looks like two.
	return fmt.Sprintf("choice\x00%q", s.Choice)
}

// check says what is wrong with the fields.
func (s *Spec) check() error {
	given, length := 0, len(s.JSON)+len(s.Regex)
	for _, is := range []bool{s.JSON != "", s.JSONObject, s.Regex != "", s.Choice != nil} {
		if is {
			given++
		}
	}
	for _, c := range s.Choice {
		length += len(c)
		switch {
		case c == "":
			return &Error{Reason: "choice: has an empty text, want texts that are not"}
		case !utf8.ValidString(c):
			return &Error{Reason: fmt.Sprintf("choice: %q is not valid UTF-8", c)}
		}
	}
	switch {
	case given != 1:
		return &Error{Reason: fmt.Sprintf("want exactly one of json, json_object, regex and choice, got %d", given)}
	case s.Choice != nil && len(s.Choice) == 0:
		return &Error{Reason: "choice: is empty, want at least one text"}
	case length > maxText:
		return &Error{Reason: fmt.Sprintf("is %d bytes long, want at most %d", length, maxText)}
	}
	return nil
}

// Compiler makes constraints for a vocabulary, and remembers those that were
// used last. Several goroutines may use it at once.
type Compiler struct {
	vocabulary *Vocabulary

	mu     sync.Mutex
	cached map[string]*list.Element // of *entry
	recent *list.List               // the one used last in front
}

type entry struct {
	key        string
	constraint *Constraint
}

// NewCompiler returns a compiler of constraints for a vocabulary.
func NewCompiler(v *Vocabulary) *Compiler {
	return &Compiler{vocabulary: v, cached: map[string]*list.Element{}, recent: list.New()}
}

// Compile returns the constraint that a spec asks for. An *[Error] says what is
// wrong with it; [ErrTooComplex] that following it would take too long.
func (c *Compiler) Compile(s Spec) (*Constraint, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	key := s.key()
	c.mu.Lock()
	if e, ok := c.cached[key]; ok {
		c.recent.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*entry).constraint, nil
	}
	c.mu.Unlock()
	made, err := c.vocabulary.compile(&s)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.cached[key]; ok { // another was faster
		return e.Value.(*entry).constraint, nil
	}
	c.cached[key] = c.recent.PushFront(&entry{key, made})
	if c.recent.Len() > maxConstraints {
		last := c.recent.Remove(c.recent.Back()).(*entry)
		delete(c.cached, last.key)
	}
	return made, nil
}

// compile makes a constraint.
func (v *Vocabulary) compile(s *Spec) (*Constraint, error) {
	b := newBuilder(&v.alphabet)
	root := b.newRule("")
	switch {
	case s.JSONObject:
		b.define(root, b.call(newGrammar(b).object()))
	case s.JSON != "":
		if err := compileSchema(b, root, s.JSON); err != nil {
			return nil, err
		}
	case s.Regex != "":
		f, err := b.pattern(s.Regex, b.plain, false)
		if err != nil {
			return nil, &Error{Reason: "regex: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")}
		}
		b.define(root, f)
	default:
		b.define(root, b.choices(s.Choice))
	}
	p, err := b.finish()
	if err != nil {
		return nil, err
	}
	m, err := newMachine(p, v)
	if err != nil {
		return nil, err
	}
	return &Constraint{m}, nil
}
