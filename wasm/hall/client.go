//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// client is the page's program.
type client struct {
	words     *page.Words
	theme     *page.Theme
	socket    *page.Socket
	inspector *page.Inspector
	hall      hall.Hall
	joined    bool // a snapshot has come before
	lost      int  // seconds until the next attempt to connect, −1 while connected

	// What is seen.
	at     int // place in the records, −1 before the first
	live   bool
	moment hall.Moment
	chosen uint32 // a request, 0 for none
	asked  uint32 // whose tokens the server was asked for
	by     hall.Colouring
	view   string // "memory" or "races"
	wanted wanted // what the address asks for and is not there yet
	source string // the function whose source is asked for
	still  bool   // the reader asked for reduced motion

	grid     *grid
	chart    *chart
	table    *table
	happened *happened
	meters   *meters
	controls *controls
	run      *run
	races    *races
	address  *address

	status *page.TextCell
	paused *pausedNotice
	dot    string // the status dot's state, as it is shown
	model  string // the model's figures, as they are shown

	problem func() string
	pace    *page.Pace
	due     bool    // a frame of the screen is asked for
	waits   bool    // what the engine did is drawn soon
	fresh   bool    // something changed since the last one
	running bool    // the engine computes, as far as the page has seen
	curves  float64 // when the chart and the meters were last drawn, by the screen's clock
	onFrame js.Func
	screen  js.Value
}

// secretKey is where the browser keeps who the reader is, and nameKey how the
// reader is called.
const (
	secretKey = "vitrine.hall"
	nameKey   = "vitrine.name"
)

func newClient() *client {
	c := &client{words: page.NewWords(), live: true, at: -1, lost: -1, view: "memory", screen: page.Window.Get("requestAnimationFrame")}
	page.OnStill(func(still bool) { c.still = still })
	c.pace = page.NewPace()
	c.theme = page.NewTheme(c.words, c.redraw)
	c.onFrame = js.FuncOf(func(_ js.Value, args []js.Value) any {
		c.due = false
		c.draw(args[0].Float())
		return nil
	})
	c.inspector = page.NewInspector(c.words, c.wake, c.openSource)
	c.status = page.NewTextCell(page.ByID("status-text"))
	c.paused = newPausedNotice(c)
	c.grid, c.chart, c.table, c.meters = newGrid(c), newChart(c), newTable(c), newMeters(c)
	c.controls, c.run, c.races, c.happened = newControls(c), newRun(c), newRaces(c), newHappened(c)
	c.inspector.Resting = c.resting
	c.address = newAddress(c)
	page.ByID("language").OnClick(c.switchLanguage)
	page.ByID("problem-close").OnClick(func() { c.complain(nil) })
	for _, view := range []string{"memory", "races"} {
		page.ByID("tab-" + view).OnClick(func() { c.open(view) })
	}
	page.ByID("tabs").On("keydown", func(event js.Value) {
		switch event.Get("key").String() {
		case "ArrowRight", "ArrowLeft", "Home", "End":
			event.Call("preventDefault")
			c.open(map[string]string{"memory": "races", "races": "memory"}[c.view])
			page.ByID("tab-" + c.view).Focus()
		}
	})
	c.listenToKeys()
	c.socket = &page.Socket{Path: "/ws/serving", Opened: c.join, Frame: c.receive, Lost: func(seconds int) {
		c.lost = seconds
		c.changed()
	}}
	c.changed()
	return c
}

// changed has everything drawn with the next frame of the screen.
func (c *client) changed() {
	c.fresh = true
	c.wake()
}

// redraw has everything drawn anew, what is drawn seldom while the engine runs too.
func (c *client) redraw() {
	c.curves = math.Inf(-1)
	c.changed()
}

// wake asks for a frame of the screen; while the engine computes, when the page
// has rested enough.
func (c *client) wake() {
	switch {
	case c.due:
	case c.running:
		c.pace.Rest(c.askFrame)
	default:
		c.askFrame()
	}
}

func (c *client) askFrame() {
	if !c.due {
		c.due = true
		c.screen.Invoke(c.onFrame)
	}
}

