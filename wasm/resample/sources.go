//go:build !js

package resample

import "embed"

// Sources is this package's own text, which the server shows. The browser's
// build is without it.
//
//go:embed *.go
var Sources embed.FS
