package web

import "embed"

// Props are what the page needs to know when it is rendered.
type Props struct {
	Lang    string // "en" or "zh"; anything else is rendered in English
	Version string // version of the server, shown in the help
	Remote  bool   // another server runs the model: see [Parameter.Common]
}

// Static holds the files that the server offers under /static/. Its root
// holds the folder static.
//
//go:embed static
var Static embed.FS
