package e2e

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// What the page of a browser shows, as JavaScript.
const (
	loginShown = "document.querySelector('#login')?.checkVisibility()" +
		" && !document.querySelector('#overview')?.checkVisibility() &&" +
		" !document.querySelector('#tenant')?.checkVisibility()"
	overviewShown = "document.querySelector('#overview')?.checkVisibility() &&" +
		" !document.querySelector('#login')?.checkVisibility()"
	pageMode = "document.querySelector('#connection').dataset.mode"
)

// TestDashboardAsksWhoLooks signs in, follows a portal link, and ends both, in a browser.
func TestDashboardAsksWhoLooks(t *testing.T) {
	b := browsertest.Start(t)
	s := settingsOf(stacktest.New(t)).with("AUTH", "required").with("JWT_SECRET",
		strings.Repeat("x", 32))
	for _, name := range []string{"acme-corp", "globex"} {
		succeed(t, s, "tenants", "add", name, "--quota", "1000")
	}
	address := ingest(t, s)
	sender, admin := createKey(t, s, "--scope", "ingest"), createKey(t, s, "--scope", "admin")
	waittest.Until(t, "the keys are in force", func() bool {
		status, _ := requestAs(t, sender, "POST", address+"/events",
			`[{"id":"1","tenant":"acme-corp","feature":"chat","tokens":40},`+
				`{"id":"2","tenant":"globex","feature":"chat","tokens":2}]`)
		return status == 200
	})
	t.Run("sign in and out", func(t *testing.T) {
		tab := b.Open(t, address+"/usage#/t/globex")
		tab.Until("it asks for a key", loginShown)
		if found := tab.Violations(axe); len(found) > 0 {
			t.Errorf("accessibility of the form: %s", strings.Join(found, "\n"))
		}
		tab.Type("#login-key", "fm_read_nonsense")
		tab.Press(browsertest.Enter)
		tab.Until("it says that the key is wrong",
			"document.querySelector('#login-why').textContent.startsWith('This key is not known')")
		tab.Type("#login-key", sender)
		tab.Press(browsertest.Enter)
		tab.Until("or that it may not read",
			"document.querySelector('#login-why').textContent.startsWith('This key may not read')")
		tab.Type("#login-key", admin)
		tab.Press(browsertest.Enter)
		tab.Until("it goes where it was asked for",
			"document.querySelector('#tenant-body')?.checkVisibility() &&"+
				" document.querySelector('#figures dd')?.textContent === '2'")
		tab.Until("and is live", pageMode+" === 'live'")
		var cookies string
		tab.Eval("document.cookie", &cookies)
		if cookies != "" {
			t.Errorf("scripts see the cookie: %s", cookies)
		}
		tab.Eval("location.hash = '#/'", nil)
		tab.Until("all tenants are there",
			overviewShown+" && document.querySelectorAll('#rows .name').length === 2")
		tab.Eval("location.reload()", nil)
		tab.Until("also after a reload", "document.readyState === 'complete' && "+overviewShown+
			" && document.querySelectorAll('#rows .name').length === 2")
		tab.Click("#sign-out")
		tab.Until("then it asks again", loginShown+" && !document.querySelector('#rows .name')")
	})
	t.Run("a session that ends", func(t *testing.T) {
		key := createKey(t, s, "--scope", "read", "--tenant", "acme-corp")
		tab := b.Open(t, address+"/usage")
		tab.Until("it asks for a key", loginShown)
		waittest.Until(t, "the key is in force", func() bool {
			status, _ := requestAs(t, key, "GET", address+"/session", "")
			return status == 200
		})
		tab.Type("#login-key", key)
		tab.Click("#login-button")
		tab.Until("its own tenant is shown", "document.querySelector('#tenant-name-text')?.textContent"+
			" === 'acme-corp' && document.querySelector('#figures dd')?.textContent === '40'")
		tab.Until("and is live", pageMode+" === 'live'")
		succeed(t, s, "keys", "revoke", key)
		tab.Until("it asks again, and says why",
			loginShown+" && document.querySelector('#login-why').textContent ==="+
				" 'Your session has ended. Sign in again.'")
		tab.Until("nothing of it is left",
			"!document.querySelector('#figures') && !document.body.textContent.includes('acme-corp')")
	})
	t.Run("a portal link", func(t *testing.T) {
		token := strings.Split(succeed(t, s, "tokens", "mint", "--tenant", "acme-corp", "--ttl", "1h"),
			"\n")[0]
		dir := t.TempDir()
		tab := b.Open(t, address+"/usage#token="+token, browsertest.DownloadTo(dir))
		shown := "document.querySelector('#tenant-name-text')?.textContent === 'acme-corp' &&" +
			" document.querySelector('#figures dd')?.textContent === '40'"
		tab.Until("the tenant is shown", shown)
		tab.Until("over a socket", pageMode+" === 'live'")
		tab.Until("the token is not in the address",
			"!location.href.includes('token') && location.hash === '#/t/acme-corp'")
		for _, hash := range []string{"#/", "#/t/globex"} {
			tab.Eval("location.hash = '"+hash+"'", nil)
			tab.Until("no other address leads away", "location.hash === '#/t/acme-corp' && "+shown+
				" && !document.querySelector('#back').checkVisibility()")
		}
		tab.Until("the page knows nobody else", "!document.body.textContent.includes('globex')")
		tab.Until("its series is there",
			"document.querySelector('#series-csv').href.includes('series.csv')")
		tab.Click("#series-csv")
		if sum := columnSum(t, dir, "series", "tokens"); sum != 40 {
			t.Errorf("the file adds up to %d", sum)
		}
		tab.Eval("(window.before = true, location.reload())", nil)
		tab.Until("it is there after a reload",
			"!window.before && document.readyState === 'complete' && "+shown)

		// A link that is no good, in the same tab.
		tab.Eval("location.hash = '#token="+token[:len(token)-4]+"AAAA'", nil)
		tab.Until("it says that the link has ended", loginShown+
			" && document.querySelector('#login-why').textContent.startsWith('This link has ended')")
	})
}
