package web

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// inBrowser are the tests of the page in a real browser, which they share.
var inBrowser = []struct {
	name string
	test func(*testing.T, *browsertest.Browser)
}{
	{"modules", testModules},
	{"one round", testOneRound},
	{"live", testLive},
	{"recovers", testRecovers},
	{"polls with 304", testPolls304},
	{"pause and hide", testPause},
	{"search and sort", testSearchAndSort},
	{"back", testBack},
	{"keyboard", testKeyboard},
	{"hostile names", testHostileNames},
	{"unknown tenant", testUnknownTenant},
	{"csv", testCSV},
	{"crowd", testCrowd},
	{"memory", testMemory},
	{"obstacles", testObstacles},
	{"screenshots", testScreenshots},
}

func TestInBrowser(t *testing.T) {
	b := browsertest.Start(t)
	for _, tc := range inBrowser {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, b) })
	}
}
