package web

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// window is what a state is looked at through.
type window struct {
	suffix        string
	width, height int64
	phone         bool
}

var (
	desk  = window{"", 1280, 800, false}
	tall  = window{"", 1280, 1600, false}
	phone = window{"-phone", 390, 844, true}
)

// states are what the page can look like: each is photographed and searched for obstacles.
var states = map[string]struct {
	windows []window
	open    func(*testing.T, *browsertest.Browser, *fake) *browsertest.Tab
}{
	"overview": {[]window{desk, phone}, openOverview},
	"tenant": {[]window{tall, phone}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		tab := b.Open(t, f.page()+"#/t/acme-corp?range=7d")
		tab.Until("all of the tenant is there", tenantShown)
		return tab
	}},
	"login": {[]window{desk, phone}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		f.locked = true
		tab := b.Open(t, f.page())
		tab.Until("the page asks for a key", "document.querySelector('#login').checkVisibility()")
		return tab
	}},
	"empty": {[]window{desk}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		f.tenants = nil
		tab := b.Open(t, f.page())
		tab.Until("the page says how to begin", "!document.querySelector('#empty').hidden")
		return tab
	}},
	"loading": {[]window{desk}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		f.hold()
		tab := b.Open(t, f.page())
		tab.Until("the page is loading", "!document.querySelector('#loading').hidden && document.querySelector('#overview').checkVisibility()")
		return tab
	}},
	"error": {[]window{desk}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		f.break503()
		tab := b.Open(t, f.page())
		tab.Until("the page says what is wrong", "!document.querySelector('#failed').hidden")
		return tab
	}},
	"away": {[]window{desk}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		tab := openOverview(t, b, f)
		f.leave()
		tab.Until("the banner says so", "document.querySelector('#banner[data-kind=away]:not([hidden])')")
		return tab
	}},
	"stale": {[]window{desk}, func(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
		f.stale = true
		tab := openOverview(t, b, f)
		tab.Until("the banner says so", "document.querySelector('#banner[data-kind=stale]:not([hidden])')")
		return tab
	}},
}

func openOverview(t *testing.T, b *browsertest.Browser, f *fake) *browsertest.Tab {
	t.Helper()
	tab := b.Open(t, f.page())
	tab.Until("all rows are there", "document.querySelectorAll('#rows tr:not(.spacer)').length === 11")
	return tab
}

const tenantShown = "document.querySelectorAll('#tenant canvas').length === 2 && document.querySelector('#features tr') && document.querySelector('#alerts li')"

// testObstacles looks for what keeps people with disabilities out, in every state, in light
// and in dark, on a desk and on a phone.
func testObstacles(t *testing.T, b *browsertest.Browser) {
	for name, tc := range states {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, cast()...)
			tab := tc.open(t, b, f)
			for _, w := range tc.windows {
				tab.Size(w.width, w.height, w.phone)
				for _, dark := range []bool{false, true} {
					tab.Dark(dark)
					for _, violation := range tab.Violations("testdata/axe/axe.min.js") {
						t.Errorf("%s%s, dark %v: %s", name, w.suffix, dark, violation)
					}
				}
			}
		})
	}
}
