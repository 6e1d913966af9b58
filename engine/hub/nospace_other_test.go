//go:build !unix && !windows && !js && !wasip1

package hub

import "errors"

var noSpace = errors.New("no space left on device")
