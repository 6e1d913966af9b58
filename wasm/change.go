//go:build js && wasm

package main

import "vitrine/visualizer/session"

// change says what differs since a part of the page was last told.
type change struct {
	frames session.Change // what the server's frames brought
	page   pageChange     // what happened at the page
}

// pageChange is a set of things that happened at the page.
type pageChange uint16

const (
	changedToken    pageChange = 1 << iota // another token is chosen
	changedPlace                           // another layer, head or key
	changedLanguage                        // everything is said anew
	changedTheme                           // other colours
	changedSize                            // a canvas has another size and is empty
	changedParams                          // sampling parameters
	changedSession                         // another session is shown: a recording, or the live one again
	changedSocket                          // the connection came or went
)

// everything is what a view is told when it opens.
var everything = change{frames: ^session.Change(0), page: ^pageChange(0)}

func (c change) isNone() bool { return c.frames == 0 && c.page == 0 }

// has reports whether any of the frame changes in set happened.
func (c change) has(set session.Change) bool { return c.frames&set != 0 }

// saw reports whether any of the page changes in set happened.
func (c change) saw(set pageChange) bool { return c.page&set != 0 }
