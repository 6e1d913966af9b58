//go:build !embedclient

package client

// embedded returns nil: this binary carries no client.
func embedded() (*Client, error) { return nil, nil }
