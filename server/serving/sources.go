package serving

import "embed"

// own is the text of what this package computes itself for the page.
//
//go:embed recorder.go tally.go race.go commands.go
var own embed.FS
