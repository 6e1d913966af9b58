package engine

import (
	"fmt"

	"vitrine/engine/sampler"
	"vitrine/engine/structured"
)

// structuredEnd is why an answer ends whose grammar has nothing more.
const structuredEnd = "structured output"

// Structured compiles constraints for [Request.Structured]. The tokens are read
// when it is first asked for, which takes some ten milliseconds.
func (e *Engine) Structured() *structured.Compiler {
	e.compiler.once.Do(func() {
		e.compiler.Compiler = structured.NewCompiler(structured.NewVocabulary(e.tokenizer, e.model.Config().Vocab))
	})
	return e.compiler.Compiler
}

// checkStructured refuses a constraint that was made for other tokens.
func (e *Engine) checkStructured(r *Request) error {
	if r.Structured == nil {
		return nil
	}
	if got, want := r.Structured.Vocab(), e.model.Config().Vocab; got != want {
		return &RequestError{"structured_outputs", fmt.Sprintf("is made for %d tokens, want the model's %d", got, want)}
	}
	if !r.Params.Detokenize {
		return &RequestError{"structured_outputs", "goes with detokenize only: it is about the answer's text"}
	}
	return nil
}

// grammar follows a sequence's current answer. All methods of a nil grammar do
// nothing: there is none.
type grammar struct {
	constraint *structured.Constraint
	at         *structured.Matcher
	err        error // why the answer could not be followed
}

func newGrammar(c *structured.Constraint) *grammar {
	if c == nil {
		return nil
	}
	return &grammar{constraint: c, at: c.Start()}
}

func (g *grammar) clone() *grammar {
	if g == nil {
		return nil
	}
	return &grammar{g.constraint, g.at.Clone(), g.err}
}

// restart begins another answer.
func (g *grammar) restart() {
	if g != nil {
		g.at, g.err = g.constraint.Start(), nil
	}
}

// limit adds to a history which tokens the grammar allows behind it.
func (g *grammar) limit(h sampler.History) (sampler.History, error) {
	if g == nil {
		return h, nil
	}
	if g.err != nil {
		return h, g.err
	}
	mask, err := g.at.Mask()
	h.Allowed = mask
	return h, err
}

// accept follows a token of the answer.
func (g *grammar) accept(token int32) {
	if g != nil && g.err == nil {
		g.err = g.at.Accept(token)
	}
}

// check refuses tokens that do not continue the answer.
func (g *grammar) check(tokens []int32) error {
	if g == nil {
		return nil
	}
	for at, i := g.at.Clone(), 0; i < len(tokens); i++ {
		if err := at.Accept(tokens[i]); err != nil {
			return &RequestError{"tokens", fmt.Sprintf("do not fit the structured output: at %d: %v", i, err)}
		}
	}
	return nil
}

// complete reports whether nothing may follow. Then the answer ends, with
// min_tokens or without: there is no token to draw.
func (g *grammar) complete() bool { return g != nil && g.err == nil && g.at.Complete() }
