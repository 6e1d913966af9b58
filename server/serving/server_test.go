package serving

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/engine/tokenizer"
	"vitrine/server/telling"
	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
)

// patience bounds every wait: machines are shared and slow.
const patience = time.Minute

// open starts a hall on the tiny model.
func open(t *testing.T) (*Server, string) {
	t.Helper()
	return openWith(t, Options{Version: "test"})
}

func openWith(t *testing.T, o Options) (*Server, string) {
	t.Helper()
	dir := tinymodel.LongFolder(t, 4096) // the hall's texts fit in
	b := cpu.New(2)
	m, err := model.Load(dir, b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(o)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		web.Close()
		m.Close()
		b.Close()
	})
	s.SetModel(Model{Model: m, Tokenizer: tok, Info: wire.Model{Name: "tiny"}, Turn: new(sync.Mutex)})
	return s, "ws" + strings.TrimPrefix(web.URL, "http")
}

// page is a page that has joined.
type page struct {
	t        *testing.T
	ws       *websocket.Conn
	hall     hall.Hall
	problems []*wire.Problem
	sources  []*wire.Source
	pongs    int
	messages int
	bundles  int
}

func join(t *testing.T, url, name string) *page {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, ws: ws}
	t.Cleanup(func() { ws.Close() })
	p.send(&wire.HallJoin{Name: name, Locale: "en"})
	p.until("the snapshot", func() bool { return p.hall.Joined() })
	return p
}

func (p *page) send(c wire.Command) {
	p.t.Helper()
	if err := p.ws.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, c)); err != nil {
		p.t.Fatal(err)
	}
}

// until applies frames until the condition holds.
func (p *page) until(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if err := p.ws.SetReadDeadline(deadline); err != nil {
			p.t.Fatal(err)
		}
		_, b, err := p.ws.ReadMessage()
		if err != nil {
			p.t.Fatalf("waiting for %s: %v; the hall is %+v, the problems %v", what, err, p.hall.Now(), p.problems)
		}
		p.messages++
		p.take(b)
	}
}

// take applies a message.
func (p *page) take(b []byte) {
	p.t.Helper()
	frame, err := wire.DecodeHallFrame(b)
	if err != nil {
		p.t.Fatal(err)
	}
	switch f := frame.(type) {
	case *wire.Bundle:
		p.bundles++
		for _, b := range f.Frames {
			p.take(b)
		}
	case *wire.Problem:
		p.problems = append(p.problems, f)
	case *wire.Source:
		p.sources = append(p.sources, f)
	case *wire.Pong:
		p.pongs++
	default:
		if p.hall.Apply(frame)&hall.ChangeGap != 0 {
			p.t.Fatalf("a record is missing before %d", frame.(*wire.HallRecord).Seq)
		}
	}
}

func (p *page) finished() int {
	n := 0
	for i := range p.hall.Now().Requests {
		if p.hall.Now().Requests[i].Finished() {
			n++
		}
	}
	return n
}

// Thirty-two requests of two readers share a pool that is too small for them:
// everyone sees the same, blocks are taken back and in the end all are free.
func TestAClassSharesAPool(t *testing.T) {
	_, url := open(t)
	a, b := join(t, url, "Ada"), join(t, url, "李")
	a.send(&wire.HallConfigure{Config: wire.HallConfig{Blocks: 24, BlockSize: 8, BatchTokens: 48, Sequences: 12, PrefixCaching: true}})
	a.until("the new pool", func() bool { return a.hall.Config().Blocks == 24 })
	b.until("the new pool", func() bool { return b.hall.Config().Blocks == 24 })
	a.send(&wire.HallAdd{Count: 16, Sort: wire.HallShort})
	b.send(&wire.HallAdd{Count: 16, Sort: wire.HallOwn, Text: "the of the of", MaxTokens: 40})
	for _, p := range []*page{a, b} {
		p.until("the end of all", func() bool { return len(p.hall.Now().Requests) == 32 && p.finished() == 32 })
	}
	m := a.hall.Now().Meters
	if m.Preempted == 0 || m.PeakAtOnce < 2 || m.Drawn < 32 || m.Held != 0 || m.FirstMs <= 0 || m.BetweenMs <= 0 {
		t.Errorf("the meters say %+v", m)
	}
	readers, preempted, filled := map[uint32]int{}, 0, 0
	for i := range a.hall.Now().Requests {
		q := &a.hall.Now().Requests[i]
		readers[q.Reader]++
		preempted += int(q.Preempted)
		if q.FirstMs <= 0 || q.Title == "" || q.Tokens <= q.Prompt && q.State != wire.StateAborted {
			t.Errorf("request %+v", q)
		}
	}
	if len(readers) != 2 || preempted != int(m.Preempted) {
		t.Errorf("by readers %v, preempted %d of %d", readers, preempted, m.Preempted)
	}
	for i, r := range a.hall.Records() {
		if r.Step != 0 && len(r.Parts) == 0 {
			t.Errorf("record %d is a step that did nothing", i)
		}
		at, held := a.hall.Moment(i), uint32(0)
		for _, b := range at.Blocks {
			if b.Refs > 0 {
				held++
				filled += int(b.Filled)
			}
		}
		if held != r.Meters.Held {
			t.Errorf("record %d: %d blocks are held, the meters say %d", i, held, r.Meters.Held)
		}
		for j := range at.Requests {
			for k, block := range at.Requests[j].Table {
				if got := at.Blocks[block]; got.Refs == 0 || int(got.Index) != k {
					t.Fatalf("record %d: block %d of request %d is %+v", i, k, at.Requests[j].ID, got)
				}
			}
		}
	}
	if filled == 0 {
		t.Error("nothing was ever written")
	}
	if got, want := len(b.hall.Records()), len(a.hall.Records()); got != want || b.hall.Now().Meters != m {
		t.Errorf("the other page has %d records, want %d", got, want)
	}
}

