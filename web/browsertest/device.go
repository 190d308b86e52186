package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// Size sets the window in CSS pixels; phone: with a touch screen, and two pixels for each.
func (tab *Tab) Size(width, height int64, phone bool) {
	tab.t.Helper()
	tab.Do(size(width, height, phone))
}

// Dark asks for dark colours, as a setting of the system does, or for light ones.
func (tab *Tab) Dark(dark bool) {
	tab.t.Helper()
	if dark {
		tab.Do(scheme("dark"))
	} else {
		tab.Do(scheme("light"))
	}
}

func size(width, height int64, phone bool) chromedp.Action[chromedp.Void] {
	p := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: phone}
	if phone {
		p.DeviceScaleFactor = 2
	}
	return command(emulation.SetDeviceMetricsOverride, p)
}

// scheme also asks for no motion, so that no animation is caught half-way.
func scheme(name string) chromedp.Action[chromedp.Void] {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// command is a command of the protocol whose result is not needed.
func command[P, R any](c cdp.Command[P, R], p P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, p)
		return err
	})
}

// Memory is what a page holds after its garbage was collected.
type Memory struct {
	Heap             int64 // bytes of JavaScript
	Nodes, Listeners int64
}

// Memory collects the page's garbage and measures.
func (tab *Tab) Memory() (m Memory) {
	tab.t.Helper()
	collect := command(heapprofiler.CollectGarbage, cdp.Empty{})
	// One collection may only make the next one possible.
	tab.Do(command(performance.Enable, performance.EnableParams{}), collect, collect, collect)
	metrics, err := chromedp.Call(tab.ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		tab.t.Fatalf("measure the page's memory: %v", err)
	}
	for _, metric := range metrics.Metrics {
		switch metric.Name {
		case "JSHeapUsedSize":
			m.Heap = int64(metric.Value)
		case "Nodes":
			m.Nodes = int64(metric.Value)
		case "JSEventListeners":
			m.Listeners = int64(metric.Value)
		}
	}
	return m
}
