package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// readyLimit is how long the roles may take to answer for the first time. They take
	// some 50 ms, where the machine has nothing else to do.
	readyLimit = 2 * time.Minute
	readyPause = 10 * time.Millisecond
)

// present waits until the server at url is ready and then runs show, until ctx is done or the
// roles have ended.
func present(
	ctx context.Context, roles context.Context, url string, show func(context.Context) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(roles, cancel)()

	for _, path := range []string{"/readyz", "/usage"} {
		if err := awaitOK(ctx, url+path); err != nil {
			return unlessDone(ctx, err)
		}
	}
	return show(ctx)
}

// awaitOK asks for a page until it is answered with 200.
func awaitOK(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit,
		fmt.Errorf("not ready after %s", readyLimit))
	defer cancel()
	for {
		err := getOK(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(readyPause):
		}
	}
}

func getOK(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("GET %s: %s", url, resp.Status), err)
	}
	return err
}

// localURL is where this machine reaches a listener on host:port, which may be bound to all its
// addresses.
func localURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
