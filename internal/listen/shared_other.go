//go:build !linux

package listen

import (
	"context"
	"errors"
)

// Elsewhere the option means something else, or nothing.
func openShared(context.Context, string) (*Listener, error) {
	return nil, errors.New("a port can be shared on Linux only")
}
