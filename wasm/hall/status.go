//go:build js && wasm

package main

import (
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// showStatus writes how the connection, the model and the engine stand.
func (c *client) showStatus() {
	hello, state := c.hall.Hello(), c.hall.State()
	c.showModel(&hello.Model)
	key, dot := "status.connecting", "wait"
	switch {
	case c.lost > 0:
		dot = "gone"
	case !c.socket.Ready || hello.You == 0:
	case hello.Phase != wire.PhaseReady:
		key = phaseKeys[hello.Phase]
	case !c.hall.Joined():
		key = "hall.status_set_up"
	case c.hall.Race().Running:
		key, dot = "hall.status_race", "busy"
	case state.Paused:
		key, dot = "hall.status_paused", "idle"
	case c.busy():
		key, dot = "hall.status_running", "busy"
	default:
		key, dot = "hall.status_idle", "ready"
	}
	says := c.words.Say(key)
	switch {
	case c.lost > 0:
		says = c.words.Count(c.lostKey(), c.lost)
	case key == "hall.status_paused" && c.pausedByOther():
		says = c.words.Say("hall.status_paused_by", "Name", c.readerName(state.By))
	}
	c.status.Show(says)
	if dot != c.dot {
		c.dot = dot
		page.ByID("status-dot").SetAttr("data-state", dot)
	}
}

// phaseKeys say how far the model is.
var phaseKeys = [...]string{
	wire.PhaseNoModel: "status.no_model", wire.PhaseDownloading: "status.downloading", wire.PhaseLoading: "status.loading",
	wire.PhaseReady: "hall.status_idle", wire.PhaseFailed: "status.failed",
}

// lostKey says why there is no connection.
func (c *client) lostKey() string {
	switch c.socket.Code {
	case wire.CloseHallFull:
		return "hall.status_full"
	case wire.CloseHallElsewhere:
		return "hall.status_elsewhere"
	}
	return "status.retrying"
}

// noPool says why there is no pool to be seen.
func (c *client) noPool() string {
	hello, key := c.hall.Hello(), "hall.pool_connecting"
	switch {
	case c.socket.Code == wire.CloseHallFull:
		key = "hall.pool_full"
	case c.socket.Code == wire.CloseHallElsewhere:
		key = "hall.pool_elsewhere"
	case !c.socket.Ready || hello.You == 0:
	default:
		key = [...]string{
			wire.PhaseNoModel: "hall.pool_no_model", wire.PhaseDownloading: "hall.pool_downloading", wire.PhaseLoading: "hall.pool_loading",
			wire.PhaseReady: "hall.pool_set_up", wire.PhaseFailed: "hall.pool_failed",
		}[hello.Phase]
	}
	return c.words.Say(key)
}

// pausedByOther reports whether somebody else than this reader has paused the engine.
func (c *client) pausedByOther() bool {
	state := c.hall.State()
	return state.Paused && state.By != 0 && state.By != c.hall.Hello().You
}

// pausedNotice tells those who have not paused the engine themselves who has, and lets
// them have it run again, in whichever view they are.
type pausedNotice struct {
	c      *client
	notice page.Element
	text   *page.TextCell
	shown  bool
}

func newPausedNotice(c *client) *pausedNotice {
	n := &pausedNotice{c: c, notice: page.ByID("paused"), text: page.NewTextCell(page.ByID("paused-text"))}
	page.ByID("paused-resume").OnClick(func() { c.send(&wire.HallControl{Op: wire.HallResume}) })
	return n
}

func (n *pausedNotice) show() {
	on := n.c.socket.Ready && n.c.hall.Joined() && !n.c.hall.Race().Running && n.c.pausedByOther() // and the button works
	if on {
		n.text.Show(n.c.words.Say("hall.paused_by", "Name", n.c.readerName(n.c.hall.State().By)))
	}
	if on != n.shown {
		n.shown = on
		n.notice.SetHidden(!on)
	}
}
