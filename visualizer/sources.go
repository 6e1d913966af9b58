//go:build !js

package visualizer

import "embed"

// Sources is the text of what computes in the page and for it: projections and
// the operands of formulas. The browser's
// build is without it.
//
//go:embed hall/*.go project/*.go session/*.go view/*.go
var Sources embed.FS
