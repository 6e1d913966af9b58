//go:build js && wasm

package main

import "vitrine/visualizer/wire"

// tokensView shows the rendered template as chips, one a token.
type tokensView struct{ c *client }

func newTokensView(c *client) *tokensView { return &tokensView{c} }

func (v *tokensView) name() string       { return "tokens" }
func (v *tokensView) needs() wire.Views  { return 0 }
func (v *tokensView) ready() bool        { return len(v.c.shown.Tokens()) > 0 }
func (v *tokensView) update(change)      {}
func (v *tokensView) frame(float64) bool { return false }
