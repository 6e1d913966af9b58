package machine

import "embed"

// Sources is the text of [ReadBandwidth], so that whoever shows its result can
// show the function too.
//
//go:embed bandwidth.go
var Sources embed.FS
