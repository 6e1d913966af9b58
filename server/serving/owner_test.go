package serving

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// A class member ends own requests alone, and does not set up the engine anew
// while others' run; a page on the server's own machine may.
func TestRequestsHaveOwners(t *testing.T) {
	s, url := open(t)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.7:1000"
		s.ServeHTTP(w, r)
	}))
	defer away.Close()
	host, member := join(t, url, "host"), join(t, "ws"+strings.TrimPrefix(away.URL, "http"), "member")
	defer member.ws.Close() // before the server that would wait for it
	host.send(&wire.HallControl{Op: wire.HallPause})
	member.until("the pause", func() bool { return member.hall.State().Paused })
	for i, p := range []*page{host, member, member} {
		p.send(&wire.HallAdd{Count: 1, Sort: wire.HallShort})
		for _, all := range []*page{host, member} {
			all.until("the request", func() bool { return len(all.hall.Now().Requests) == i+1 })
		}
	}
	ids := [3]uint32{}
	for i := range ids {
		ids[i] = member.hall.Now().Requests[i].ID
	}
	for n, command := range []wire.Command{&wire.HallCancel{Request: ids[0]}, &wire.HallConfigure{Config: defaultConfig}} {
		member.send(command)
		member.until("a refusal", func() bool { return len(member.problems) == n+1 })
		if got := member.problems[n]; got.Code != codeNotYours || got.Detail == "" {
			t.Errorf("%T: %+v, want %s", command, got, codeNotYours)
		}
		checkLanguages(t, member.problems[n].Detail)
	}
	state := func(p *page, i int) wire.RunState { return p.hall.Now().Requests[i].State }
	member.send(&wire.HallCancel{Request: ids[1]})
	member.until("the end of an own request", func() bool { return state(member, 1) == wire.StateAborted })
	host.send(&wire.HallCancel{Request: ids[2]})
	member.until("the end by the host", func() bool { return state(member, 2) == wire.StateAborted })
	member.send(&wire.HallCancel{}) // all of the member's own: none is left
	member.send(&wire.Query{ID: 1, What: wire.QuerySource, Text: "engine/scheduler.Plan"})
	member.until("the answer behind it", func() bool { return len(member.sources) == 1 })
	if got := state(member, 0); got != wire.StateWaiting {
		t.Errorf("the host's request is in state %d", got)
	}
	host.send(&wire.HallCancel{})
	member.until("the end of all", func() bool { return member.finished() == 3 })
	small := defaultConfig
	small.Blocks = 24
	member.send(&wire.HallConfigure{Config: small})
	member.until("the new pool, which ends nobody's request", func() bool { return member.hall.Config().Blocks == 24 })
	host.send(&wire.HallStartRace{Race: wire.HallRaceKV})
	member.until("the host's race", func() bool { return member.hall.Race().Running })
	refused := len(member.problems)
	member.send(&wire.HallStartRace{Race: wire.HallRaceNone})
	member.until("a refusal", func() bool { return len(member.problems) > refused })
	if got := member.problems[refused]; got.Code != codeNotYours || got.Detail == "" {
		t.Errorf("ending another's race: %+v, want %s", got, codeNotYours)
	}
	checkLanguages(t, member.problems[refused].Detail)
	host.send(&wire.HallStartRace{Race: wire.HallRaceNone})
	member.until("the end of the race", func() bool { return !member.hall.Race().Running })
	if len(host.problems) > 0 {
		t.Errorf("the host was refused: %+v", host.problems[0])
	}
}

func TestOnThisMachine(t *testing.T) {
	for _, c := range []struct {
		from, host, header string
		want               bool
	}{
		{"127.0.0.1:80", "127.0.0.1:8080", "", true}, {"127.8.0.1:80", "localhost:8080", "", true}, {"[::1]:80", "[::1]:8080", "", true},
		{"[::1]:80", "[::1]", "", true}, {"[::ffff:127.0.0.1]:80", "localhost", "", true},
		{"192.0.2.1:80", "127.0.0.1", "", false}, {"[2001:db8::1]:80", "localhost", "", false}, {"", "localhost", "", false},
		{"127.0.0.1:80", "class.example", "", false}, {"127.0.0.1:80", "192.0.2.1:8080", "", false}, {"127.0.0.1:80", "", "", false},
		{"127.0.0.1:80", "localhost", "X-Forwarded-For", false}, {"127.0.0.1:80", "localhost", "Forwarded", false}, {"127.0.0.1:80", "localhost", "Via", false},
	} {
		r := httptest.NewRequest("GET", "/ws/serving", nil)
		r.RemoteAddr, r.Host = c.from, c.host
		if c.header != "" {
			r.Header.Set(c.header, "192.0.2.1")
		}
		if got := onThisMachine(r); got != c.want {
			t.Errorf("from %q to %q with %q: %v, want %v", c.from, c.host, c.header, got, c.want)
		}
	}
}

// A hall that is closed tells its pages, and in the log what had not ended.
func TestCloseReportsWhatRuns(t *testing.T) {
	var log bytes.Buffer
	s, url := openWith(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	p := join(t, url, "")
	p.send(&wire.HallControl{Op: wire.HallPause})
	p.until("the pause", func() bool { return p.hall.State().Paused })
	p.send(&wire.HallAdd{Count: 3, Sort: wire.HallShort})
	p.until("the requests", func() bool { return len(p.hall.Now().Requests) == 3 })
	closed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { closed <- s.Close(ctx) }()
	p.until("a problem", func() bool { return len(p.problems) == 1 })
	if got := p.problems[0]; got.Code != telling.CodeGone || got.Field != "server" {
		t.Errorf("the page was told %+v", got)
	}
	p.ws.Close()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := log.String(); !strings.Contains(got, "requests=3") {
		t.Errorf("the log says %q, want that 3 requests have ended", got)
	}
}
