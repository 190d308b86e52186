package browsertest

import (
	"fmt"
	"testing"
)

// Scroll is how 300 frames went in which the overview was scrolled by 600 pixels each, which is
// faster than anybody reads.
type Scroll struct {
	Frames int
	Blank  int       // frames with no row in the middle of the window
	Rows   int       // the most rows that existed at once
	Work   []float64 // ms from frame to frame, ascending
}

// Scroll scrolls the overview.
func (tab *Tab) Scroll() (s Scroll) {
	tab.t.Helper()
	tab.Eval(`new Promise(done => {
		const work = [];
		let blank = 0, rows = 0, last = performance.now();
		const step = () => {
			const now = performance.now();
			work.push(now - last); last = now;
			const middle = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("tr");
			if (!middle || middle.classList.contains("spacer")) blank++;
			rows = Math.max(rows, document.querySelectorAll("#rows tr").length);
			if (work.length > 300) done({ Frames: work.length, Blank: blank, Rows: rows, Work: work.slice(1).sort((a, b) => a - b) });
			else { scrollBy(0, 600); requestAnimationFrame(step); }
		};
		requestAnimationFrame(step);
	})`, &s)
	return s
}

// Quantile is in ms a frame.
func (s Scroll) Quantile(q float64) float64 { return s.Work[int(q*float64(len(s.Work)-1))] }

// Check fails the test if the page keeps too many rows, or half of the frames are late: that
// would be jank on any machine, and this one may be shared.
func (s Scroll) Check(t *testing.T) {
	t.Helper()
	if s.Rows > 80 {
		t.Errorf("%d rows exist at once", s.Rows)
	}
	if s.Quantile(0.5) > 40 {
		t.Errorf("half of the frames take longer than %.1f ms", s.Quantile(0.5))
	}
}

func (s Scroll) String() string {
	return fmt.Sprintf("%d frames of 600 px: median %.1f ms, p95 %.1f ms, longest %.1f ms; %d with no row in the middle; at most %d rows exist",
		s.Frames, s.Quantile(0.5), s.Quantile(0.95), s.Quantile(1), s.Blank, s.Rows)
}
