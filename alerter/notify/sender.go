package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// PostTime bounds a request, from resolving its host to the end of its answer.
	PostTime = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
)

// Sender posts messages to webhooks. It is safe for concurrent use.
type Sender struct {
	dialer       *net.Dialer
	client       *http.Client
	allowPrivate bool
	now          func() time.Time
}

// NewSender returns a Sender that posts only to https URLs at public addresses of other machines;
// allowPrivate lifts both limits. It follows no redirect and uses no proxy, because either would
// connect to an address that was not checked.
func NewSender(allowPrivate bool, now func() time.Time) *Sender {
	dialer := &net.Dialer{Timeout: PostTime}
	if !allowPrivate {
		dialer.Control = refuseInside(isOwn)
	}
	return &Sender{
		dialer:       dialer,
		allowPrivate: allowPrivate,
		now:          now,
		client: &http.Client{
			Timeout: PostTime,
			Transport: &http.Transport{
				Proxy:             nil,
				DialContext:       dialer.DialContext,
				ForceAttemptHTTP2: true,
				// alerts are rare; an idle connection is only one more way to fail
				DisableKeepAlives:      true,
				MaxResponseHeaderBytes: maxAnswer,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
}

// SetTimeout replaces PostTime as the bound of a request. It is for tests.
func (s *Sender) SetTimeout(d time.Duration) { s.client.Timeout = d }

// Post sends a message. 408, 425, 429, 5xx and network errors are worth a retry; 403, 404 and a 2xx
// that the Notifier turns into a failure are worth a few; every other answer but 2xx is final.
func (s *Sender) Post(ctx context.Context, m Message) Reply {
	started := time.Now()
	out := s.send(ctx, m)
	out.Took = time.Since(started)
	return out
}

func (s *Sender) send(ctx context.Context, m Message) Reply {
	if _, refused := s.allowed(m.url); refused != "" {
		return Reply{Reason: refused}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return Reply{Reason: "webhook URL is malformed"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "FlagMeter")
	if err := sign(req.Header, m, s.now()); err != nil {
		return Reply{Reason: "message cannot be signed"}
	}

	resp, err := s.client.Do(req)
	if err != nil {
		return networkFailure(err)
	}
	defer resp.Body.Close()
	// Only the status counts: a body that breaks off is just shorter.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	out := Reply{Status: resp.StatusCode, Answer: answer}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		s.classify(&out, resp.Header, m.url)
	} else {
		m.judge(&out, resp.Header.Get("Content-Type"))
	}
	return out
}

// classify judges an answer that is not 2xx.
func (s *Sender) classify(r *Reply, header http.Header, rawURL string) {
	r.Reason = fmt.Sprintf("HTTP %d", r.Status)
	code := strings.TrimSpace(string(r.Answer))
	if slackCode.MatchString(code) && !strings.Contains(rawURL, code) {
		r.Reason += " " + code
	}
	r.Gone = r.Status == http.StatusGone
	r.Few = restarting(r.Status)
	if r.Retry = r.Few || Passing(r.Status); r.Retry {
		r.After = retryAfter(header.Get("Retry-After"), s.now())
	}
}

// slackCode matches the errors that Slack answers with, such as channel_is_archived.
// Any other body is kept out of the reason: it may echo the URL.
var slackCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// retryAfter reads a Retry-After header in either form (RFC 9110, section 10.2.3): seconds or a
// date. It returns 0 for anything else and for a date in the past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
