package alerter

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestSlackText(t *testing.T) {
	const id = "018f0c4e-0000-7000-8000-000000000001"
	base := delivery{
		AlertID:     uuid.MustParse(id),
		Tenant:      "acme-corp",
		PeriodStart: meter.DayOf(2026, 11, 1),
		PeriodEnd:   meter.DayOf(2026, 12, 1),
		Threshold:   80,
		Used:        821_355,
		Quota:       1_000_000,
	}
	tests := []struct {
		name      string
		change    func(*delivery)
		dashboard string
		want      string
	}{
		{"percent rounded down, thousands separated, period with its last day", func(*delivery) {}, "",
			":warning: acme-corp has used 82.13% of its quota: 821,355 / 1,000,000 tokens.\n" +
				"Threshold 80% · billing period 2026-11-01 to 2026-11-30 · alert " + id},
		{"above the quota", func(d *delivery) { d.Used = 1_500_000; d.Threshold = 150 }, "",
			":rotating_light: acme-corp has used 150% of its quota: 1,500,000 / 1,000,000 tokens.\n" +
				"Threshold 150% · billing period 2026-11-01 to 2026-11-30 · alert " + id},
		{"markup in a name is text", func(d *delivery) { d.Tenant = "<!channel> A&B <https://evil|x>" }, "",
			":warning: &lt;!channel&gt; A&amp;B &lt;https://evil|x&gt; has used 82.13% of its quota: 821,355 / 1,000,000 tokens.\n" +
				"Threshold 80% · billing period 2026-11-01 to 2026-11-30 · alert " + id},
		{"dashboard linked", func(*delivery) {}, "https://meter.example.com/usage?a=1&b=2",
			":warning: acme-corp has used 82.13% of its quota: 821,355 / 1,000,000 tokens.\n" +
				"Threshold 80% · billing period 2026-11-01 to 2026-11-30 · alert " + id +
				"\n<https://meter.example.com/usage?a=1&amp;b=2|Open the dashboard>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := base
			tt.change(&d)
			body, err := slackPayload(d, tt.dashboard)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got["text"] != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
