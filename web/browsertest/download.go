package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// DownloadTo is a preparation of Open: downloads of the tab go to dir, under their own names.
func DownloadTo(dir string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		c := chromedp.FromContext(ctx)
		_, err := cdp.Call(ctx, c.Browser, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: "allow", DownloadPath: dir, BrowserContextID: c.BrowserContextID,
		})
		return err
	})
}

// Downloaded waits until a download has arrived whole whose path matches pattern, and returns
// the path. Chromium gives a file its name when it is complete, or reserves the name with
// an empty one.
func Downloaded(t testing.TB, pattern string) (path string) {
	t.Helper()
	waittest.Until(t, "something is downloaded to "+pattern, func() bool {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			return false
		}
		path = paths[0]
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	})
	return path
}
