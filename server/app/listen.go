package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"syscall"
)

// listen opens the listener, with errors that say what to do.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &ConfigError{"addr", fmt.Errorf("got %q, want host:port, such as 127.0.0.1:8080 or [::1]:8080", addr)}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return nil, &ConfigError{"addr", fmt.Errorf("got port %q, want a number from 0 (any free one) to 65535", port)}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("address %s is in use, perhaps by another Vitrine: end that program or take another port, such as --addr %s (0 takes any free one)",
			addr, net.JoinHostPort(host, "0"))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("address %s may not be listened on by this user: take a port above 1023, such as --addr %s", addr, net.JoinHostPort(host, "8080"))
	case err != nil:
		return nil, fmt.Errorf("address %s: %w", addr, err)
	}
	return l, nil
}
