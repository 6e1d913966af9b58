//go:build js && wasm

package page

import (
	"vitrine/visualizer/wire"
)

// Unreadable says that a message of the server cannot be read, which the decoders
// report. Their own words are English and meant for a log, so the page says where it is
// wrong and leaves out what would be right.
func (w *Words) Unreadable(err error) string {
	e, ok := err.(*wire.Error) //nolint:errorlint // the decoders return no other, and wrap none
	if !ok || e.Field == "Version" {
		return w.Say("problem.other_version")
	}
	field := e.Field
	if e.Kind != 0 {
		field = e.Kind.String() + "." + field
	}
	return w.Say("problem.unreadable", "Field", field, "At", Decimal(e.Offset))
}
