package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"vitrine/engine/hub"
)

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		e    hub.Event
		want string
	}{
		{hub.Event{Phase: hub.Asking}, "asking"},
		{hub.Event{Phase: hub.Downloading, Received: 12 << 20, Total: 94 << 20}, "downloading, 12 MiB of 94 MiB"},
		{hub.Event{Phase: hub.Downloading, Received: 12 << 20, Total: 94 << 20, Rate: 3.25 * (1 << 20), ETA: 25*time.Second + 400*time.Millisecond},
			"downloading, 12 MiB of 94 MiB, 3.3 MiB/s, 25s left"},
		{hub.Event{Phase: hub.Downloading, Received: 3 << 10, Rate: 1 << 10}, "downloading, 3.0 KiB, 1.0 KiB/s"},
		{hub.Event{Phase: hub.Done, Received: 94 << 20, Total: 94 << 20}, "done, 94 MiB"},
	} {
		if got := figures(c.e); got != c.want {
			t.Errorf("%+v: %q, want %q", c.e, got, c.want)
		}
	}
}

// TestDownloadOnNoTerminal shows that a log is not flooded: ten events a second
// for as long as the phase lasts make one line.
func TestDownloadOnNoTerminal(t *testing.T) {
	var out bytes.Buffer
	d := newDownloadDisplay(&out)
	e := hub.Event{Model: "m", Source: hub.FromHub, Phase: hub.Asking}
	d.show(e)
	for i := range 50 {
		e.Phase, e.Received, e.Total = hub.Downloading, int64(i), 50
		d.show(e)
	}
	e.Phase = hub.Done
	d.show(e)
	d.close()
	want := "m from hub: asking\nm from hub: downloading, 0 B of 50 B\nm from hub: done, 49 B\n"
	if got := out.String(); got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if strings.ContainsRune(out.String(), '\r') {
		t.Error("a carriage return in a log")
	}
}
