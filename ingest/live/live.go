package live

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
)

const (
	// aliveEvery is how long a client may hear nothing.
	aliveEvery = 5 * time.Second
	// pingEvery is how often a client must show that it is there, within pongLimit.
	pingEvery = 20 * time.Second
	pongLimit = 10 * time.Second
)

// Open is GET /live: a WebSocket that tells a list of tenants, or one tenant, as it is
// and then as it changes, at most once a second. Nothing is kept for a client that cannot
// follow: it is told the difference when it has read what it was sent, and closed with
// status 1013 if that has taken longer than f.patience; one that reads nothing for twice
// as long is cut off. At the server's end clients are closed with status 1001.
func (f *Feeds) Open(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	q, err := f.parse(r)
	if err != nil {
		return err
	}
	who := account.Holder(r.Context())
	own, err := f.join(q, who)
	if errors.Is(err, errFull) {
		return problem.Unavailable("as many clients are connected as the server takes, or takes of yours; " +
			"poll GET /tenants instead")
	}
	if err != nil {
		return problem.Stopping()
	}
	defer f.leave(own, who)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{auth.SubProtocol},
		InsecureSkipVerify: true, // parse has looked at its origin
	})
	if err != nil {
		return nil // it has answered
	}
	defer conn.CloseNow()
	status, reason := f.follow(conn.CloseRead(r.Context()), conn, own, r)
	_ = conn.Close(status, reason) // a client that does not answer is cut off
	return nil
}

// follow sends a feed until the client, its credential or the server ends, and returns how to
// close.
func (f *Feeds) follow(ctx context.Context, conn *websocket.Conn, own *feed, r *http.Request) (
	status websocket.StatusCode, reason string,
) {
	var have *state
	lastSent, lastPing := time.Now(), time.Now()
	alive := time.NewTimer(aliveEvery)
	defer alive.Stop()
	for {
		now, frame, renewed := own.next(have)
		if now != nil && now != have {
			have = now
		}
		if frame == nil && have != nil && time.Since(lastSent) >= aliveEvery {
			frame = have.alive()
		}
		if frame != nil {
			took, err := f.send(ctx, conn, frame)
			if err != nil || took > f.patience {
				return websocket.StatusTryAgainLater, "too slow for live updates"
			}
			lastSent = time.Now()
			alive.Reset(aliveEvery)
		}
		if time.Since(lastPing) >= pingEvery {
			limited, cancel := context.WithTimeout(ctx, pongLimit)
			err := conn.Ping(limited)
			cancel()
			if err != nil {
				return websocket.StatusTryAgainLater, "does not answer"
			}
			lastPing = time.Now()
		}
		select {
		case <-renewed:
		case <-alive.C:
			alive.Reset(aliveEvery)
		case <-ctx.Done():
			return websocket.StatusNormalClosure, ""
		case <-f.stop:
			return websocket.StatusGoingAway, "the server is stopping"
		}
		if !f.guard.StillValid(r) { // a feed is renewed every second
			return websocket.StatusPolicyViolation, "the credential is no longer valid"
		}
	}
}

// send writes a frame and says how long the client took for it.
func (f *Feeds) send(ctx context.Context, conn *websocket.Conn, frame []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cut)
	defer cancel()
	start := time.Now()
	err := conn.Write(ctx, websocket.MessageText, frame)
	return time.Since(start), err
}
