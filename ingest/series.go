package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// The most points of a series, and features that it tells apart.
const (
	maxPoints         = 3000
	maxSeriesFeatures = 20
)

// errAnswered says that a problem has been written.
var errAnswered = errors.New("the request is answered")

// getSeries is GET /usage/:tenant/series.
func (s *Server) getSeries(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	end, ok := takeTurn(s.charts, w, r)
	if !ok {
		return
	}
	defer end()
	q, step, series, err := s.series(w, r, params)
	if err != nil {
		return
	}
	give, ok := s.room(w, r, seriesTakes(series))
	if !ok {
		return
	}
	defer give()
	b := appendString([]byte(`{"tenant":`), q.Tenant.Shown())
	b = appendString(append(b, `,"step":`...), string(step))
	b = appendString(append(b, `,"timezone":`...), q.Tenant.Zone.String())
	b = appendTime(append(b, `,"from":`...), q.Starts[0])
	b = appendTime(append(b, `,"to":`...), q.Starts[q.Len()])
	b = append(b, `,"points":[`...)
	for i, p := range series.Points {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTime(append(b, `{"start":`...), q.Starts[i])
		b = append(appendAmounts(b, p), '}')
	}
	b = append(b, ']')
	if q.Split {
		b = appendFeatureSeries(append(b, `,"features":[`...), series.Features)
	}
	writeTagged(w, r, b, series.AsOf, series.Stale)
}

func appendFeatureSeries(b []byte, all []usage.FeatureSeries) []byte {
	named, rest := foldFeatures(all)
	for i, f := range named {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSeriesTokens(appendString(append(b, `{"feature":`...), f.Feature), f.Tokens)
	}
	if rest != nil {
		b = appendSeriesTokens(append(b, `,{"feature":null`...), rest)
	}
	return append(b, ']')
}

func appendSeriesTokens(b []byte, tokens []int64) []byte {
	b = append(b, `,"tokens":[`...)
	for i, n := range tokens {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInt64(b, n)
	}
	return append(b, "]}"...)
}

// seriesTakes is about how many bytes an answer with a series takes: the figures of all features,
// and the text of those that it names.
func seriesTakes(series usage.Series) int {
	named := min(len(series.Features), maxSeriesFeatures+1)
	point := 50 + 20*int(meter.NumAmounts)
	return len(series.Points) * (point + 8*len(series.Features) + 20*named)
}

// foldFeatures keeps the largest features and adds up the rest, nil if there is none.
func foldFeatures(all []usage.FeatureSeries) (named []usage.FeatureSeries, rest []int64) {
	if len(all) <= maxSeriesFeatures {
		return all, nil
	}
	named, all = all[:maxSeriesFeatures], all[maxSeriesFeatures:]
	rest = make([]int64, len(all[0].Tokens))
	for _, f := range all {
		for i, n := range f.Tokens {
			rest[i] = meter.Add(rest[i], n)
		}
	}
	return named, rest
}

// getSeriesCSV is GET /usage/:tenant/series.csv: a line a point, and with split=feature a
// column a feature.
func (s *Server) getSeriesCSV(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	end, ok := takeTurn(s.exports, w, r)
	if !ok {
		return
	}
	defer end()
	q, step, series, err := s.series(w, r, params)
	if err != nil {
		return
	}
	give, ok := s.room(w, r, seriesTakes(series))
	if !ok {
		return
	}
	defer give()
	headings := []string{"start"}
	for a := range meter.NumAmounts {
		headings = append(headings, a.Spec().Name)
	}
	named, rest := foldFeatures(series.Features)
	for _, f := range named {
		headings = append(headings, f.Feature)
	}
	if rest != nil {
		headings = append(headings, "(other features)")
	}
	var body bytes.Buffer
	out := newTable(w, &body, "series-by-"+string(step)+".csv", series.AsOf, headings...)
	for i, p := range series.Points {
		cells := []string{q.Starts[i].Format(time.RFC3339)}
		for _, n := range p {
			cells = append(cells, decimal(n))
		}
		for _, f := range named {
			cells = append(cells, decimal(f.Tokens[i]))
		}
		if rest != nil {
			cells = append(cells, decimal(rest[i]))
		}
		out.write(cells...)
	}
	sendTable(w, out, &body)
}

// series reads the series that was asked for, or writes why not and returns errAnswered.
func (s *Server) series(w http.ResponseWriter, r *http.Request, params httprouter.Params) (usage.SeriesQuery, meter.Step, usage.Series, error) {
	tenant, problem := s.tenant(r, params)
	var q usage.SeriesQuery
	var step meter.Step
	if problem == nil {
		q, step, problem = s.parseSeries(r, tenant)
	}
	if problem != nil {
		WriteProblem(w, problem)
		return q, step, usage.Series{}, errAnswered
	}
	var series usage.Series
	err := s.heavy(r.Context(), func() (err error) {
		series, err = s.live.Series(r.Context(), q)
		return err
	})
	var gone usage.NotKeptError
	if errors.As(err, &gone) {
		WriteProblem(w, notKept(gone.Since, "usage by hour and minute is kept from %s on: choose a later from, or step=day"))
		return q, step, usage.Series{}, errAnswered
	}
	if err != nil {
		s.unavailable(w, r, "the series cannot be read now", err)
		return q, step, usage.Series{}, errAnswered
	}
	if !q.Split {
		series.Features = nil
	}
	return q, step, series, nil
}

// notKept refuses a range that begins before since. The detail has a verb for it.
func notKept(since time.Time, detail string) *Problem {
	var q query
	q.refuse("from", fmt.Sprintf(detail, since.Format(time.RFC3339)))
	return q.problem()
}

// parseSeries reads which series to read: by default, the days of the period so far.
func (s *Server) parseSeries(r *http.Request, tenant meter.Tenant) (usage.SeriesQuery, meter.Step, *Problem) {
	q := parseQuery(r, "from", "to", "step", "feature", "split")
	query := usage.SeriesQuery{Tenant: tenant}
	step := meter.Step(q.oneOf("step", string(meter.ByDay), string(meter.ByHour), string(meter.ByMinute)))
	if feature, given := q.text("feature", meter.MaxName); given {
		if !s.tenants.Keeps(tenant.Name, feature) {
			feature = meter.Normal(feature)
		}
		query.Feature = &feature
	}
	if query.Split = q.values.Has("split"); query.Split {
		q.oneOf("split", "feature")
	}
	from, to := q.between(tenant, s.now())
	if len(q.errors) == 0 {
		var ok bool
		if query.Intervals, ok = meter.Cut(from, to, step, tenant.Zone, maxPoints); !ok {
			q.refuse("step", fmt.Sprintf("makes more than %d points of this range: choose a longer step or a shorter range", maxPoints))
		}
	}
	return query, step, q.problem()
}

// between is the range of time from from to to, by default the tenant's period until now.
func (q *query) between(tenant meter.Tenant, now time.Time) (from, to time.Time) {
	from = q.instant("from", tenant.Period(now).Start, tenant.Zone)
	to = q.instant("to", now, tenant.Zone)
	if len(q.errors) == 0 && !from.Before(to) {
		q.refuse("to", "must be after from; it is now unless it is given")
	}
	return from, to
}
