package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	chosen = "Number(document.querySelector('#timeline').getAttribute('aria-valuenow'))"
	kept   = "!document.querySelector('#reading-lock').hidden"
)

// Every key that the help lists does what it says there, and none of them is taken from
// a checkbox, a button or a slider that has the focus.
func TestEveryKeyOfTheHelp(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.long(400)
	caps := eval[[]string](p, "[...document.querySelectorAll('#help .keys dt')].map(e => [...e.querySelectorAll('kbd')].map(k => k.textContent).join(' '))")
	if got, want := strings.Join(caps, "; "), "1 … 6; ← →; Home End; Space; .; r; s; n; /; ↑ ↓ ← →; Enter; + − 0; Esc; l; t; ?"; got != want {
		t.Errorf("the help lists %s; here are pressed %s", got, want)
	}
	press := func(key string) { p.t.Helper(); p.do(chromedp.KeyEvent(key)) }
	blur := func() { p.t.Helper(); eval[bool](p, "(document.activeElement.blur(), true)") }
	blur()
	press("/")
	p.wait("the message has the focus", "document.activeElement.id === 'say'")
	press(kb.Escape)
	p.wait("and lets it go", "document.activeElement.id !== 'say'")
	p.ask("Tell me a long story.")
	p.wait("the answer streams", answer+".length > 10")
	blur()
	press(" ")
	p.state("Paused")
	n := eval[int](p, tokens)
	press(".")
	p.wait("one token more", fmt.Sprintf("%s === %d", tokens, n+1))
	press(kb.Home)
	p.wait("the first token", chosen+" === 0")
	press(kb.ArrowRight)
	p.wait("the second", chosen+" === 1")
	press(kb.ArrowLeft)
	p.wait("the first again", chosen+" === 0")
	press(kb.End)
	p.wait("the last", fmt.Sprintf("%s === %d", chosen, eval[int](p, tokens)-1))
	press("r")
	p.wait("it is rewound", fmt.Sprintf("%s < %d", tokens, n+1))
	p.state("Paused")
	n = eval[int](p, tokens)

	// What has the focus keeps its keys.
	checked := "document.querySelector('#param-ignore-eos').checked"
	for _, want := range []string{"false", "true"} {
		p.focus("#param-ignore-eos")
		press(" ")
		p.wait("the checkbox is ticked by Space", checked+" === "+want)
	}
	p.focus("#slide-temperature")
	warmth := eval[string](p, "document.querySelector('#param-temperature').value")
	press(kb.ArrowRight)
	p.wait("the slider moves", fmt.Sprintf("document.querySelector('#param-temperature').value !== %q", warmth))
	press(" ")
	for _, key := range []string{" ", kb.Enter} {
		theme := eval[string](p, "document.querySelector('#theme').title")
		p.focus("#theme")
		press(key)
		p.wait("the button is pressed", fmt.Sprintf("document.querySelector('#theme').title !== %q", theme))
	}
	if now := eval[int](p, tokens); now != n {
		t.Errorf("keys of controls moved the model from %d tokens to %d", n, now)
	}
	p.state("Paused")

	blur()
	theme := eval[string](p, "document.querySelector('#theme').title")
	press("t")
	p.wait("another theme", fmt.Sprintf("document.querySelector('#theme').title !== %q", theme))
	for i, view := range []string{"tokens", "vectors", "attention", "next", "blocks", "time"} {
		press(fmt.Sprint(i + 1))
		p.wait("the view "+view, fmt.Sprintf("document.querySelector('#tab-%s').getAttribute('aria-selected') === 'true'", view))
	}
	press("3")
	p.wait("the atlas", "!document.querySelector('#panel-attention .body').hidden && document.querySelector('#attention-layer').max === '29'")
	p.click("#play-back")
	blur()
	p.focus("#atlas")
	for _, key := range []string{kb.ArrowRight, kb.ArrowDown, kb.ArrowLeft, kb.ArrowUp} {
		before := eval[string](p, "document.querySelector('#attention-layer').value + ' ' + document.querySelector('#attention-head').value")
		press(key)
		p.wait("another head", fmt.Sprintf("document.querySelector('#attention-layer').value + ' ' + document.querySelector('#attention-head').value !== %q", before))
	}
	press(kb.Enter)
	p.wait("Enter keeps the reading", kept)
	press(kb.Escape)
	p.wait("Esc lets it go", "!("+kept+")")
	p.focus("#matrix")
	const label = "document.querySelector('#matrix canvas').toDataURL()"
	for _, key := range []string{"+", "-", "+", "0"} {
		before := eval[string](p, label)
		press(key)
		p.wait("zoomed by "+key, fmt.Sprintf("%s !== %q", label, before))
	}
	blur()
	press("l")
	p.wait("Chinese", "document.documentElement.lang.startsWith('zh')")
	press("l")
	p.wait("English", "document.documentElement.lang === 'en'")
	press("?")
	p.wait("the help", "document.querySelector('#help').open")
	press(kb.Escape)
	p.wait("the help is closed", "!document.querySelector('#help').open")
	blur()
	press(" ")
	p.state("Writing")
	press("s")
	p.state("Stopped")
	press("n")
	p.wait("a new chat", tokens+" === 0")
}

