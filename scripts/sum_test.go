package scripts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestReadSumOfAMinute(t *testing.T) {
	r := newRig(t)
	r.add(chat(5), counter("acme", "image", 7))
	r.add(chat(1))
	sum := r.sum(r.seal(now + 1).Sums[0].ID)
	if len(sum.Days) != 2 || len(sum.Minutes) != 2 {
		t.Fatalf("got %+v", sum)
	}
	for feature, want := range map[string]meter.Amounts{"chat": {6, 2}, "image": {7, 1}} {
		if got := sum.Days[DayKey{"acme", today, feature}]; got != want {
			t.Errorf("day of %s: %+v, want %+v", feature, got, want)
		}
		if got := sum.Minutes[MinuteKey{"acme", feature, now}]; got != want {
			t.Errorf("minute of %s: %+v, want %+v", feature, got, want)
		}
	}
}

// An operator may change a tenant's zone in the middle of a minute.
func TestReadSumOfAMinuteWithTwoDays(t *testing.T) {
	r := newRig(t)
	yesterday := chat(1)
	yesterday.Day--
	r.add(chat(5), yesterday)
	sum := r.sum(r.seal(now + 1).Sums[0].ID)
	if got := sum.Minutes[MinuteKey{"acme", "chat", now}]; got != (meter.Amounts{6, 2}) {
		t.Errorf("minute: %+v, want both days", got)
	}
	if a, b := sum.Days[DayKey{"acme", today, "chat"}], sum.Days[DayKey{"acme", today - 1, "chat"}]; a != (meter.Amounts{5, 1}) || b != (meter.Amounts{1, 1}) {
		t.Errorf("days: %+v and %+v", a, b)
	}
}

func TestReadSumOfManySteps(t *testing.T) {
	const tenants = 3_000 // 15,000 fields
	r := newRig(t)
	var counters []Counter
	for i := range tenants {
		counters = append(counters, counter(fmt.Sprintf("tenant-%d", i), "chat", int64(i)+1))
	}
	r.add(counters...)
	sum := r.sum(r.seal(now + 1).Sums[0].ID)
	if len(sum.Days) != tenants || len(sum.Minutes) != tenants {
		t.Errorf("%d days, %d minutes, want %d", len(sum.Days), len(sum.Minutes), tenants)
	}
	for i := range tenants {
		if got := sum.Days[DayKey{fmt.Sprintf("tenant-%d", i), today, "chat"}]; got != (meter.Amounts{int64(i) + 1, 1}) {
			t.Fatalf("tenant %d has %+v", i, got)
		}
	}
}

func TestReadSumOfADroppedBatchIsEmpty(t *testing.T) {
	r := newRig(t)
	if sum := r.sum("gone"); len(sum.Days)+len(sum.Minutes) > 0 {
		t.Errorf("got %+v", sum)
	}
}

func TestReadSumRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, field := range []string{"x", "t", "t\ta", "t\tday\tacme\tchat", "z\t1\tacme\tchat", "t\t1\ta\tb\tc"} {
		r := newRig(t)
		if err := r.client.HSet(t.Context(), sumPrefix(0)+"id", field, "1").Err(); err != nil {
			t.Fatal(err)
		}
		if sum, err := r.ReadSum(t.Context(), 0, "id"); err == nil || !strings.Contains(err.Error(), "read sum batch") {
			t.Errorf("%q: got %+v, %v", field, sum, err)
		}
	}
}
