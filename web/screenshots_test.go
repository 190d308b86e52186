package web

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// screenshots go to a directory of the repository when asked for, since each run would change
// them a little. Those in docs/screenshots were made on Debian with fonts-inter installed, by
//
//	go test ./web -run TestInBrowser/screenshots -args -screenshots $PWD/docs/screenshots
var screenshots = flag.String("screenshots", "", "the directory to write screenshots to")

// most is how large a screenshot may be, in bytes.
const most = 200_000

func testScreenshots(t *testing.T, b *browsertest.Browser) {
	for name, tc := range states {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, cast()...)
			tab := tc.open(t, b, f)
			for _, window := range tc.windows {
				tab.Size(window.width, window.height, window.phone)
				shoot(t, tab, name+window.suffix)
			}
		})
	}
}

// shoot takes a picture in light and in dark.
func shoot(t *testing.T, tab *browsertest.Tab, name string) {
	t.Helper()
	dir := *screenshots
	if dir == "" {
		dir = t.TempDir()
	}
	for _, scheme := range []string{"light", "dark"} {
		tab.Dark(scheme == "dark")
		tab.Until("it is drawn", "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))")
		png := tab.Screenshot()
		if len(png) < 5000 || len(png) > most {
			t.Errorf("%s-%s has %d bytes", name, scheme, len(png))
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