// A click keeps what it shows wherever it is made, and Esc lets it go.
func TestClickKeepsEverywhere(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.ask("What is gravity?")
	p.rested()
	p.click("#tab-tokens")
	p.wait("the chips", "document.querySelectorAll('#chips .chip').length > 30")
	for _, c := range []struct{ what, selector, title string }{
		{"a chip", "#chip-5", "/^Token 5$/"},
		{"a cell of the spine", "#timeline", "/^Token \\d+$/"},
		{"a word of the chat", "#messages > [data-role=user]", "/^Token \\d+$/"},
	} {
		x, y := p.pointAt(c.selector, 0.3, 0.4)
		if c.selector == "#messages > [data-role=user]" {
			box := eval[[]float64](p, "(() => { const r = document.createRange(); r.selectNodeContents(document.querySelector('#messages > [data-role=user]').lastChild); const b = r.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2] })()")
			x, y = box[0], box[1]
		}
		p.do(chromedp.MouseClickXY(x, y))
		p.wait(c.what+" is kept", kept+" && "+c.title+".test("+readingTitle+")")
		title := eval[string](p, readingTitle)
		p.pointAt("#chat .bar", 0.5, 0.5)
		time.Sleep(200 * time.Millisecond)
		if now := eval[string](p, readingTitle); now != title {
			t.Errorf("%s: %q became %q", c.what, title, now)
		}
		eval[bool](p, "(document.activeElement.blur(), true)")
		p.do(chromedp.KeyEvent(kb.Escape))
		p.wait(c.what+" is let go", "!("+kept+")")
	}
	p.click("#tab-attention")
	p.wait("the atlas", "document.querySelector('#attention-layer').max === '29' && document.querySelectorAll('#reads .weight').length > 3")
	x, y := p.pointAt("#atlas", 0.4, 0.5)
	p.do(chromedp.MouseClickXY(x, y))
	p.wait("a cell of the atlas is kept, with its exact value", kept+" && !"+readingValue+".includes('≈')")
	value := eval[string](p, readingTitle+"+"+readingValue)
	p.pointAt("#chat .bar", 0.5, 0.5)
	time.Sleep(200 * time.Millisecond)
	if now := eval[string](p, readingTitle+"+"+readingValue); now != value {
		t.Errorf("the atlas: %q became %q", value, now)
	}
	eval[bool](p, "(document.activeElement.blur(), true)")
	p.do(chromedp.KeyEvent(kb.Escape))
	p.wait("the atlas is let go", "!("+kept+")")
}

