package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// Keys for Press.
const (
	Tabulator = kb.Tab
	Down      = kb.ArrowDown
	Enter     = kb.Enter
)

// Tab is one page in a browser. Its methods fail the test that opened it.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	mistakes []string
}

// Open opens url in a tab of its own, with a window of 1280 by 800 pixels and light colours,
// after preparations. It is closed at the end of the test, which fails if the page has thrown
// an exception, logged an error, or done what its policy forbids.
func (b *Browser) Open(t testing.TB, url string, preparations ...chromedp.Action[chromedp.Void]) *Tab {
	t.Helper()
	tab := &Tab{t: t}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.listen))
	tab.ctx = ctx
	t.Cleanup(func() {
		cancel()
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, mistake := range tab.mistakes {
			t.Errorf("the page's console: %s", mistake)
		}
	})
	// The target lives as long as the context of the first call: not one with a time limit.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	tab.Do(slices.Concat([]chromedp.Action[chromedp.Void]{command(cdplog.Enable, cdp.Empty{}), size(1280, 800, false), scheme("light")},
		preparations, []chromedp.Action[chromedp.Void]{chromedp.Navigate(url)})...)
	return tab
}

func (tab *Tab) listen(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails)
		tab.mistakes = append(tab.mistakes, string(text))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "assert" {
			text, _ := json.Marshal(e.Args)
			tab.mistakes = append(tab.mistakes, string(text))
		}
	case *cdplog.EventEntryAdded:
		// Of the network, a server that is away is what some tests are about.
		if e.Entry.Level == "error" && e.Entry.Source != "network" && !strings.Contains(e.Entry.Text, "WebSocket") {
			tab.mistakes = append(tab.mistakes, e.Entry.Text)
		}
	}
}

// Do runs actions one after the other.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, waittest.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.t.Fatalf("drive the browser: %v", err)
	}
}

// Eval evaluates a JavaScript expression, or a promise of one, into result; nil ignores it.
func (tab *Tab) Eval(expression string, result any) {
	tab.t.Helper()
	if err := tab.eval(expression, result); err != nil {
		tab.t.Fatalf("evaluate %s: %v", shorten(expression), err)
	}
}

func (tab *Tab) eval(expression string, result any) error {
	if result == nil {
		expression = "Promise.resolve(" + expression + ").then(() => true)"
		result = new(bool)
	}
	ctx, cancel := context.WithTimeout(tab.ctx, waittest.Patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	if err == nil {
		err = json.Unmarshal(value, result)
	}
	return err
}

// between reports whether an evaluation has failed because the page was just going.
func between(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "navigated or closed") || strings.Contains(err.Error(), "context was destroyed"))
}

func shorten(text string) string {
	if len(text) > 500 {
		return text[:500] + "…"
	}
	return text
}

// Until waits until a JavaScript expression is true, and returns how long that took, for
// benchmarks. It is not true while the page gives way to another.
func (tab *Tab) Until(what, expression string) time.Duration {
	tab.t.Helper()
	start := time.Now()
	err := waittest.Wait(tab.ctx, waittest.Patience, what, func() (ok bool) {
		if err := tab.eval("Boolean("+expression+")", &ok); err != nil && !between(err) {
			tab.t.Fatalf("evaluate %s: %v", shorten(expression), err)
		}
		return ok
	})
	if err != nil {
		tab.t.Fatalf("%v (%s). The page says:\n%s", err, expression, shorten(strings.Join(strings.Fields(tab.Text("body")), " ")))
	}
	return time.Since(start)
}

// Text is the visible text of the first element that matches selector; "" without one.
func (tab *Tab) Text(selector string) (text string) {
	tab.t.Helper()
	tab.Eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector), &text)
	return text
}

// Click scrolls to the first element that matches selector and clicks on its middle.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.Do(chromedp.Click(selector, chromedp.NodeVisible))
}

// Type types text into an input.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.Do(chromedp.SendKeys(selector, text, chromedp.NodeVisible))
}

// Press presses keys, one after the other.
func (tab *Tab) Press(keys ...string) {
	tab.t.Helper()
	for _, key := range keys {
		tab.Do(chromedp.KeyEvent(key))
	}
}

// Back goes back in the history, as the button does.
func (tab *Tab) Back() {
	tab.t.Helper()
	tab.Eval("history.back()", nil)
}

// Screenshot is a PNG of the window.
func (tab *Tab) Screenshot() []byte {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, waittest.Patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tab.t.Fatalf("take a screenshot: %v", err)
	}
	return png
}
