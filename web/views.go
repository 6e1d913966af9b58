package web

import "github.com/a-h/templ"

// A View is one tab of the stage: what the shell says about it in markup, and
// the markup that is its own.
type View struct {
	Name    string // names the tab in addresses and ids: "tokens" is panel-tokens
	Tab     string // message key of the tab's label
	Twin    string // message key of the same term in the other language
	Title   string // message key of the heading
	Explain string // message key of the sentence below it
	Empty   string // message key of why there is nothing to see yet
	Body    func(words) templ.Component
}

// Views lists the tabs from left to right; number key N opens the Nth.
func Views() []View {
	return []View{
		{"tokens", "tokens.tab", "tokens.twin", "tokens.title", "tokens.explain", "tokens.empty", tokensView},
		{"vectors", "vectors.tab", "vectors.twin", "vectors.title", "vectors.explain", "vectors.empty", vectorsView},
		{"attention", "attention.tab", "attention.twin", "attention.title", "attention.explain", "attention.empty", attentionView},
		{"next", "next.tab", "next.twin", "next.title", "next.explain", "next.empty", nextView},
		{"blocks", "blocks.tab", "blocks.twin", "blocks.title", "blocks.explain", "blocks.empty", blocksView},
		{"time", "time.tab", "time.twin", "time.title", "time.explain", "time.empty", timeView},
	}
}
