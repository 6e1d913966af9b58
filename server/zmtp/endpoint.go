package zmtp

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Address turns a ZeroMQ endpoint, "tcp://host:5557", into an address of TCP; the
// host * is every interface.
func Address(endpoint string) (string, error) {
	rest, isTCP := strings.CutPrefix(endpoint, "tcp://")
	host, port, err := net.SplitHostPort(rest)
	if !isTCP || err != nil || host == "" {
		return "", fmt.Errorf("got %q, want an address like tcp://127.0.0.1:5557", endpoint)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("got %q, want a port from 0 to 65535", endpoint)
	}
	if host == "*" {
		host = ""
	}
	return net.JoinHostPort(host, port), nil
}

// Dial connects to an endpoint and greets who is there, within a time.
func Dial(ctx context.Context, endpoint string, own SocketType, timeout time.Duration, l Limits) (*Conn, error) {
	address, err := Address(endpoint)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	dialer := net.Dialer{Deadline: deadline}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	z, err := Open(c, own, deadline, l)
	if err != nil {
		c.Close()
		return nil, err
	}
	return z, nil
}
