//go:build js && wasm

package main

import (
	"math"
	"strconv"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// status says how things stand: the model's figures, the connection, the way
// to a model, and what went wrong.
type status struct {
	c           *client
	model       page.Element
	welcome     page.Element // where the page says on which machine the model runs
	text        *page.TextCell
	dot         page.Element
	arrival     page.Element
	arrivalText *page.TextCell
	bar         page.Element
	figures     *page.TextCell
	again       page.Element
	problem     page.Element
	problemText *page.TextCell
	said        func() string // what the problem says, in the language of the moment
	lostFor     int           // seconds until the next attempt to connect, −1 while connected
}

func newStatus(c *client) *status {
	s := &status{
		c: c, model: page.ByID("model"), welcome: page.ByID("welcome").Find(".quiet [data-t]"), text: page.NewTextCell(page.ByID("status-text")), dot: page.ByID("status-dot"),
		arrival: page.ByID("arrival"), arrivalText: page.NewTextCell(page.ByID("arrival-text")), bar: page.ByID("arrival-bar"),
		figures: page.NewTextCell(page.ByID("arrival-figures")), again: page.ByID("arrival-again"), problem: page.ByID("problem"), problemText: page.NewTextCell(page.ByID("problem-text")),
		lostFor: -1,
	}
	page.ByID("problem-close").OnClick(s.calm)
	s.again.OnClick(func() { c.socket.Send(&wire.Retry{}) })
	return s
}

// complain shows a problem until it is closed or another takes its place.
func (s *status) complain(say func() string) {
	s.said = say
	s.problemText.Show(say())
	s.problem.SetHidden(false)
}

// calm takes the problem away.
func (s *status) calm() {
	s.said = nil
	s.problem.SetHidden(true)
}

// problemIn says a server's problem in the page's language.
func (s *status) problemIn(p *wire.Problem) string { return wire.Told(p.Detail, s.c.words.Lang) }

func (s *status) update(what change) {
	if what.has(session.ChangeModel) || what.saw(changedLanguage|changedSession) {
		s.showModel()
	}
	if what.has(session.ChangeStatus|session.ChangeState|session.ChangeModel) || what.saw(changedLanguage|changedSocket|changedSession) {
		s.showState()
		s.showArrival()
	}
	if what.saw(changedLanguage) && s.said != nil {
		s.problemText.Show(s.said())
	}
}

// showModel writes the model's figures.
func (s *status) showModel() {
	s.model.Clear()
	m := s.c.shown.Model()
	welcome := "chat.welcome_more"
	if r := s.c.shown.Remote(); r != nil {
		welcome = "remote.welcome"
		s.showRemote(m.Name, r)
	}
	s.c.resay(s.welcome, welcome)
	if m.Layers == 0 {
		return
	}
	title := m.Title
	if title == "" {
		title = m.Name
	}
	s.figure(title, "")
	s.figure(m.Quantization+" · "+m.Backend, "")
	s.figure(page.Decimal(int(m.Layers)), s.c.words.Say("shell.fact_layers"))
	s.figure(page.Decimal(int(m.Heads)), s.c.words.Say("shell.fact_heads"))
	s.figure(page.Grouped(int(m.Width)), s.c.words.Say("shell.fact_wide"))
	s.figure(page.Grouped(int(m.Vocab)), s.c.words.Say("shell.fact_tokens"))
}

func (s *status) figure(value, unit string) {
	group := page.Create("div", "")
	group.Append(page.Create("dd", "").With(value))
	if unit != "" {
		group.Append(page.Create("dt", "").With(unit))
	}
	s.model.Append(group)
}

// showState writes how the connection and the request stand.
func (s *status) showState() {
	var key, dot string
	switch {
	case s.lostFor > 0:
		s.text.Show(s.c.words.Count("status.retrying", s.lostFor))
		s.dot.SetAttr("data-state", "gone")
		return
	case !s.c.socket.Ready:
		key, dot = "status.connecting", "wait"
	case s.c.replay != nil:
		key, dot = "status.replay", "idle"
	case s.c.phase() != wire.PhaseReady:
		key, dot = phaseKey(s.c.phase())
	default:
		key, dot = stateKey(s.c.live.State().State)
	}
	s.text.Show(s.c.words.Say(key))
	s.dot.SetAttr("data-state", dot)
}

func phaseKey(p wire.Phase) (key, dot string) {
	switch p {
	case wire.PhaseDownloading:
		return "status.downloading", "wait"
	case wire.PhaseLoading:
		return "status.loading", "wait"
	case wire.PhaseFailed:
		return "status.failed", "gone"
	}
	return "status.no_model", "gone"
}

func stateKey(s wire.RunState) (key, dot string) {
	switch s {
	case wire.StateWaiting:
		return "status.waiting", "wait"
	case wire.StatePrefill:
		return "status.prefill", "busy"
	case wire.StateRunning:
		return "status.running", "busy"
	case wire.StatePaused:
		return "status.paused", "ready"
	case wire.StatePreempted:
		return "status.preempted", "wait"
	case wire.StateStopped:
		return "status.stopped", "ready"
	case wire.StateLengthCapped:
		return "status.length", "ready"
	case wire.StateAborted:
		return "status.aborted", "ready"
	}
	return "status.idle", "ready"
}

// showArrival tells of the way to a model while there is one to tell of.
func (s *status) showArrival() {
	phase, now := s.c.phase(), s.c.live.Status()
	s.arrival.SetHidden(!s.c.socket.Ready || phase == wire.PhaseReady)
	s.arrival.SetClass("problem", phase == wire.PhaseFailed)
	s.again.SetHidden(phase != wire.PhaseFailed)
	s.bar.SetHidden(phase == wire.PhaseFailed || phase == wire.PhaseNoModel)
	s.figures.Show("")
	say := s.c.words.Say
	switch phase {
	case wire.PhaseNoModel:
		s.arrivalText.Show(say("arrival.no_model"))
	case wire.PhaseLoading:
		s.arrivalText.Show(say("arrival.loading", "Name", now.Name))
		s.bar.Call("removeAttribute", "value") // it is not known how long this takes
	case wire.PhaseFailed:
		s.arrivalText.Show(say("arrival.failed", "Detail", wire.Told(now.Detail, s.c.words.Lang)))
	case wire.PhaseDownloading:
		if now.Source == "" {
			s.arrivalText.Show(say("arrival.downloading_bare", "Name", now.Name))
		} else {
			s.arrivalText.Show(say("arrival.downloading", "Name", now.Name, "Source", wire.Told(now.Source, s.c.words.Lang)))
		}
		if now.Total == 0 {
			s.bar.Call("removeAttribute", "value")
		} else {
			s.bar.Set("value", float64(now.Received)/float64(now.Total))
		}
		s.figures.Show(s.progress(now))
	}
}

// progress is what is here of how much, how fast, and how long it still takes.
func (s *status) progress(now *wire.Status) string {
	text := megabytes(float64(now.Received))
	if now.Total > 0 {
		text += " / " + megabytes(float64(now.Total))
	}
	if now.Rate <= 0 {
		return text
	}
	text += " · " + megabytes(float64(now.Rate)) + "/s"
	if now.Total <= now.Received {
		return text
	}
	seconds := int(math.Ceil(float64(now.Total-now.Received) / float64(now.Rate)))
	if seconds < 100 {
		return text + " · " + s.c.words.Count("arrival.left_seconds", seconds)
	}
	return text + " · " + s.c.words.Count("arrival.left_minutes", (seconds+59)/60)
}

func megabytes(bytes float64) string {
	return strconv.FormatFloat(bytes/1e6, 'f', 1, 64) + " MB"
}
