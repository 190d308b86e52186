package query

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/fair"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// The most points of a series, and features that it tells apart.
const (
	maxPoints         = 3000
	maxSeriesFeatures = 20
)

// Series is GET /usage/:tenant/series.
func (h *Handlers) Series(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	asked, end, err := h.series(r, params, h.charts)
	if err != nil {
		return err
	}
	defer end()
	q, step, series := asked.query, asked.step, asked.series
	b := answer.AppendString([]byte(`{"tenant":`), q.Tenant.Shown())
	b = answer.AppendString(append(b, `,"step":`...), string(step))
	b = answer.AppendString(append(b, `,"timezone":`...), q.Tenant.Zone.String())
	b = answer.AppendTime(append(b, `,"from":`...), q.Starts[0])
	b = answer.AppendTime(append(b, `,"to":`...), q.Starts[q.Len()])
	b = append(b, `,"points":[`...)
	for i, p := range series.Points {
		if i > 0 {
			b = append(b, ',')
		}
		b = answer.AppendTime(append(b, `{"start":`...), q.Starts[i])
		b = append(answer.AppendAmounts(b, p), '}')
	}
	b = append(b, ']')
	if q.Split {
		b = appendFeatureSeries(append(b, `,"features":[`...), series.Features)
	}
	writeTagged(w, r, b, series.AsOf, series.Stale)
	return nil
}

func appendFeatureSeries(b []byte, all []usage.FeatureSeries) []byte {
	named, rest := foldFeatures(all)
	for i, f := range named {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSeriesTokens(answer.AppendString(append(b, `{"feature":`...), f.Feature), f.Tokens)
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
		b = answer.AppendInt64(b, n)
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

// SeriesCSV is GET /usage/:tenant/series.csv: a line a point, and with split=feature a
// column a feature.
func (h *Handlers) SeriesCSV(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	asked, end, err := h.series(r, params, h.exports)
	if err != nil {
		return err
	}
	defer end()
	q, step, series := asked.query, asked.step, asked.series
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
	return nil
}

// askedSeries is a series with the question that it answers.
type askedSeries struct {
	query  usage.SeriesQuery
	step   meter.Step
	series usage.Series
}

// series reads the series that was asked for, by turn, and takes memory for the answer. The caller
// calls end once that is sent.
func (h *Handlers) series(
	r *http.Request, params httprouter.Params, turns *fair.Limit[budget.Holder],
) (asked askedSeries, end func(), err error) {
	endTurn, err := takeTurn(turns, r)
	if err != nil {
		return asked, nil, err
	}
	if asked, err = h.readSeries(r, params); err != nil {
		endTurn()
		return asked, nil, err
	}
	give, err := h.room(r, seriesTakes(asked.series))
	if err != nil {
		endTurn()
		return asked, nil, err
	}
	return asked, func() { give(); endTurn() }, nil
}

func (h *Handlers) readSeries(r *http.Request, params httprouter.Params) (
	asked askedSeries, err error,
) {
	tenant, err := h.guard.TenantIn(r, params)
	if err != nil {
		return asked, err
	}
	if asked.query, asked.step, err = h.parseSeries(r, tenant); err != nil {
		return asked, err
	}
	err = h.heavy(r.Context(), func() (err error) {
		asked.series, err = h.backend.Live.Series(r.Context(), asked.query)
		return err
	})
	if gone, ok := errors.AsType[usage.NotKeptError](err); ok {
		return asked, notKept(gone.Since,
			"usage by hour and minute is kept from %s on: choose a later from, or step=day")
	}
	if err != nil {
		return asked, problem.Unavailable("the series cannot be read now").Because(err)
	}
	if !asked.query.Split {
		asked.series.Features = nil
	}
	return asked, nil
}

// notKept refuses a range that begins before since. The detail has a verb for it.
func notKept(since time.Time, detail string) error {
	var q param.Query
	q.Refuse("from", fmt.Sprintf(detail, since.Format(time.RFC3339)))
	return q.Err()
}

// parseSeries reads which series to read: by default, the days of the period so far.
func (h *Handlers) parseSeries(r *http.Request, tenant meter.Tenant) (usage.SeriesQuery, meter.Step, error) {
	q := param.Parse(r, "from", "to", "step", "feature", "split")
	query := usage.SeriesQuery{Tenant: tenant}
	step := meter.Step(q.OneOf("step", string(meter.ByDay), string(meter.ByHour), string(meter.ByMinute)))
	if feature, given := q.Text("feature", meter.MaxName); given {
		if !h.backend.Tenants.Keeps(tenant.Name, feature) {
			feature = meter.Normal(feature)
		}
		query.Feature = &feature
	}
	if query.Split = q.Values.Has("split"); query.Split {
		q.OneOf("split", "feature")
	}
	from, to := q.Range(tenant, h.backend.Now())
	if q.Err() == nil {
		var ok bool
		if query.Intervals, ok = meter.Cut(from, to, step, tenant.Zone, maxPoints); !ok {
			q.Refuse("step", fmt.Sprintf("makes more than %d points of this range: "+
				"choose a longer step or a shorter range", maxPoints))
		}
	}
	return query, step, q.Err()
}
