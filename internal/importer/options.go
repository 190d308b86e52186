package importer

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

const (
	// DefaultURL is where a server on this machine listens.
	DefaultURL = "http://127.0.0.1:3000"
	// DefaultBatch is how many events one request carries. At 1,000 the cost of a
	// request no longer shows, and a refused batch is small to send again.
	DefaultBatch = 1000
	// DefaultRetryFor is how long one batch is tried again before the import ends.
	DefaultRetryFor = 5 * time.Minute
	// maxPrefix leaves room for "-" and the 19 digits of the largest row number.
	maxPrefix = meter.MaxName - 20
)

// Options say what to import. File, Tenant, Feature and Tokens are required.
type Options struct {
	// File is the CSV file's path; "-" reads Stdin.
	File  string
	Stdin io.Reader
	// URL is where the server is; "" means DefaultURL.
	URL string
	// Key is the API key or token to identify with; "" means none.
	Key string
	// Tenant and Feature are those of every event.
	Tenant  string
	Feature string
	// Tokens names the column with the token count, or several joined by "+" to be added.
	Tokens string
	// Timestamp names the column with the time of the event; "" means the time of arrival.
	Timestamp string
	// Zone is the IANA time zone of times that name none; "" means UTC.
	Zone string
	// ID names the column with the event ids. "" means by content and occurrence, unless there
	// is an IDPrefix; the package comment says what that is.
	ID string
	// Source tells rows apart that look alike and are not the same, up to 128 characters: the
	// file's period, say. Only for ids by content.
	Source string
	// IDPrefix starts ids by place in the file, 1 to 108 characters; "" means other ids.
	IDPrefix string
	// Batch is events a request, 1 to 10,000; 0 means DefaultBatch.
	Batch int
	// RetryFor bounds the attempts for one batch; 0 means DefaultRetryFor.
	RetryFor time.Duration
	// JSON makes the report on stdout one JSON object.
	JSON bool
	// Client makes the requests; nil means one for URL.
	Client *client.Client
	// Now reads the clock, for the pace of progress lines; nil means time.Now.
	Now func() time.Time

	location *time.Location // of Zone
}

// OptionsError reports options that make no sense, each on a line.
type OptionsError struct{ error }

// Unwrap returns what is wrong.
func (e *OptionsError) Unwrap() error { return e.error }

// complete fills in the defaults and reports everything that is wrong at once.
func (o Options) complete() (Options, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if o.Batch == 0 {
		o.Batch = DefaultBatch
	}
	if o.RetryFor == 0 {
		o.RetryFor = DefaultRetryFor
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var wrong []error
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if o.File == "" {
		fault("file must not be empty")
	}
	if why := meter.CheckTenant(o.Tenant); why != "" {
		fault("tenant %s", why)
	}
	if why := meter.CheckName(o.Feature); why != "" {
		fault("feature %s", why)
	}
	if o.Tokens == "" {
		fault("tokens must name a column")
	}
	if o.IDPrefix != "" {
		if why := meter.CheckName(o.IDPrefix); why != "" {
			fault("id prefix %s", why)
		} else if n := len([]rune(o.IDPrefix)); n > maxPrefix {
			fault("id prefix must have at most %d characters", maxPrefix)
		}
	}
	switch {
	case o.IDPrefix != "" && o.ID != "":
		fault("an id prefix (--id-prefix) and a column of ids (--id) exclude each other")
	case o.IDPrefix != "" && o.Source != "":
		fault("an id prefix (--id-prefix) and a source (--source) exclude each other")
	case o.ID != "" && o.Source != "":
		fault("a column of ids (--id) and a source (--source) exclude each other")
	}
	if why := meter.CheckName(o.Source); o.Source != "" && why != "" {
		fault("source %s", why)
	}
	if o.Zone != "" && o.Timestamp == "" {
		fault("a zone (--zone) needs a column of times (--timestamp)")
	}
	location, err := time.LoadLocation(o.Zone)
	if err != nil || o.Zone == "Local" { // which is this machine's
		fault("zone must be an IANA time zone such as Europe/Berlin, not %q", o.Zone)
	}
	o.location = location
	if o.Batch < 1 || o.Batch > meter.MaxEvents {
		fault("batch must be from 1 to %d", meter.MaxEvents)
	}
	if o.RetryFor < 0 {
		fault("retry time must not be negative")
	}
	if err := client.CheckURL(o.URL); o.Client == nil && err != nil {
		fault("--url %w", err)
	}
	if len(wrong) > 0 {
		return o, &OptionsError{errors.Join(wrong...)}
	}
	return o, nil
}
