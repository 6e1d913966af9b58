//go:build !amd64 || noasm

package sampler

// levels are the passes that this build can run: there is no assembly in it.
var levels = []*passes{&plain}
