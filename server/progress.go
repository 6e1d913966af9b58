package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"vitrine/engine/hub"
)

// lineInterval is how often a download is told where no bar can be drawn.
const lineInterval = 5 * time.Second

// downloadDisplay shows how a download goes on: as a bar on a terminal, as a
// line now and then elsewhere. It shows nothing before it is told something.
type downloadDisplay struct {
	out  io.Writer
	bar  *progressbar.ProgressBar // nil until drawn, and where out is no terminal
	last hub.Event                // the last one that was shown
	at   time.Time                // when it was
}

func newDownloadDisplay(out io.Writer) *downloadDisplay { return &downloadDisplay{out: out} }

// show shows an event. It is a [hub.Progress].
func (d *downloadDisplay) show(e hub.Event) {
	if isTerminal(d.out) {
		d.draw(e)
		return
	}
	if now := time.Now(); e.Phase != d.last.Phase || e.Source != d.last.Source || now.Sub(d.at) >= lineInterval {
		d.last, d.at = e, now
		fmt.Fprintf(d.out, "%s: %s\n", origin(e), figures(e))
	}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// draw moves the bar. The numbers beside it are the hub's, which knows what an
// earlier download left.
func (d *downloadDisplay) draw(e hub.Event) {
	if e.Model != d.last.Model || e.Source != d.last.Source {
		d.close()
		fmt.Fprintln(d.out, origin(e))
	}
	if d.bar != nil && e.Phase != d.last.Phase {
		d.bar.Reset() // a bar that was full once does not move again
	}
	d.last = e
	if d.bar == nil {
		d.bar = progressbar.NewOptions64(max(e.Total, 1),
			progressbar.OptionSetWriter(d.out),
			progressbar.OptionSetWidth(16),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionThrottle(0), // the hub paces its events
		)
	}
	if e.Total > 0 && e.Total != d.bar.GetMax64() {
		d.bar.ChangeMax64(e.Total)
	}
	d.bar.Describe(figures(e))
	// A write to the terminal that fails leaves nothing to tell it to.
	_ = d.bar.Set64(min(e.Received, d.bar.GetMax64()))
}

// close leaves the terminal on a fresh line.
func (d *downloadDisplay) close() {
	if d.bar != nil {
		fmt.Fprintln(d.out)
		d.bar = nil
	}
}

// origin says what is fetched from where: "smollm2-135m-instruct from hub".
func origin(e hub.Event) string {
	if e.Source == "" {
		return e.Model
	}
	return fmt.Sprintf("%s from %s", e.Model, e.Source)
}

// figures says how far an event is: "downloading, 12 MiB of 94 MiB, 3.1 MiB/s,
// 26s left".
func figures(e hub.Event) string {
	var b strings.Builder
	b.WriteString(string(e.Phase))
	switch {
	case e.Total > 0 && e.Phase != hub.Done:
		fmt.Fprintf(&b, ", %s of %s", humanize.IBytes(uint64(e.Received)), humanize.IBytes(uint64(e.Total)))
	case e.Received > 0:
		fmt.Fprintf(&b, ", %s", humanize.IBytes(uint64(e.Received)))
	}
	if e.Rate > 0 {
		fmt.Fprintf(&b, ", %s/s", humanize.IBytes(uint64(e.Rate)))
	}
	if left := e.ETA.Round(time.Second); left > 0 {
		fmt.Fprintf(&b, ", %v left", left)
	}
	return b.String()
}
