package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Messages about what happens after a rename have the new name. A message that is sent again keeps
// its text to the letter.
func TestMessagesHaveTheNameOfTheirMoment(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80, 95)
	w.AddSlack("acme", "/a")
	w.Slack.Answers(alertertest.Status(500))
	a := w.alerter()
	w.run(a)
	w.Exec("UPDATE tenants SET display_name = 'acme2' WHERE name = 'acme'")
	w.Change("acme", func(u *meter.Usage) {
		u.Tenant.DisplayName, u.Tenant.Aliases = "acme2", []string{"acme2"}
	})
	w.Slack.Answers(nil)
	w.Advance(2 * time.Second)
	w.run(a)
	if got := w.WantMessages("acme", "acme"); got[0] != got[1] {
		t.Errorf("the repeated message says something else: %q", got)
	}
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 960 })
	w.Advance(2 * time.Second)
	w.run(a)
	got := w.WantMessages("acme", "acme", "acme2")
	if !strings.Contains(got[2].Text, "acme2 has used 96% of its quota") {
		t.Errorf("got %s", got[2].Text)
	}
	if n := w.Count("alerts WHERE tenant = 'acme'"); n != 2 {
		t.Errorf("%d alerts of the key, want 2", n)
	}
}
