package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
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
func Downloaded(t *testing.T, pattern string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if paths, err := filepath.Glob(pattern); err == nil && len(paths) > 0 {
			if info, err := os.Stat(paths[0]); err == nil && info.Size() > 0 {
				return paths[0]
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was downloaded to %s", pattern)
		}
	}
}