// pictures has the page count how many different pictures a canvas shows after an action.
func (p *tab) pictures(canvas, action string) int {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(window.shown_ = new Set(), window.watched_ = false, (() => { const c = document.querySelector(%q); shown_.add(c.toDataURL());
		const end = performance.now() + 900; const look = () => { shown_.add(c.toDataURL()); if (performance.now() < end) requestAnimationFrame(look); else window.watched_ = true };
		requestAnimationFrame(look); %s })(), true)`, canvas, action))
	p.wait("the canvas was watched", "window.watched_")
	return eval[int](p, "window.shown_.size")
}

// What moves in the canvases jumps under reduced motion, also when that is asked for while
// the page is open, and moves again when it is not any more.
func TestCanvasesFollowReducedMotion(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(40)
	p.ask("Tell me a story about the sea.")
	p.rested()
	p.click("#tab-vectors")
	p.wait("the map", "/% of the variance/.test(document.querySelector('#map-says').textContent)")
	layer := func(n int) string {
		return fmt.Sprintf("const s = document.querySelector('#vector-layer'); s.value = %d; s.dispatchEvent(new Event('input', {bubbles: true}))", n)
	}
	end := func(key string) string {
		return fmt.Sprintf("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: %q, bubbles: true}))", key)
	}
	for i, motion := range []string{"no-preference", "reduce", "no-preference"} {
		p.emulate(&emulation.MediaFeature{Name: "prefers-reduced-motion", Value: motion})
		p.wait("the button that plays the layers", fmt.Sprintf("document.querySelector('#vector-run').hidden === %t", motion == "reduce"))
		points, cells := 0, 0
		for try := 0; try < 1 || motion != "reduce" && try < 5 && (points < 3 || cells < 3); try++ { // a busy machine may miss frames
			p.pictures("#map-canvas", layer(4)) // and wait until it rests
			points = max(points, p.pictures("#map-canvas", layer(20+i)))
			p.pictures("#timeline canvas", end("End"))
			cells = max(cells, p.pictures("#timeline canvas", end("Home")))
		}
		if motion == "reduce" {
			if points > 3 || cells > 2 { // the words of the layer's vector may come a little later
				t.Errorf("under reduced motion the map shows %d pictures and the spine %d", points, cells)
			}
		} else if points < 3 || cells < 3 {
			t.Errorf("with motion the map shows %d pictures and the spine %d", points, cells)
		}
	}
	p.emulate(&emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	p.click("#tab-blocks")
	p.wait("the pool", "/This chat holds/.test(document.querySelector('#panel-blocks').textContent)")
	p.pictures("#blocks-pool canvas", "")
	if blocks := p.pictures("#blocks-pool canvas", "document.querySelector('#play-on').click()"); blocks > 4 {
		t.Errorf("under reduced motion the pool shows %d pictures for one token", blocks)
	}
}

// The server is restarted in the middle of an answer, which goes on where it was; paced, too.
// What is asked meanwhile is not sent, and the page says why.
func TestServerRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	url, stop := serve(t, addr)
	p := open(t, url+"/?lang=en")
	p.allowed = []string{"WebSocket", "ERR_CONNECTION"}
	p.started()
	p.long(2000)
	const gone = "/Server gone|Connecting/.test(document.querySelector('#status-text').textContent)"
	for _, speed := range []string{"0", "4"} {
		p.set("#play-speed", speed)
		p.click("#chat-new")
		p.wait("a new chat", tokens+" === 0")
		p.ask("Tell me a long story about the sea.")
		p.wait("the answer streams", answer+".length > 30")
		stop()
		p.wait("the server is gone", gone)
		n, said := eval[int](p, tokens), eval[string](p, answer)
		if speed == "0" {
			p.ask("Are you there?")
			p.wait("the page says that the server cannot be reached", "/^The server cannot be reached/.test("+problem+") && document.querySelector('#say').value === 'Are you there?'")
			p.set("#say", "")
		}
		_, stop = serve(t, addr)
		p.wait("the answer goes on", fmt.Sprintf("%s > %d && %s.startsWith(%q)", tokens, n+3, answer, said))
		if got := eval[string](p, problem); got != "" {
			t.Errorf("at speed %s the page says %q", speed, got)
		}
	}
	p.click("#play-stop")
	p.state("Stopped")
}
