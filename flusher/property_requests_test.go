package flusher

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// keyedBatch is a request that was acknowledged under a key at a time.
type keyedBatch struct {
	key, body string
	events    []counted
	at        time.Time
	lost      bool // with all of its events
}

// Repeat sends a request again under its key: all of it is duplicates, whatever has happened since,
// unless Valkey has lost all of it. Then it is counted anew.
func (m *machine) Repeat(t *rapid.T) {
	const retries = 30 * time.Minute // before a timestamp gets too old
	recent := slices.DeleteFunc(slices.Clone(m.keyed),
		func(b *keyedBatch) bool { return m.rig.Now().Sub(b.at) > retries })
	if len(recent) == 0 {
		t.Skip("no request was sent under a key lately")
	}
	b := rapid.SampledFrom(recent).Draw(t, "request")
	status, answer := m.rig.postUnder(b.key, b.body)
	if !b.lost {
		want := fmt.Sprintf(`{"accepted":0,"duplicates":%d,`, len(b.events))
		if status != http.StatusOK || !strings.HasPrefix(answer, want) {
			t.Fatalf("%s again: %d %s, want %s", b.key, status, answer, want)
		}
		return
	}
	again := slices.Clone(b.events)
	for i := range again {
		if again[i].at.Equal(b.at) {
			again[i].at = m.rig.Now() // it has no timestamp
		}
	}
	if m.over(again) != "" {
		if status != http.StatusPaymentRequired {
			t.Fatalf("%s, which was lost, again: %d %s, want 402", b.key, status, answer)
		}
		return
	}
	if status != http.StatusOK ||
		!strings.HasPrefix(answer, fmt.Sprintf(`{"accepted":%d,"duplicates":0,`, len(b.events))) {
		t.Fatalf("%s, which was lost, again: %d %s", b.key, status, answer)
	}
	b.events, b.at, b.lost = again, m.rig.Now(), false
	m.events = append(m.events, again...)
}

// loseKeyed notes behind a recovery which requests are lost. They are so as a whole.
func (m *machine) loseKeyed(t *rapid.T) {
	var rows []struct {
		Key    string `db:"request_key"`
		Events int
	}
	err := m.rig.DB.Select(&rows,
		"SELECT request_key, count(*) AS events FROM events WHERE request_key IS NOT NULL GROUP BY 1")
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for _, row := range rows {
		stored[row.Key] = row.Events
	}
	for _, b := range m.keyed {
		if n := stored[b.key]; n != 0 && n != len(b.events) {
			t.Fatalf("%d of the %d events of %s are there", n, len(b.events), b.key)
		}
		b.lost = stored[b.key] == 0
	}
}