// A paused hall makes one step at a time, and who joins late sees what was.
func TestStepByStep(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	p.send(&wire.HallControl{Op: wire.HallPause})
	p.until("the pause", func() bool { return p.hall.State().Paused })
	p.send(&wire.HallAdd{Count: 1, Sort: wire.HallOwn, Text: strings.Repeat("the of ", 30), MaxTokens: 8})
	p.until("the request", func() bool { return len(p.hall.Now().Requests) == 1 })
	if q := p.hall.Now().Requests[0]; q.State != wire.StateWaiting || p.hall.Now().Step != 0 {
		t.Fatalf("before a step: %+v", q)
	}
	for n := uint64(1); n <= 3; n++ {
		p.send(&wire.HallControl{Op: wire.HallStep})
		p.until("the step", func() bool { return p.hall.Now().Step == n })
	}
	id := p.hall.Now().Requests[0].ID
	p.send(&wire.HallWatch{Request: id})
	p.until("the text", func() bool { return len(p.hall.Pieces(id)) > 0 })
	if got := strings.Join(hall.Texts(p.hall.Pieces(id)), ""); !strings.Contains(got, "the of the of") {
		t.Errorf("the prompt is %q", got)
	}
	late := join(t, url, "late")
	if late.hall.Now().Step != 3 || len(late.hall.Records()) != len(p.hall.Records()) {
		t.Errorf("who comes late sees step %d and %d records, want 3 and %d", late.hall.Now().Step, len(late.hall.Records()), len(p.hall.Records()))
	}
	if late.hall.Hello().You == p.hall.Hello().You {
		t.Error("two readers have one number")
	}
	p.send(&wire.HallCancel{})
	p.until("the end", func() bool { return p.finished() == 1 })
	if got := p.hall.Now().Requests[0].State; got != wire.StateAborted {
		t.Errorf("it is %d", got)
	}
	// The reader who comes back is the one who went.
	again := join(t, url, "")
	again.send(&wire.HallJoin{Secret: p.hall.Hello().Secret})
	if again.hall.Hello().You == p.hall.Hello().You {
		t.Error("a stranger has the reader's number")
	}
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	back := &page{t: t, ws: ws}
	defer ws.Close()
	back.send(&wire.HallJoin{Secret: p.hall.Hello().Secret})
	back.until("hello", func() bool { return back.hall.Hello().You != 0 })
	if back.hall.Hello().You != p.hall.Hello().You {
		t.Error("the reader who comes back has another number")
	}
}

// A page that asks for a pace is told everything all the same, in few messages.
func TestPace(t *testing.T) {
	_, url := open(t)
	plain, paced := join(t, url, ""), join(t, url, "")
	paced.send(&wire.Pace{Millis: 1001})
	paced.until("a refusal", func() bool { return len(paced.problems) == 1 })
	if got := paced.problems[0]; got.Code != telling.CodeBadField || got.Field != "Millis" {
		t.Errorf("%+v", got)
	}
	const pace = 300 * time.Millisecond
	paced.send(&wire.Pace{Millis: uint16(pace.Milliseconds())})
	paced.send(&wire.Ping{})
	paced.until("the answer that says that the pace holds", func() bool { return paced.pongs == 1 })
	before, begin := paced.messages, time.Now()
	plain.send(&wire.HallAdd{Count: 24, Sort: wire.HallMixed})
	for _, p := range []*page{plain, paced} {
		p.until("the end of all", func() bool { return p.finished() == 24 })
	}
	took := time.Since(begin)
	if n, most := paced.messages-before, int(took/pace)+2; n > most || paced.bundles == 0 {
		t.Errorf("%d messages came in %v, %d of them bundles, want at most %d", n, took, paced.bundles, most)
	}
	if a, b := len(plain.hall.Records()), len(paced.hall.Records()); a != b || plain.bundles > 0 {
		t.Errorf("one page has %d records, the other %d; %d bundles came to a page that did not ask", a, b, plain.bundles)
	}
}

