package browsertest

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// programs are where a browser may be, the first that runs is taken. FLAGMETER_CHROMIUM goes
// before all of them.
var programs = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// flags make it work for root and in closed networks, and keep it quiet.
var flags = []chromedp.ExecAllocatorOption{
	chromedp.Headless,
	chromedp.NoSandbox, // containers and root: it loads nothing but this repository's pages
	chromedp.NoFirstRun,
	chromedp.NoDefaultBrowserCheck,
	chromedp.DisableGPU,
	chromedp.Flag("disable-dev-shm-usage", true), // /dev/shm is 64 MB in many containers
	chromedp.Flag("disable-background-networking", true),
	chromedp.Flag("disable-component-update", true),
	chromedp.Flag("disable-default-apps", true),
	chromedp.Flag("disable-extensions", true),
	chromedp.Flag("disable-sync", true),
	chromedp.Flag("disable-quic", true),
	chromedp.Flag("metrics-recording-only", true),
	chromedp.Flag("password-store", "basic"),
	chromedp.Flag("use-mock-keychain", true),
	// A tab that is not in front must behave like one that is.
	chromedp.Flag("disable-background-timer-throttling", true),
	chromedp.Flag("disable-backgrounding-occluded-windows", true),
	chromedp.Flag("disable-renderer-backgrounding", true),
	chromedp.Flag("enable-precise-memory-info", true),
	chromedp.Flag("force-color-profile", "srgb"),
	chromedp.Flag("hide-scrollbars", true),
	chromedp.Flag("lang", "en-GB"),
	chromedp.Env("TZ=UTC", "LANGUAGE=en"),
}

// Browser is one running browser. It may be shared by tests that run one after the other.
type Browser struct {
	ctx context.Context
}

// Start starts a browser that is killed at the end of the test, and its profile removed.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := find()
	if program == "" {
		const missing = "no Chromium or Chrome found (make deps installs it; FLAGMETER_CHROMIUM names another)"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(waittest.Patience), // the first start on a busy machine is slow
	}, flags...)
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // closes it and waits for its end
			t.Logf("close the browser: %v", err)
		}
		cancel()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return &Browser{ctx: ctx}
}

func find() string {
	candidates := programs
	if own := os.Getenv("FLAGMETER_CHROMIUM"); own != "" {
		candidates = []string{own}
	}
	for _, name := range candidates {
		if runtime.GOOS != "darwin" && name[0] == '/' && name != os.Getenv("FLAGMETER_CHROMIUM") {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
