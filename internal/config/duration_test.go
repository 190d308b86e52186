package config

import (
	"math"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "90s": 90 * time.Second, "12h": 12 * time.Hour, "30d": 30 * day, "1d12h": 36 * time.Hour, "1d1.5h": 25*time.Hour + 30*time.Minute,
		"106751d": 106751 * day, "-1s": -1, "-1d": -1, "1d-1h": -1, "1d+1h": -1, "1.5d": -1, "d": -1, "1d2d": -1, "30": -1, "": -1, " 1d": -1, "1w": -1, "106752d": -1, "106751d24h": -1,
		"2562047h47m16.854775807s": math.MaxInt64,
	} {
		got, err := ParseDuration(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestDurationIsWrittenAsItIsRead(t *testing.T) {
	for _, text := range []string{"30d", "12h", "36h", "5m", "1m30s", "0"} {
		var d Duration
		if err := d.Set(text); err != nil || d.String() != text {
			t.Errorf("%q: got %s, %v", text, &d, err)
		}
	}
	var p Positive
	if err := p.Set("0s"); err == nil {
		t.Error("0 is taken for positive")
	}
	if err := p.Set("7d"); err != nil || time.Duration(p.Duration) != 7*day {
		t.Errorf("got %s, %v", &p, err)
	}
}

// Every setting that is a duration takes days.
func TestSettingsTakeDays(t *testing.T) {
	c, err := Load(environment(map[string]string{"DEDUPE_WINDOW": "1d", "HSTS_MAX_AGE": "365d", "DRAIN_TIME": "0d", "EVENTS_RETENTION": "90d", "BACKUP_KEEP": "14d"}))
	if err != nil || c.DedupeWindow != day || c.HSTSMaxAge != 365*day || c.DrainTime != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}