// join says who the reader is.
func (c *client) join() {
	c.lost = -1
	c.asked = 0
	c.sayWho(false)
	c.pace.TellAnew(c.socket)
	c.changed()
}

// sayWho tells the reader's name and language; known says that the page has joined.
func (c *client) sayWho(known bool) {
	c.socket.Send(&wire.HallJoin{Secret: page.Stored("localStorage", secretKey), Name: page.Stored("localStorage", nameKey), Locale: c.words.Lang, Known: known})
}

// receive takes one message from the server.
func (c *client) receive(raw []byte) {
	frame, err := wire.DecodeHallFrame(raw)
	if err != nil {
		c.complain(func() string { return c.words.Unreadable(err) })
		return
	}
	if together, ok := frame.(*wire.Bundle); ok {
		for _, raw := range together.Frames {
			c.receive(raw)
		}
		return
	}
	switch f := frame.(type) {
	case *wire.Problem:
		c.refused(f)
	case *wire.Source:
		if f.Func == c.source {
			page.ShowSource(f)
		}
	case *wire.HallHello:
		page.Store("localStorage", secretKey, f.Secret)
	}
	changed := c.hall.Apply(frame)
	if f, ok := frame.(*wire.HallRecord); ok && c.chosen == 0 {
		c.chooseOwn(f.Added)
	}
	if changed&hall.ChangeGap != 0 {
		c.join() // everything is told anew
		return
	}
	if changed&hall.ChangeReset != 0 {
		c.live, c.at = true, -1
		c.asked = 0
		if c.hall.Now().Request(c.chosen) == nil && !c.wanted.pending && c.joined {
			c.chosen = 0
		}
		c.joined = true
		c.grid.forget()
		c.controls.adopt()
		c.inspector.Release()
	}
	switch {
	case changed&^(hall.ChangeRecord|hall.ChangeText) != 0:
		c.changed()
	case changed != 0:
		c.later()
	}
}

// later has what the engine did drawn, a dozen times a second at most: engine
// and page share a machine as a rule, and what the page draws with, the engine lacks.
func (c *client) later() {
	if c.running && c.pace.Saves() { // it rests longer than that after each drawing
		c.changed()
		return
	}
	if !c.waits {
		c.waits = true
		page.After(pace, func() {
			c.waits = false
			c.changed()
		})
	}
}

// pace is the time between two drawings of what the engine does, in ms.
const pace = 80

// curvesPace is the time between two drawings of the chart and the meters while
// the page saves, in ms. They are many pictures, which cost the browser more
// than they cost this program.
const curvesPace = 1000

// refused tells of a command that the server did not take.
func (c *client) refused(p *wire.Problem) {
	say := func() string { return wire.Told(p.Detail, c.words.Lang) }
	if p.Query != 0 {
		page.ByID("source-text").SetText(say())
		return
	}
	c.complain(say)
}

// complain shows a problem until it is closed; nil takes it away.
func (c *client) complain(say func() string) {
	c.problem = say
	page.ByID("problem").SetHidden(say == nil)
	if say != nil {
		page.ByID("problem-text").SetText(say())
	}
}

// send sends a command, and takes an old problem away.
func (c *client) send(command wire.Command) {
	c.complain(nil)
	c.socket.Send(command)
}

// openSource asks for the source of a function and opens its panel.
func (c *client) openSource(fn string) {
	c.source = fn
	page.ByID("source-title").SetText(fn)
	page.ByID("source-place").SetText("")
	page.ByID("source-text").SetText(c.words.Say("inspector.source_asking"))
	page.ByID("source").Call("showModal")
	c.socket.Send(&wire.Query{ID: 1, What: wire.QuerySource, Text: fn})
}

