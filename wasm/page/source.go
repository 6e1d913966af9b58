//go:build js && wasm

package page

import (
	"strconv"

	"vitrine/visualizer/wire"
	"vitrine/wasm/gosyntax"
)

// ShowSource fills the panel with the source of a function.
func ShowSource(answer *wire.Source) {
	ByID("source-place").SetText(answer.File + ":" + strconv.Itoa(int(answer.Line)))
	text := ByID("source-text")
	text.Clear()
	for _, part := range gosyntax.Split(answer.Text) {
		text.Append(Create("span", syntaxClass(part.Class)).With(part.Text))
	}
}

// syntaxClass is the style sheet's name of a class of Go source.
func syntaxClass(class gosyntax.Class) string {
	switch class {
	case gosyntax.Comment:
		return "comment"
	case gosyntax.Keyword:
		return "keyword"
	case gosyntax.Literal:
		return "literal"
	}
	return ""
}
