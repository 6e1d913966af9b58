package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"vitrine/visualizer/wire"
)

// The benchmarks measure what README.md states of the page:
//
//	go test -run '^$' -bench . -benchtime 1x ./server/e2e

// BenchmarkFrames measures the frames of the screen while a chat streams with
// the atlas of all heads open.
func BenchmarkFrames(b *testing.B) {
	url, _ := serve(b, "127.0.0.1:0")
	for b.Loop() {
		p := open(b, url+"/?lang=en")
		p.started()
		p.short(700)
		eval[bool](p, "(document.querySelector('#param-ignore-eos').click(), true)")
		p.click("#tab-attention")
		eval[bool](p, `(window.intervals = [], (function tick(last) {
			requestAnimationFrame(t => { if (last) intervals.push(t - last); tick(t) }) })(0), true)`)
		p.ask(watchedPrompt)
		p.wait("the answer streams", answer+".length > 10")
		eval[bool](p, "(intervals.length = 0, true)")
		p.wait("2,000 characters", answer+".length > 2000")
		ms := eval[[]float64](p, "intervals")
		slices.Sort(ms)
		b.ReportMetric(ms[len(ms)/2], "ms/frame-p50")
		b.ReportMetric(ms[len(ms)*95/100], "ms/frame-p95")
		b.ReportMetric(1000*float64(len(ms))/sum(ms), "frames/s")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkUsable measures the time from navigation until a message can be typed and sent.
func BenchmarkUsable(b *testing.B) {
	url, _ := serve(b, "127.0.0.1:0")
	open(b, url+"/?lang=en").started() // the client is built and compressed once
	for b.Loop() {
		p := open(b, "about:blank")
		begin := time.Now()
		p.do(chromedp.Navigate(url + "/?lang=en"))
		p.started()
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/usable")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkWatching compares the rate of the same answer without a watcher,
// with a program that takes all events, and with the page and its atlas open.
// The page has written an answer before, for the browser compiles a new page's
// program once more while it runs. The three take turns at being first, the
// browser has time to come to rest before each, and of a round only ratios
// count: the machine's speed changes from one to the next.
func BenchmarkWatching(b *testing.B) {
	const tokens, rounds = 768, 5
	url, _ := serve(b, "127.0.0.1:0")
	p := open(b, "about:blank")
	p.before(noteArrivals)
	p.do(chromedp.Navigate(url + "/?lang=en"))
	p.started()
	p.click("#tab-attention")
	p.unobserved()
	pageRate(p, tokens)
	ways := []struct {
		name string
		rate func() float64
	}{
		{"alone", func() float64 { return rate(b, url, 0, tokens) }},
		{"events", func() float64 {
			return rate(b, url, wire.ViewAttention|wire.ViewLogits|wire.ViewBlocks, tokens)
		}},
		{"page", func() float64 {
			eval[bool](p, "(document.querySelector('#chat-new').click(), true)")
			return pageRate(p, tokens)
		}},
	}
	for b.Loop() {
		rates, ratios := map[string][]float64{}, map[string][]float64{}
		for round := range rounds {
			now := map[string]float64{}
			for i := range ways {
				way := ways[(round+i)%len(ways)]
				time.Sleep(2 * time.Second)
				now[way.name] = way.rate()
			}
			for name, rate := range now {
				rates[name] = append(rates[name], rate)
				ratios[name] = append(ratios[name], rate/now["alone"])
			}
		}
		b.Logf("tokens a second: %v", rates)
		for _, lists := range []map[string][]float64{rates, ratios} {
			for _, list := range lists {
				slices.Sort(list)
			}
		}
		b.ReportMetric(rates["alone"][rounds/2], "tokens/s-alone")
		b.ReportMetric(ratios["events"][rounds/2], "ratio-events")
		b.ReportMetric(ratios["page"][rounds/2], "ratio-page")
		b.ReportMetric(0, "ns/op")
	}
}

const watchedPrompt = "Tell me a long story about the sea."

// rate asks over a socket of its own and returns the tokens a second between
// the first and the last drawn token.
func rate(b *testing.B, url string, views wire.Views, n int) float64 {
	b.Helper()
	socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/ws", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer socket.Close()
	send := func(c wire.Command) {
		if err := socket.WriteMessage(websocket.BinaryMessage, wire.AppendCommand(nil, c)); err != nil {
			b.Fatal(err)
		}
	}
	send(&wire.Open{Locale: "en"})
	send(&wire.Subscribe{Views: views})
	send(&wire.Chat{Text: watchedPrompt, Params: wire.Params{Temperature: 0.8, TopP: 0.95, TopK: 40, RepetitionPenalty: 1, HasSeed: true, Seed: 7, MaxTokens: uint32(n), IgnoreEOS: true}})
	var first time.Time
	for drawn := 0; ; {
		_, raw, err := socket.ReadMessage()
		if err != nil {
			b.Fatal(err)
		}
		frame, err := wire.DecodeFrame(raw)
		if err != nil {
			b.Fatal(err)
		}
		switch f := frame.(type) {
		case *wire.Problem:
			b.Fatal(f.Detail)
		case *wire.Tokens:
			if len(f.Tokens) == 1 && f.Tokens[0].Flags&wire.FlagDrawn != 0 {
				if drawn++; drawn == 1 {
					first = time.Now()
				}
			}
			if drawn == n {
				return float64(n-1) / time.Since(first).Seconds()
			}
		}
	}
}

// noteArrivals has the page note when each of the sequence's frames arrives, be
// it in a bundle: it shows them later, and the more so the faster they come.
var noteArrivals = fmt.Sprintf(`window.arrivals = []; window.WebSocket = class extends WebSocket {
	constructor(...where) {
		super(...where)
		this.addEventListener('message', m => {
			const now = performance.now(), data = new DataView(m.data)
			const note = kind => { if (kind === %[1]d) arrivals.push(now) }
			if (data.getUint8(1) !== %[2]d) return note(data.getUint8(1))
			for (let at = 6; at < data.byteLength; at += 4 + data.getUint32(at, true)) note(data.getUint8(at + 5))
		})
	}
}`, wire.KindTokens, wire.KindBundle)

// pageRate asks the same in the page.
func pageRate(p *tab, n int) float64 {
	p.t.Helper()
	eval[bool](p, "document.querySelector('#more-params').open = true")
	for field, value := range map[string]string{"#param-seed": "7", "#param-max-tokens": fmt.Sprint(n)} {
		p.set(field, value)
	}
	eval[bool](p, "(document.querySelector('#param-ignore-eos').checked || document.querySelector('#param-ignore-eos').click(), window.arrivals = [], true)")
	p.set("#say", watchedPrompt)
	eval[bool](p, "(document.querySelector('#send').click(), true)")
	for count := 0; count <= n; time.Sleep(time.Second) { // each question costs the browser something
		count = eval[int](p, "arrivals.length")
	}
	p.state("Finished")
	// What the page asks when the answer is done takes time from whatever is measured next.
	p.wait("the page to have all rows", "!document.querySelector('#atlas-says').textContent.includes('asking')")
	all := eval[[]float64](p, "arrivals")
	drawn := all[len(all)-n:] // before them comes the prompt
	return 1000 * float64(n-1) / (drawn[n-1] - drawn[0])
}

// unobserved stops the browser from reporting to the test what happens in the
// page: every frame of a socket once more, in base 64, and every change of the
// document. No reader's browser does that. Only eval is of use afterwards.
func (p *tab) unobserved() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, domain := range []cdp.Command[cdp.Empty, cdp.Empty]{css.Disable, dom.Disable, network.Disable} {
			if _, err := cdp.Call(ctx, target, domain, cdp.Empty{}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func sum(values []float64) float64 {
	var s float64
	for _, v := range values {
		s += v
	}
	return s
}