// Requests arrive by themselves until nobody looks.
func TestArrivals(t *testing.T) {
	s, url := open(t)
	p := join(t, url, "")
	p.send(&wire.HallArrivals{On: true, Rate: 20, Sort: wire.HallShort})
	p.until("arrivals", func() bool { return len(p.hall.Now().Requests) > 2 })
	p.ws.Close()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		on := make(chan bool)
		s.do(func() { on <- s.control.Arriving || len(s.here) > 0 })
		if !<-on {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("requests arrive although nobody is here")
		}
	}
}

// The page can show the source of every function that it names.
func TestSourcesOfAllFunctions(t *testing.T) {
	for _, name := range hall.Functions() {
		if f, err := sources.Find(name); err != nil || f.Text == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Bad commands are answered with the field that is wrong, and end nothing.
func TestRefusals(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	for _, c := range []struct {
		command wire.Command
		code    string
		field   string
	}{
		{&wire.HallAdd{}, telling.CodeBadField, "count"},
		{&wire.HallAdd{Count: 200}, telling.CodeBadField, "count"},
		{&wire.HallAdd{Count: 1, Sort: wire.HallOwn, Text: " \n"}, telling.CodeBadField, "text"},
		{&wire.HallAdd{Count: 1, Sort: wire.HallOwn, Text: strings.Repeat("a", maxText+1)}, telling.CodeBadField, "text"},
		{&wire.HallAdd{Count: 1, Sort: wire.HallOwn, Text: strings.Repeat("火", 2000)}, telling.CodeTooLong, "prompt"},
		{&wire.HallAdd{Count: 3, Sort: wire.HallOwn, Text: strings.Repeat("a", 1100)}, telling.CodeTooLong, "prompt"},
		{&wire.HallAdd{Count: 1, MaxTokens: 5000}, telling.CodeBadField, "max_tokens"},
		{&wire.HallAdd{Count: 1, Outputs: 9}, telling.CodeBadField, "outputs"},
		{&wire.HallAdd{Count: 64, Outputs: 8}, telling.CodeBusy, ""},
		{&wire.HallCancel{}, "", ""},
		{&wire.HallArrivals{On: true, Rate: 1, Outputs: 200}, telling.CodeBadField, "outputs"},
		{&wire.HallConfigure{Config: wire.HallConfig{Blocks: 64, BlockSize: 16, BatchTokens: 1, Sequences: 1, Drafts: 17}}, telling.CodeBadField, "drafts"},
		{&wire.HallArrivals{On: true, Rate: -1}, telling.CodeBadField, "rate"},
		{&wire.HallArrivals{On: true, Rate: 1e9}, telling.CodeBadField, "rate"},
		{&wire.HallArrivals{On: true, Rate: 1, Sort: wire.HallOwn}, telling.CodeBadField, "sort"},
		{&wire.HallCancel{Request: 77}, telling.CodeBadField, "request"},
		{&wire.HallConfigure{}, telling.CodeBadField, "blocks"},
		{&wire.HallConfigure{Config: wire.HallConfig{Blocks: 4000, BlockSize: 200, BatchTokens: 1, Sequences: 1}}, telling.CodeBadField, "blocks"},
		{&wire.HallConfigure{Config: wire.HallConfig{Blocks: 64, BlockSize: 16, Sequences: 1}}, telling.CodeBadField, "batch_tokens"},
		{&wire.HallConfigure{Config: wire.HallConfig{Blocks: 64, BlockSize: 16, BatchTokens: 1}}, telling.CodeBadField, "sequences"},
		{&wire.Query{ID: 3, What: wire.QueryCell}, telling.CodeBadField, "What"},
		{&wire.Query{ID: 3, What: wire.QuerySource, Text: "os.Exit"}, telling.CodeBadField, "Text"},
	} {
		p.problems = nil
		p.send(c.command)
		if c.code == "" {
			continue
		}
		p.until("a problem", func() bool { return len(p.problems) == 1 })
		if got := p.problems[0]; got.Code != c.code || got.Field != c.field || got.Detail == "" {
			t.Errorf("%T %+v: %+v, want %s of %s", c.command, c.command, got, c.code, c.field)
		}
		checkLanguages(t, p.problems[0].Detail)
	}
	p.problems = nil
	if err := p.ws.WriteMessage(websocket.TextMessage, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	p.until("a problem", func() bool { return len(p.problems) == 1 && p.problems[0].Code == telling.CodeBadFrame })
	p.send(&wire.Query{ID: 4, What: wire.QuerySource, Text: "engine/scheduler.Plan"})
	p.until("a source", func() bool { return len(p.sources) == 1 })
	if got := p.sources[0]; got.Query != 4 || !strings.Contains(got.Text, "func Plan(") || got.Line == 0 {
		t.Errorf("the source is %+v", got)
	}
	before := len(p.hall.Now().Requests)
	p.send(&wire.HallAdd{Count: 1})
	p.until("a request", func() bool { return len(p.hall.Now().Requests) == before+1 && p.finished() == before+1 })
}
