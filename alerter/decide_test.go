package alerter

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	period := meter.PeriodAt(now, 1, time.UTC)
	a80, a100, old := uuid.New(), uuid.New(), uuid.New()
	open := func(id uuid.UUID, threshold int) OpenAlert {
		return OpenAlert{ID: id, Tenant: "acme", Period: period.From, Threshold: threshold}
	}
	lastMonth := OpenAlert{ID: old, Tenant: "acme", Period: period.From - 1, Threshold: 80}
	nextMonth := OpenAlert{ID: old, Tenant: "acme", Period: period.To, Threshold: 80}

	tests := []struct {
		name       string
		tokens     int64
		quota      int64
		thresholds []int
		archived   bool
		stale      bool
		open       []OpenAlert
		want       []Decision
	}{
		{name: "below", tokens: 799, quota: 1000, thresholds: []int{80},
			want: []Decision{{Reason: Below, Threshold: 80}}},
		{name: "fired at exactly the threshold", tokens: 800, quota: 1000, thresholds: []int{80},
			want: []Decision{{Reason: Fired, Threshold: 80, Announce: true}}},
		{name: "already fired", tokens: 900, quota: 1000, thresholds: []int{80},
			open: []OpenAlert{open(a80, 80)},
			want: []Decision{{Reason: AlreadyFired, Threshold: 80, Alert: a80}}},
		{name: "a jump fires all and announces the highest", tokens: 1200, quota: 1000,
			thresholds: []int{50, 80, 100, 150},
			want: []Decision{
				{Reason: Fired, Threshold: 50},
				{Reason: Fired, Threshold: 80},
				{Reason: Fired, Threshold: 100, Announce: true},
				{Reason: Below, Threshold: 150}}},
		{name: "the next threshold is announced", tokens: 1000, quota: 1000, thresholds: []int{80, 100},
			open: []OpenAlert{open(a80, 80)},
			want: []Decision{
				{Reason: AlreadyFired, Threshold: 80, Alert: a80},
				{Reason: Fired, Threshold: 100, Announce: true}}},
		{name: "a new threshold below a known one is not announced", tokens: 900, quota: 1000,
			thresholds: []int{50, 80}, open: []OpenAlert{open(a80, 80)},
			want: []Decision{
				{Reason: Fired, Threshold: 50},
				{Reason: AlreadyFired, Threshold: 80, Alert: a80}}},
		{name: "re-armed when the quota was raised", tokens: 1000, quota: 2000, thresholds: []int{80},
			open: []OpenAlert{open(a80, 80)},
			want: []Decision{{Reason: Rearmed, Threshold: 80, Alert: a80, Announce: true}}},
		{name: "a quota raised a little re-arms only the higher", tokens: 1000, quota: 1100,
			thresholds: []int{80, 100}, open: []OpenAlert{open(a80, 80), open(a100, 100)},
			want: []Decision{
				{Reason: AlreadyFired, Threshold: 80, Alert: a80},
				{Reason: Rearmed, Threshold: 100, Alert: a100, Announce: true}}},
		{name: "a removed threshold stays fired", tokens: 900, quota: 1000, thresholds: []int{95},
			open: []OpenAlert{open(a80, 80)},
			want: []Decision{
				{Reason: AlreadyFired, Threshold: 80, Alert: a80},
				{Reason: Below, Threshold: 95}}},
		{name: "period over, and the new one is judged by itself", tokens: 900, quota: 1000,
			thresholds: []int{80}, open: []OpenAlert{lastMonth},
			want: []Decision{
				{Reason: PeriodOver, Threshold: 80, Alert: old, Announce: true},
				{Reason: Fired, Threshold: 80, Announce: true}}},
		{name: "all that are armed again are one announcement, of the lowest", tokens: 100, quota: 1000,
			thresholds: []int{80, 100}, open: []OpenAlert{open(a80, 80), open(a100, 100)},
			want: []Decision{
				{Reason: Rearmed, Threshold: 80, Alert: a80, Announce: true},
				{Reason: Rearmed, Threshold: 100, Alert: a100}}},
		{name: "so are all of a period that is over",
			tokens: 100, quota: 1000, thresholds: []int{80}, open: []OpenAlert{lastMonth,
				{ID: a100, Tenant: "acme", Period: period.From - 1, Threshold: 100}},
			want: []Decision{
				{Reason: PeriodOver, Threshold: 80, Alert: old, Announce: true},
				{Reason: PeriodOver, Threshold: 100, Alert: a100},
				{Reason: Below, Threshold: 80}}},
		{name: "an alert of a later period is left alone", tokens: 900, quota: 1000,
			thresholds: []int{80}, open: []OpenAlert{nextMonth, open(a80, 80)},
			want: []Decision{{Reason: AlreadyFired, Threshold: 80, Alert: a80}}},
		{name: "no quota", tokens: 900, quota: 0, thresholds: []int{80},
			want: []Decision{{Reason: NoQuota}}},
		{name: "a removed quota re-arms", tokens: 900, quota: 0, thresholds: []int{80},
			open: []OpenAlert{open(a80, 80)},
			want: []Decision{{Reason: NoQuota},
				{Reason: Rearmed, Threshold: 80, Alert: a80, Announce: true}}},
		{name: "archived", tokens: 900, quota: 1000, thresholds: []int{80}, archived: true,
			open: []OpenAlert{open(a100, 100)},
			want: []Decision{{Reason: Archived}}},
		{name: "archived, but an earlier period is over", tokens: 900, quota: 1000, thresholds: []int{80},
			archived: true, open: []OpenAlert{lastMonth},
			want: []Decision{{Reason: PeriodOver, Threshold: 80, Alert: old}, {Reason: Archived}}},
		{name: "nothing is decided on a stale figure", tokens: 900, quota: 1000, thresholds: []int{80},
			stale: true, open: []OpenAlert{lastMonth, open(a100, 100)},
			want: []Decision{{Reason: Stale}}},
		{name: "a threshold listed twice fires once", tokens: 900, quota: 1000, thresholds: []int{80, 80},
			want: []Decision{{Reason: Fired, Threshold: 80, Announce: true}}},
		{name: "unsorted thresholds announce the highest", tokens: 900, quota: 1000,
			thresholds: []int{80, 50},
			want: []Decision{
				{Reason: Fired, Threshold: 50},
				{Reason: Fired, Threshold: 80, Announce: true}}},
		{name: "no thresholds", tokens: 900, quota: 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := meter.Usage{
				Tenant: meter.Tenant{Name: "acme", Quota: tt.quota, Thresholds: slices.Clone(tt.thresholds),
					Archived: tt.archived},
				Period: period,
				Used:   meter.Amounts{meter.Tokens: tt.tokens},
				Stale:  tt.stale,
			}
			got := Decide(u, tt.open)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if !slices.Equal(u.Tenant.Thresholds, tt.thresholds) {
				t.Errorf("Decide changed the tenant's thresholds to %v", u.Tenant.Thresholds)
			}
		})
	}
}
