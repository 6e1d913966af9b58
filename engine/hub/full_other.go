//go:build !unix && !windows && !js && !wasip1

package hub

// fullErrors are none where errors of the system have no numbers, as on Plan 9: what a
// file server says there where it has no room left is its own words.
var fullErrors []error
