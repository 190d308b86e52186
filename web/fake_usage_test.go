package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// period is the calendar month in the tenant's zone.
func (a *account) period(now time.Time) (start, end time.Time) {
	zone, err := time.LoadLocation(a.zone)
	if err != nil {
		zone = time.UTC
	}
	local := now.In(zone)
	start = time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, zone)
	return start, start.AddDate(0, 1, 0)
}

func (a *account) perDay(now time.Time) int64 {
	start, _ := a.period(now)
	return int64(float64(a.used) / now.Sub(start).Hours() * 24)
}

func (a *account) exhausted(now time.Time) time.Time {
	start, end := a.period(now)
	if a.used == 0 || a.used >= a.quota {
		return time.Time{}
	}
	at := start.Add(time.Duration(float64(now.Sub(start)) * float64(a.quota) / float64(a.used)))
	if at.After(end) {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Second)
}

// line is row as JSON, made once a minute for a version of the account: 10,000 of them take so
// much work that the page would wait for the fake on a busy machine.
func (a *account) line(now time.Time, stale bool) json.RawMessage {
	key := fmt.Sprint(now.Unix()/60, a.used, a.version, stale)
	if a.encoded[key] == nil {
		text, err := json.Marshal(a.row(now, stale))
		if err != nil {
			panic(err)
		}
		a.encoded = map[string]json.RawMessage{key: text}
	}
	return a.encoded[key]
}

// row is the tenant object of the API.
func (a *account) row(now time.Time, stale bool) map[string]any {
	start, end := a.period(now)
	row := map[string]any{"tenant": a.name, "totalTokens": a.used, "quota": nil, "quotaPercent": nil, "remaining": nil,
		"periodStart": start.UTC(), "periodEnd": end.UTC(), "stale": stale, "thresholds": a.thresholds, "timezone": a.zone,
		"perDay": a.perDay(now), "exhaustedAt": nil, "sparkline": a.minutes(now),
		"projectedTokens": int64(float64(a.used) * float64(end.Sub(start)) / float64(now.Sub(start)))}
	if a.archived {
		row["archived"] = true
	}
	if a.quota > 0 {
		row["quota"] = a.quota
		row["quotaPercent"] = math.Floor(float64(a.used)/float64(a.quota)*1e4) / 100
		row["remaining"] = max(0, a.quota-a.used)
	}
	if at := a.exhausted(now); !at.IsZero() {
		row["exhaustedAt"] = at
	}
	return row
}

// usage is the answer about one tenant.
func (a *account) usage(now time.Time, stale bool) map[string]any {
	usage := a.row(now, stale)
	delete(usage, "sparkline")
	usage["minute"] = now.UTC().Truncate(time.Minute)
	usage["asOf"] = now.UTC()
	usage["billingDay"] = 1
	features := []map[string]any{}
	for _, s := range a.features {
		tokens := int64(float64(a.used) * s.share)
		features = append(features, map[string]any{"feature": s.name, "tokens": tokens, "events": tokens / 640})
	}
	usage["features"] = features
	return usage
}

// weight is how much is used at an hour: more in the day, less on weekends, and never quite
// the same.
func (a *account) weight(at time.Time) float64 {
	zone, err := time.LoadLocation(a.zone)
	if err != nil {
		zone = time.UTC
	}
	local := at.In(zone)
	hour := float64(local.Hour()) + float64(local.Minute())/60
	w := 0.12 + math.Exp(-math.Pow((hour-14)/4.2, 2))
	if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
		w *= 0.35
	}
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendInt(append([]byte(a.name), ' '), at.Unix(), 10))
	return w * (0.75 + 0.5*float64(h.Sum32()%1000)/1000)
}

// perHour is the tokens of an hour of weight 1: such that the hours of the period so far make
// up what is used.
func (a *account) perHour(now time.Time) float64 {
	start, _ := a.period(now)
	var sum float64
	for at := start; at.Before(now); at = at.Add(time.Hour) {
		sum += a.weight(at)
	}
	return float64(a.used) / max(sum, 1)
}

func (a *account) minutes(now time.Time) []int64 {
	minutes := make([]int64, 60)
	base := float64(a.used) / 40_000 * a.busy
	for i := range minutes {
		at := now.Truncate(time.Minute).Add(time.Duration(i-59) * time.Minute)
		minutes[i] = int64(base * a.weight(at))
	}
	return minutes
}

type series struct {
	points   []map[string]any
	features []map[string]any
	from, to time.Time
}

func (a *account) series(query url.Values, now time.Time) series {
	zone, err := time.LoadLocation(a.zone)
	if err != nil {
		zone = time.UTC
	}
	instant := func(text string) time.Time {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at.In(zone)
		}
		at, _ := time.ParseInLocation(time.DateOnly, text, zone)
		return at
	}
	s := series{from: instant(query.Get("from")), to: instant(query.Get("to")), points: []map[string]any{}}
	scale := a.perHour(now)
	shares := a.features
	if only := query.Get("feature"); only != "" {
		shares = nil
		for _, f := range a.features {
			if f.name == only {
				shares = append(shares, f)
			}
		}
	}
	tokens := make([][]int64, len(shares))
	for at := s.from; at.Before(s.to); {
		next := at.Add(time.Hour)
		hours := 1.0
		switch query.Get("step") {
		case "minute":
			next, hours = at.Add(time.Minute), 1.0/60
		case "day":
			next, hours = at.AddDate(0, 0, 1), 9
		}
		whole := int64(0)
		for i, f := range shares {
			n := int64(0)
			if at.Before(now) {
				n = int64(scale * hours * f.share * a.weight(at) * (0.8 + 0.4*a.weight(at.Add(time.Duration(i)*time.Second))))
			}
			tokens[i] = append(tokens[i], n)
			whole += n
		}
		s.points = append(s.points, map[string]any{"start": at.UTC(), "tokens": whole, "events": whole / 640})
		at = next
	}
	for i, f := range shares {
		s.features = append(s.features, map[string]any{"feature": f.name, "tokens": tokens[i]})
	}
	return s
}

func (f *fake) getSeries(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, query := f.find(r.PathValue("tenant")), r.URL.Query()
	if a == nil {
		writeProblem(w, http.StatusNotFound, "there is no such tenant")
		return
	}
	s := a.series(query, f.now())
	answer := map[string]any{"tenant": a.name, "step": query.Get("step"), "timezone": a.zone, "from": s.from.UTC(), "to": s.to.UTC(),
		"points": s.points, "asOf": f.now().UTC(), "stale": f.stale}
	if query.Get("split") == "feature" {
		answer["features"] = s.features
	}
	writeTagged(w, r, answer)
}

func (f *fake) getSeriesCSV(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.find(r.PathValue("tenant"))
	w.Header().Set("Content-Type", "text/csv")
	w.Header().Set("Content-Disposition", `attachment; filename="series.csv"`)
	out := csv.NewWriter(w)
	out.Write([]string{"start", "tokens", "events"})
	for _, p := range a.series(r.URL.Query(), f.now()).points {
		out.Write([]string{p["start"].(time.Time).Format(time.RFC3339), strconv.FormatInt(p["tokens"].(int64), 10), strconv.FormatInt(p["events"].(int64), 10)})
	}
	out.Flush()
}

func (f *fake) getTenantsCSV(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "text/csv")
	w.Header().Set("Content-Disposition", `attachment; filename="tenants.csv"`)
	out := csv.NewWriter(w)
	out.Write([]string{"tenant", "totalTokens"})
	for _, a := range f.list(r.URL.Query()) {
		out.Write([]string{a.name, strconv.FormatInt(a.used, 10)})
	}
	out.Flush()
}
