package ingest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
)

const (
	// aliveEvery is how long a client may hear nothing.
	aliveEvery = 5 * time.Second
	// pingEvery is how often a client must show that it is there, within pongLimit.
	pingEvery = 20 * time.Second
	pongLimit = 10 * time.Second
)

// getLive is GET /live: a WebSocket that tells a list of tenants, or one tenant, as it is
// and then as it changes, at most once a second. Nothing is kept for a client that cannot
// follow: it is told the difference when it has read what it was sent, and closed with
// status 1013 if that has taken longer than s.feedPatience; one that reads nothing for twice
// as long is cut off. At the server's end clients are closed with status 1001.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	q, problem := s.parseFeed(r)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	who := holderOf(r.Context())
	feed, err := s.feeds.join(q, who)
	if errors.Is(err, errFeedFull) {
		WriteProblem(w, problemUnavailable("as many clients are connected as the server takes, or takes of yours; poll GET /tenants instead"))
		return
	}
	if err != nil {
		WriteProblem(w, problemUnavailable("the process is shutting down"))
		return
	}
	defer s.feeds.leave(feed, who)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{auth.SubProtocol},
		InsecureSkipVerify: true, // parseFeed has looked at its origin
	})
	if err != nil {
		return // it has answered
	}
	defer conn.CloseNow()
	status, reason := s.tell(conn.CloseRead(r.Context()), conn, feed, r)
	_ = conn.Close(status, reason) // whoever does not answer is cut off
}

// tell sends a feed until the client, its credential or the server ends, and returns how to
// close.
func (s *Server) tell(ctx context.Context, conn *websocket.Conn, feed *feed, r *http.Request) (websocket.StatusCode, string) {
	var have *feedState
	lastSent, lastPing := time.Now(), time.Now()
	alive := time.NewTimer(aliveEvery)
	defer alive.Stop()
	for {
		now, frame, renewed := feed.next(have)
		if now != nil && now != have {
			have = now
		}
		if frame == nil && have != nil && time.Since(lastSent) >= aliveEvery {
			frame = have.alive()
		}
		if frame != nil {
			took, err := s.send(ctx, conn, frame)
			if err != nil || took > s.feedPatience {
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
		case <-s.feeds.stop:
			return websocket.StatusGoingAway, "the server is stopping"
		}
		if !s.stillValid(r) { // a feed is renewed every second
			return websocket.StatusPolicyViolation, "the credential is no longer valid"
		}
	}
}

// send writes a frame and says how long the client took for it.
func (s *Server) send(ctx context.Context, conn *websocket.Conn, frame []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.feedCut)
	defer cancel()
	start := time.Now()
	err := conn.Write(ctx, websocket.MessageText, frame)
	return time.Since(start), err
}

// parseFeed reads what a client of /live wants, and whether it may have it.
func (s *Server) parseFeed(r *http.Request) (feedQuery, *Problem) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return feedQuery{}, problemUpgrade()
	}
	if !s.ownPage(r) && !slices.Contains(s.origins, r.Header.Get("Origin")) {
		return feedQuery{}, problemOrigin()
	}
	q := parseQuery(r, "q", "sort", "limit", "archived", "tenant")
	if !q.values.Has("tenant") {
		list := parseList(q)
		list.only = auth.Of(r.Context()).Tenant
		return feedQuery{list: list}, q.problem()
	}
	if len(q.values) > 1 {
		q.refuse("tenant", "cannot be combined with other parameters")
	}
	name := q.values.Get("tenant")
	if problem := q.problem(); problem != nil {
		return feedQuery{}, problem
	}
	tenant, ok := s.visible(r, name)
	if !ok {
		return feedQuery{}, problemUnknownTenant(name)
	}
	return feedQuery{single: true, tenant: tenant.Name}, nil
}

// ownPage is sameOrigin, also behind a proxy that does not pass on the Host which the browser has
// sent: PUBLIC_URL names the origin of its pages then.
func (s *Server) ownPage(r *http.Request) bool {
	return sameOrigin(r) || s.origin != "" && strings.EqualFold(r.Header.Get("Origin"), s.origin)
}

// originOf is the origin of a URL as browsers send it, empty for an empty one.
func originOf(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return ""
	}
	host := u.Host
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return strings.ToLower(u.Scheme + "://" + host)
}

// sameOrigin reports whether a request comes from a page of this server, or from no page.
// Browsers let any page open a WebSocket, with the user's cookies.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}