// draw writes what changed.
func (c *client) draw(t float64) {
	again := false
	c.pace.Begin()
	if c.fresh {
		c.fresh = false
		c.running = c.hall.Race().Running || !c.hall.State().Paused && c.busy()
		last := len(c.hall.Records()) - 1
		c.pace.Tell(c.socket, c.running)
		c.wanted.take(c)
		if c.live {
			c.at = last
		}
		c.at = min(c.at, last)
		c.moment = c.hall.Moment(c.at)
		c.watch()
		c.showStatus()
		c.paused.show()
		c.run.show()
		c.controls.show()
		c.table.show()
		c.happened.show()
		c.races.show()
		c.address.show()
		c.grid.look(t)
		if !c.running || !c.pace.Saves() || t-c.curves >= curvesPace {
			c.curves = t
			c.chart.stale, c.meters.stale = true, true
		}
	}
	if c.view == "memory" {
		again = c.grid.frame(t)
		c.chart.frame()
	} else {
		c.races.frame()
	}
	c.meters.frame()
	c.inspector.Frame()
	c.pace.End()
	if again {
		c.wake()
	}
}

// watch asks for the chosen request's tokens.
func (c *client) watch() {
	if c.chosen != c.asked && c.socket.Ready && c.hall.Joined() {
		c.asked = c.chosen
		c.socket.Send(&wire.HallWatch{Request: c.chosen})
	}
}

// choose chooses a request, 0 for none.
func (c *client) choose(request uint32) {
	c.chosen = request
	c.changed()
}

// seek shows the moment after the record at a place.
func (c *client) seek(at int) {
	last := len(c.hall.Records()) - 1
	c.at = min(max(at, -1), last)
	c.live = false
	c.changed()
}

// chooseOwn chooses the first request that the reader adds, so that there is
// something to see.
func (c *client) chooseOwn(added []wire.HallRequest) {
	for i := range added {
		if added[i].Reader == c.hall.Hello().You {
			c.chosen = added[i].ID
			return
		}
	}
}

// open opens a view.
func (c *client) open(view string) {
	if view != "memory" && view != "races" {
		return
	}
	c.view = view
	for _, name := range []string{"memory", "races"} {
		page.ByID("panel-" + name).SetHidden(name != view)
		tab := page.ByID("tab-" + name)
		tab.SetAttr("aria-selected", page.BoolText(name == view))
		tab.SetAttr("tabindex", map[bool]string{true: "0", false: "-1"}[name == view])
	}
	c.inspector.Release()
	c.changed()
}

// switchLanguage changes between English and Chinese, without a reload.
func (c *client) switchLanguage() {
	if c.words.Lang == "en" {
		c.words.Use("zh")
	} else {
		c.words.Use("en")
	}
	c.run.said = ""
	c.sayWho(true) // requests are made in the language of the page
	if c.problem != nil {
		c.complain(c.problem)
	}
	c.changed()
}

// busy reports whether a request waits or runs.
func (c *client) busy() bool {
	now := c.hall.Now()
	for i := range now.Requests {
		if !now.Requests[i].Finished() {
			return true
		}
	}
	return false
}

// showModel writes the model's figures.
func (c *client) showModel(m *wire.Model) {
	title := m.Title
	if title == "" {
		title = m.Name
	}
	how := m.Quantization + " · " + m.Backend
	if title+how == c.model {
		return
	}
	c.model = title + how
	list := page.ByID("model")
	list.Clear()
	if m.Layers == 0 {
		return
	}
	for _, text := range []string{title, how} {
		list.Append(page.Create("div", "").Append(page.Create("dd", "").With(text)))
	}
}

// readerName is how a reader is called.
func (c *client) readerName(id uint32) string {
	r, _ := c.hall.Reader(id)
	if r.Name != "" {
		return r.Name
	}
	return c.words.Say("hall.reader", "N", page.Decimal(int(id)))
}

// stateName is a request's state in words.
func (c *client) stateName(s wire.RunState) string {
	key := "hall.waiting"
	switch s {
	case wire.StatePrefill:
		key = "hall.prefill"
	case wire.StateRunning:
		key = "hall.running"
	case wire.StatePaused:
		key = "hall.paused"
	case wire.StatePreempted:
		key = "hall.preempted"
	case wire.StateStopped:
		key = "hall.stopped"
	case wire.StateLengthCapped:
		key = "hall.length"
	case wire.StateAborted:
		key = "hall.aborted"
	}
	return c.words.Say(key)
}
