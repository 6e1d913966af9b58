package serving

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/visualizer/wire"
)

// A page that the hall has no room for is told so by the code of the close, for a browser
// keeps how the request was answered to itself; and so it is where there is no hall.
func TestTurnedAway(t *testing.T) {
	_, full := openWith(t, Options{MaxReaders: 2})
	first, _ := join(t, full, "first"), join(t, full, "second")
	elsewhere := httptest.NewServer(Elsewhere(slog.New(slog.DiscardHandler)))
	t.Cleanup(elsewhere.Close)
	for url, want := range map[string]int{full: wire.CloseHallFull, "ws" + strings.TrimPrefix(elsewhere.URL, "http"): wire.CloseHallElsewhere} {
		if code := turnedAway(t, url); code != want {
			t.Errorf("closed with %d, want %d", code, want)
		}
	}
	// There is room again once one has gone.
	first.ws.Close()
	for begun := time.Now(); turnedAway(t, full) != 0; {
		if time.Since(begun) > patience {
			t.Fatal("the hall stays full")
		}
	}
}

// turnedAway joins and gives the code with which the connection is closed, 0 if it is not.
func turnedAway(t *testing.T, url string) int {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// The server may have closed already; then the read says so.
	_ = ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, &wire.HallJoin{Locale: "en"}))
	_, _, err = ws.ReadMessage()
	if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
		return closed.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// A page that comes before there is a model is told how far it is.
func TestPhaseIsTold(t *testing.T) {
	s := NewServer(Options{})
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		web.Close()
	})
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	p := &page{t: t, ws: ws}
	p.send(&wire.HallJoin{Locale: "en"})
	phase := func(want wire.Phase) func() bool {
		return func() bool { return p.hall.Hello().You != 0 && p.hall.Hello().Phase == want }
	}
	p.until("the greeting", phase(wire.PhaseLoading))
	for _, want := range []wire.Phase{wire.PhaseDownloading, wire.PhaseFailed, wire.PhaseLoading} {
		s.SetPhase(want)
		s.SetPhase(want) // and nothing is told twice
		p.until("the phase", phase(want))
	}
	if p.messages > 6 { // a greeting, the readers, the state, and three more greetings
		t.Errorf("%d messages for three phases", p.messages)
	}
}

// Everyone may pause the engine and let it run; who paused it is told to all, and stays
// who did when another has it make a step.
func TestWhoPausedIsTold(t *testing.T) {
	_, url := open(t)
	ada, bob := join(t, url, "Ada"), join(t, url, "Bob")
	by := func(paused bool, who uint32) {
		t.Helper()
		for _, p := range []*page{ada, bob} {
			p.until("the state", func() bool { return p.hall.State().Paused == paused && p.hall.State().By == who })
		}
	}
	id := ada.hall.Hello().You
	ada.send(&wire.HallControl{Op: wire.HallPause})
	by(true, id)
	bob.send(&wire.HallAdd{Count: 1, Sort: wire.HallShort})
	bob.send(&wire.HallControl{Op: wire.HallStep})
	bob.until("a step", func() bool { return bob.hall.Now().Step == 1 })
	bob.send(&wire.HallControl{Op: wire.HallPause})
	by(true, id)
	late := join(t, url, "Cleo") // who comes later is told too
	late.until("the state", func() bool { return late.hall.State().By == id })
	bob.send(&wire.HallControl{Op: wire.HallResume})
	by(false, 0)
	// A step of an engine that runs pauses it.
	bob.send(&wire.HallControl{Op: wire.HallStep})
	by(true, bob.hall.Hello().You)
}
