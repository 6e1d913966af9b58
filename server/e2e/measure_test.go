package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
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
// the atlas of all heads open; and how often the text and the atlas are drawn
// anew in them, which the page spaces out on purpose where it shares few
// processors with the engine (wasm/page/pace.go): alone, and with a hand at work.
func BenchmarkFrames(b *testing.B) {
	url, _ := serve(b, "127.0.0.1:0")
	for b.Loop() {
		p := open(b, url+"/?lang=en")
		p.started()
		p.short(900)
		eval[bool](p, "(document.querySelector('#param-ignore-eos').click(), true)")
		p.click("#tab-attention")
		eval[bool](p, countsDrawings)
		eval[bool](p, `(window.intervals = [], (function tick(last) {
			requestAnimationFrame(t => { if (last) intervals.push(t - last); tick(t) }) })(0), true)`)
		p.ask(watchedPrompt)
		p.wait("the answer streams", answer+".length > 10")
		eval[bool](p, "(intervals.length = 0, drawings.start(), true)")
		p.wait("1,500 characters", answer+".length > 1500")
		ms, alone := eval[[]float64](p, "intervals"), eval[[]float64](p, "drawings.rates()")
		eval[bool](p, "(drawings.start(), window.hand = setInterval(() => document.body.dispatchEvent(new PointerEvent('pointermove', {bubbles: true})), 50), true)")
		p.wait("2,500 characters", answer+".length > 2500")
		hand := eval[[]float64](p, "(clearInterval(hand), drawings.rates())")
		for i, what := range []string{"texts/s", "atlases/s"} {
			b.ReportMetric(alone[i], what)
			b.ReportMetric(hand[i], what+"-hand")
		}
		slices.Sort(ms)
		b.ReportMetric(ms[len(ms)/2], "ms/frame-p50")
		b.ReportMetric(ms[len(ms)*95/100], "ms/frame-p95")
		b.ReportMetric(1000*float64(len(ms))/sum(ms), "frames/s")
		b.ReportMetric(0, "ns/op")
	}
}

// countsDrawings has the page count in how many frames the conversation's text changes,
// and in how many something is drawn on the atlas.
const countsDrawings = `(() => {
	const seen = {text: false, atlas: false}, n = {text: 0, atlas: 0}
	let begun = 0
	new MutationObserver(() => { seen.text = true }).observe(document.querySelector('#messages'), {childList: true, subtree: true, characterData: true})
	const put = CanvasRenderingContext2D.prototype.putImageData
	CanvasRenderingContext2D.prototype.putImageData = function (...a) {
		if (this.canvas.closest('#atlas')) seen.atlas = true
		return put.apply(this, a)
	}
	;(function tick() {
		for (const k in seen) { if (seen[k]) n[k]++; seen[k] = false }
		requestAnimationFrame(tick)
	})()
	window.drawings = {
		start() { n.text = n.atlas = 0; begun = performance.now() },
		rates() { const s = (performance.now() - begun) / 1000; return [n.text / s, n.atlas / s] },
	}
	return true
})()`

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
// The page has written two answers before, for the browser compiles a new page's
// program once more while it runs. The three take turns at being first, the
// browser has time to come to rest before each, and of a round only ratios
// count: the machine's speed changes from one to the next. They are medians of all rounds.
func BenchmarkWatching(b *testing.B) {
	const tokens, rounds = 768, 5
	url, _ := serve(b, "127.0.0.1:0")
	p := open(b, url+"/?lang=en")
	p.started()
	p.click("#tab-attention")
	p.unobserved()
	askPage(p, tokens)
	askPage(p, tokens)
	ways := []struct {
		name string
		ask  func()
	}{
		{"alone", func() { askSocket(b, url, 0, tokens) }},
		{"events", func() { askSocket(b, url, wire.ViewAttention|wire.ViewLogits|wire.ViewBlocks, tokens) }},
		{"page", func() {
			eval[bool](p, "(document.querySelector('#chat-new').click(), true)")
			askPage(p, tokens)
		}},
	}
	rates, ratios := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for round := range rounds {
			now := map[string]float64{}
			for i := range ways {
				way := ways[(round+i)%len(ways)]
				eval[bool](p, "(document.activeElement.blur(), true)") // a caret that blinks costs the browser something
				time.Sleep(2 * time.Second)
				now[way.name] = engineRate(b, url, tokens, way.ask)
			}
			for name, rate := range now {
				rates[name] = append(rates[name], rate)
				ratios[name] = append(ratios[name], rate/now["alone"])
			}
		}
	}
	b.Logf("tokens a second: %v", rates)
	b.ReportMetric(median(rates["alone"]), "tokens/s-alone")
	b.ReportMetric(median(ratios["events"]), "ratio-events")
	b.ReportMetric(median(ratios["page"]), "ratio-page")
	b.ReportMetric(0, "ns/op")
}

const watchedPrompt = "Tell me a long story about the sea."

// engineRate is the tokens a second that the engine draws while ask has it write
// an answer of n tokens. The engine's own counter says it: when tokens arrive
// depends on how the server gathers them.
func engineRate(b *testing.B, url string, n int, ask func()) float64 {
	b.Helper()
	type sample struct {
		at    time.Time
		drawn int
	}
	before, err := generated(url)
	if err != nil {
		b.Fatal(err)
	}
	var samples []sample
	done, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-done:
				stopped <- nil
				return
			case <-time.After(50 * time.Millisecond):
			}
			drawn, err := generated(url)
			if err != nil {
				stopped <- err
				return
			}
			samples = append(samples, sample{time.Now(), drawn})
		}
	}()
	ask()
	close(done)
	if err := <-stopped; err != nil {
		b.Fatal(err)
	}
	within := slices.DeleteFunc(samples, func(s sample) bool { return s.drawn <= before || s.drawn >= before+n })
	if len(within) < 2 {
		b.Fatalf("%d samples of an answer of %d tokens", len(within), n)
	}
	first, last := within[0], within[len(within)-1]
	return float64(last.drawn-first.drawn) / last.at.Sub(first.at).Seconds()
}

// generated is the number of tokens that the engine has drawn.
func generated(url string) (int, error) {
	r, err := http.Get(url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^vllm:generation_tokens_total\{.*\} (\S+)$`).FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no counter of tokens in the metrics")
	}
	drawn, err := strconv.ParseFloat(string(m[1]), 64)
	return int(drawn), err
}

// askSocket asks over a socket of its own and takes in the answer.
func askSocket(b *testing.B, url string, views wire.Views, n int) {
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
	for drawn := 0; drawn < n; {
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
				drawn++
			}
		}
	}
}

// askPage asks the same in the page, and returns when the page has shown the
// answer and all that it asks about it.
func askPage(p *tab, n int) {
	p.t.Helper()
	p.long(n)
	p.set("#say", watchedPrompt)
	eval[bool](p, "(document.querySelector('#send').click(), true)")
	// Each question costs the browser something.
	for status := ""; !strings.Contains(status, "Finished"); status = p.text("#status-text") {
		time.Sleep(time.Second)
	}
	// What the page asks when the answer is done takes time from whatever is measured next.
	p.wait("the page to have all rows", "!document.querySelector('#atlas-says').textContent.includes('asking')")
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

// median is the middle one of the values, which it sorts.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func sum(values []float64) float64 {
	var s float64
	for _, v := range values {
		s += v
	}
	return s
}
