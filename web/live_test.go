package web

import (
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

const (
	modeIs   = "document.querySelector('#connection').dataset.mode === "
	noBanner = "document.querySelector('#banner').hidden"
	// names are the tenants in the order in which they are shown.
	names = "[...document.querySelectorAll('#rows .name bdi')].map(e => e.textContent)"
)

// usedBy is what the page shows as used by a tenant.
func usedBy(name string) string {
	return "[...document.querySelectorAll('#rows tr')].find(r => " +
		"r.querySelector('bdi')?.textContent === '" + name +
		"')?.querySelector('.used .main').textContent"
}

func testLive(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := openOverview(t, b, f)
	tab.Eval("window.mark = 1", nil) // which a reload would lose
	tab.Until("a socket is open", modeIs+"'live'")
	before := f.askedFor("/tenants")
	f.use("acme-corp", 1500)
	tab.Until("the row has changed", usedBy("acme-corp")+" === '869,912'")
	f.use("fieldnote", 5_000_000)
	tab.Until("it is on top", names+"[0] === 'northwind-assist' && "+names+"[1] === 'fieldnote'")
	f.change(func() { f.tenants = f.tenants[1:] })
	tab.Until("the tenant has gone", "!"+names+".includes('acme-corp')")
	f.change(func() {
		f.tenants = append(f.tenants, &account{name: "newcomer", quota: 10, used: 9, zone: "UTC",
			thresholds: []int{80}})
	})
	tab.Until("a new one has come", usedBy("newcomer")+" === '9'")
	if asked := f.askedFor("/tenants") - before; asked > 0 {
		t.Errorf("the page has asked %d times for what the socket says at once", asked)
	}
	tab.Until("this is the page that was opened", "window.mark === 1")
}

// noFlash watches, frame by frame, that there are rows on the screen.
const noFlash = `(() => {
	window.frames_ = 0; window.empty_ = 0;
	const look = () => { frames_++; if (!document.querySelector('#rows tr:not(.spacer)')?.checkVisibility()) empty_++; requestAnimationFrame(look); };
	requestAnimationFrame(look);
})()`

// countPolls notes how many answers to polls there are until an expression is true.
func countPolls(expression string) string {
	return `(() => {
		const polls = () => performance.getEntriesByType("resource").filter(e => e.name.includes("/tenants?")).length;
		const before = polls(), rows = document.querySelector("#rows");
		new MutationObserver((_, watch) => {
			if (` + expression + `) { window.polls_ = polls() - before; watch.disconnect(); }
		}).observe(rows, { childList: true, characterData: true, subtree: true });
	})()`
}

func testRecovers(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := openOverview(t, b, f)
	tab.Until("a socket is open", modeIs+"'live'")
	tab.Eval(noFlash, nil)

	f.change(func() { f.noSockets = true })
	f.cut()
	tab.Until("it polls", modeIs+"'polling'")
	tab.Eval(countPolls(usedBy("acme-corp")+" === '868,413'"), nil)
	f.use("acme-corp", 1)
	tab.Until("polling brings the change", "window.polls_ !== undefined")
	var polls int
	if tab.Eval("polls_", &polls); polls > 2 { // one may have been on its way
		t.Errorf("the page has polled %d times until it shows a change", polls)
	}
	f.change(func() { f.noSockets = false })
	tab.Until("the socket is back", modeIs+"'live'")

	f.leave()
	tab.Until("the banner says that the server is away",
		"document.querySelector('#banner[data-kind=away]:not([hidden])')")
	tab.Until("the last figures are still there", usedBy("acme-corp")+" === '868,413'")
	f.comeBack()
	f.use("acme-corp", 1)
	tab.Until("the server's new figure is there", usedBy("acme-corp")+" === '868,414'")
	tab.Until("the banner has gone", noBanner)
	tab.Until("it is live again", modeIs+"'live'")

	f.change(func() { f.stale = true })
	tab.Until("the banner says that figures are behind",
		"document.querySelector('#banner[data-kind=stale]:not([hidden])')")
	f.change(func() { f.stale = false })
	tab.Until("the banner has gone", noBanner)

	var seen []int
	tab.Eval("[frames_, empty_]", &seen)
	if seen[0] < 10 || seen[1] > 0 {
		t.Errorf("in %d of %d frames there was no row to see", seen[1], seen[0])
	}
}

func testPolls304(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	f.noSockets = true
	now := time.Now()
	f.now = func() time.Time { return now } // or the pace would change
	tab := openOverview(t, b, f)
	tab.Until("an unchanged answer was a 304",
		"performance.getEntriesByType('resource').filter(e => "+
			"e.name.includes('/tenants?')).at(-1)?.responseStatus === 304")
	tab.Until("and counts as an update",
		"document.querySelector('#age').textContent === 'updated 0 s ago'")
}

func testPause(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := openOverview(t, b, f)
	tab.Click("#pause")
	tab.Until("it is paused",
		modeIs+"'paused' && document.querySelector('#pause').getAttribute('aria-pressed') === 'true'")
	waittest.Until(t, "a page that is paused closes its socket", func() bool {
		return f.listening() == 0
	})
	f.use("acme-corp", 1)
	tab.Click("#pause")
	tab.Until("it has caught up", usedBy("acme-corp")+" === '868,413'")

	hide := func(hidden string) {
		tab.Eval("(Object.defineProperty(document, 'hidden', { configurable: true, get: () => "+
			""+hidden+" }), document.dispatchEvent(new Event('visibilitychange')))", nil)
	}
	hide("true")
	tab.Until("a hidden page asks for nothing", "true")
	waittest.Until(t, "a hidden page closes its socket", func() bool { return f.listening() == 0 })
	f.use("acme-corp", 1)
	hide("false")
	tab.Until("it has caught up again", usedBy("acme-corp")+" === '868,414'")
}
