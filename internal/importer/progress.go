package importer

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// lineEvery is the pace of progress lines where there is no terminal to draw on.
const lineEvery = 5 * time.Second

// progress shows how far the import is: a bar on a terminal, else a line now and then.
type progress struct {
	w    io.Writer
	bar  *progressbar.ProgressBar // nil if w is not a terminal
	size int64                    // bytes of the input; -1 if unknown
	now  func() time.Time
	last time.Time // of the last line
}

func newProgress(w io.Writer, size int64, now func() time.Time) *progress {
	p := &progress{w: w, size: size, now: now, last: now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(size,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription("importing"),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowBytes(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetRenderBlankState(true),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// reached says that the first bytes of the input, which hold rows rows, are dealt with.
// A bar that fails to draw is no reason to stop an import.
func (p *progress) reached(bytes, rows int64) {
	if p.bar != nil {
		_ = p.bar.Set64(bytes)
		return
	}
	if now := p.now(); now.Sub(p.last) >= lineEvery {
		p.last = now
		if p.size > 0 {
			fmt.Fprintf(p.w, "importing: %s rows, %d %%\n", grouped(rows), bytes*100/p.size)
		} else {
			fmt.Fprintf(p.w, "importing: %s rows\n", grouped(rows))
		}
	}
}

// note prints a line without leaving half a bar beside it.
func (p *progress) note(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// done removes the bar.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}
