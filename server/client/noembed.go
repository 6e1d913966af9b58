//go:build !embedclient

package client

// embedded returns nil: this binary carries no client.
func embedded(Program) (*Client, error) { return nil, nil }
