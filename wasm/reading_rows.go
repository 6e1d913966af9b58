//go:build js && wasm

package main

import "vitrine/visualizer/view"

// The methods that add to a reading row by row are calls of their own, and the
// client a good deal smaller for it than with a list of rows in every view.

// fact adds a row with a name, a message key, and a value.
//
//go:noinline
func (r *reading) fact(c *client, key, value string) {
	r.rows = append(r.rows, fact(c.words.say(key), value))
}

// line adds a row over the whole width.
//
//go:noinline
func (r *reading) line(text string) { r.rows = append(r.rows, line(text)) }

// formula adds the rows of a formula.
//
//go:noinline
func (r *reading) formula(lines []view.Line) { r.rows = append(r.rows, formula(lines)...) }
