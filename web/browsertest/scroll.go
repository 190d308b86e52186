package browsertest

import (
	"fmt"
	"testing"
)

// Paint is when a page showed something first and when it showed rows, in ms from the start of
// its navigation.
type Paint struct{ First, Rows float64 }

// Paint reads what the page has noted.
func (tab *Tab) Paint() (p Paint) {
	tab.t.Helper()
	tab.Until("the page has noted its first paint and its rows", `performance.getEntriesByName("first-contentful-paint").length && performance.getEntriesByName("rows").length`)
	tab.Eval(`({ First: performance.getEntriesByName("first-contentful-paint")[0].startTime,
		Rows: performance.getEntriesByName("rows")[0].startTime })`, &p)
	return p
}

// Scroll is how 300 frames went in which the overview was scrolled by 600 pixels each, which is
// faster than anybody reads.
type Scroll struct {
	Frames int
	Blank  int       // frames with no row in the middle of the window
	Rows   int       // the most rows that existed at once
	Made   int       // rows that were made meanwhile: the others were used again
	Placed int       // how often a row was put into the table
	Work   []float64 // ms from frame to frame, ascending
}

// Scroll scrolls the overview.
func (tab *Tab) Scroll() (s Scroll) {
	tab.t.Helper()
	tab.Eval(`new Promise(done => {
		const work = [], body = document.querySelector("#rows"), known = new Set(body.children);
		let blank = 0, rows = 0, made = 0, placed = 0, last = performance.now();
		const watch = new MutationObserver(records => {
			for (const row of records.flatMap(r => [...r.addedNodes])) {
				placed++;
				if (!known.has(row)) made++;
				known.add(row);
			}
		});
		watch.observe(body, { childList: true });
		const step = () => {
			const now = performance.now();
			work.push(now - last); last = now;
			const middle = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("tr");
			if (!middle || middle.classList.contains("spacer")) blank++;
			rows = Math.max(rows, body.children.length);
			if (work.length <= 300) { scrollBy(0, 600); requestAnimationFrame(step); return; }
			watch.disconnect();
			done({ Frames: work.length, Blank: blank, Rows: rows, Made: made, Placed: placed, Work: work.slice(1).sort((a, b) => a - b) });
		};
		requestAnimationFrame(step);
	})`, &s)
	return s
}

// Quantile is in ms a frame.
func (s Scroll) Quantile(q float64) float64 { return s.Work[int(q*float64(len(s.Work)-1))] }

const (
	// mostRows is how many rows a page may have at once: the window shows about 15, and there are
	// some more above and below.
	mostRows = 80
	// mostPlaced is how many rows a frame may put into the table: 600 pixels are nine or ten.
	mostPlaced = 20
)

// Check fails the test if a frame is blank or does more than its rows need. How long a frame
// takes is for a benchmark to tell (Report).
func (s Scroll) Check(t testing.TB) {
	t.Helper()
	if s.Blank > 0 {
		t.Errorf("%d of %d frames have no row in the middle", s.Blank, s.Frames)
	}
	if s.Rows > mostRows || s.Made > mostRows || s.Placed > mostPlaced*s.Frames {
		t.Errorf("%d rows exist at once, %d were made, %d were placed in %d frames", s.Rows, s.Made, s.Placed, s.Frames)
	}
}

// Report tells a benchmark how long frames took. More than 40 ms for half of them is jank.
func (s Scroll) Report(b *testing.B) {
	b.ReportMetric(s.Quantile(0.5), "median-ms/frame")
	b.ReportMetric(s.Quantile(0.95), "p95-ms/frame")
	b.ReportMetric(s.Quantile(1), "longest-ms/frame")
}

// Report tells a benchmark when the page was painted. A second is what people wait for gladly.
func (p Paint) Report(b *testing.B) {
	b.ReportMetric(p.First, "ms-to-first-paint")
	b.ReportMetric(p.Rows, "ms-to-rows")
}

func (s Scroll) String() string {
	return fmt.Sprintf("%d frames of 600 px: median %.1f ms, p95 %.1f ms, longest %.1f ms; %d with no row in the middle; at most %d rows exist, %d were made, %d placed",
		s.Frames, s.Quantile(0.5), s.Quantile(0.95), s.Quantile(1), s.Blank, s.Rows, s.Made, s.Placed)
}
