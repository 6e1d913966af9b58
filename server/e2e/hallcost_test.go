package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/visualizer/wire"
)

// BenchmarkHallWatching compares the hall's rate on the same requests without
// and with a page that shows it. There is a hall of its own for each, so that the
// page stays open; where nothing happens it draws nothing.
func BenchmarkHallWatching(b *testing.B) {
	const rounds = 5
	quiet, _ := serve(b, "127.0.0.1:0")
	watched, _ := serve(b, "127.0.0.1:0")
	p := open(b, watched+"/serving?lang=en")
	p.wait("the hall has a pool", poolSays+`?.includes('64 blocks')`)
	p.unobserved()
	halls := [2]*hallClient{joinHall(b, quiet, "benchmark"), joinHall(b, watched, "benchmark")}
	halls[0].serveRequests()
	halls[1].serveRequests() // the browser compiles a new page's program once more while it runs
	rates, ratios := map[string][]float64{}, []float64{}
	for b.Loop() {
		for round := range rounds {
			var rate [2]float64
			var drawn [2]uint64
			for i := range halls {
				i = (round + i) % 2 // they take turns at being first
				rate[i], drawn[i] = halls[i].serveRequests()
			}
			if drawn[0] != drawn[1] {
				b.Fatalf("%d tokens were drawn with the page and %d without, want the same", drawn[1], drawn[0])
			}
			rates["alone"], rates["page"] = append(rates["alone"], rate[0]), append(rates["page"], rate[1])
			ratios = append(ratios, rate[1]/rate[0])
		}
	}
	b.Logf("tokens a second: %v", rates)
	b.ReportMetric(median(rates["alone"]), "tokens/s-alone")
	b.ReportMetric(median(ratios), "ratio-page")
	b.ReportMetric(0, "ns/op")
	if shown := eval[string](p, meter("rate")); shown == "0" || shown == "" {
		b.Errorf("the page has not followed: it shows %q tokens", shown)
	}
}

// hallClient is a program that has joined a hall.
type hallClient struct {
	t      testing.TB
	ws     *websocket.Conn
	config wire.HallConfig
}

func joinHall(t testing.TB, url, name string) *hallClient {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/ws/serving", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	c := &hallClient{t: t, ws: ws}
	c.send(&wire.HallJoin{Name: name, Locale: "en"})
	c.config = c.snapshot().Config
	return c
}

func (c *hallClient) send(command wire.Command) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, command)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *hallClient) next() wire.Frame {
	c.t.Helper()
	if err := c.ws.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		c.t.Fatal(err)
	}
	_, raw, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	frame, err := wire.DecodeHallFrame(raw)
	if err != nil {
		c.t.Fatal(err)
	}
	if p, ok := frame.(*wire.Problem); ok {
		c.t.Fatal(p.Detail)
	}
	return frame
}

func (c *hallClient) snapshot() *wire.HallSnapshot {
	c.t.Helper()
	for {
		if s, ok := c.next().(*wire.HallSnapshot); ok {
			return s
		}
	}
}

// serveRequests sets the hall up anew and has it serve mixed requests, which come
// all at once. The rate is by the engine's own clock, from the first step on.
func (c *hallClient) serveRequests() (tokensPerSecond float64, drawn uint64) {
	c.t.Helper()
	const requests = 48
	time.Sleep(time.Second) // the page has drawn what was before
	c.send(&wire.HallConfigure{Config: c.config})
	c.snapshot()
	c.send(&wire.HallAdd{Count: requests, Sort: wire.HallMixed})
	begin, begun := uint64(0), false
	for {
		r, ok := c.next().(*wire.HallRecord)
		if !ok {
			continue
		}
		if !begun && r.Step > 0 {
			begin, begun = r.At-uint64(r.Micros), true
		}
		if r.Meters.Finished == requests {
			return 1e6 * float64(r.Meters.Drawn) / float64(r.At-begin), r.Meters.Drawn
		}
	}
}
