package alerter

import (
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// What happens after a tenant was renamed is told under its new name; a message that is
// repeated stays the same to the letter.
func TestMessagesHaveTheNameOfTheirMoment(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80, 95)
	w.webhook("acme", "/a")
	w.slack.answers(status(500))
	a := w.alerter()
	w.run(a)
	w.exec("UPDATE tenants SET display_name = 'acme2' WHERE name = 'acme'")
	w.change("acme", func(u *meter.Usage) {
		u.Tenant.DisplayName, u.Tenant.Aliases = "acme2", []string{"acme2"}
	})
	w.slack.answers(nil)
	w.advance(2 * time.Second)
	w.run(a)
	if got := w.wantMessages("acme", "acme"); got[0] != got[1] {
		t.Errorf("the repeated message says something else: %q", got)
	}
	w.change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 960 })
	w.advance(2 * time.Second)
	w.run(a)
	got := w.wantMessages("acme", "acme", "acme2")
	if !strings.Contains(got[2].text, "acme2 has used 96% of its quota") {
		t.Errorf("got %s", got[2].text)
	}
	if n := w.count("alerts WHERE tenant = 'acme'"); n != 2 {
		t.Errorf("%d alerts of the key, want 2", n)
	}
}
