package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"vitrine/server/app"
)

// rested waits until an answer is finished and nothing is on its way.
func (p *tab) rested() {
	p.t.Helper()
	p.state("Finished")
}

// pointAt moves the pointer to a place in an element, given as shares of its size.
func (p *tab) pointAt(selector string, x, y float64) (atX, atY float64) {
	p.t.Helper()
	box := eval[[]float64](p, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: 'nearest'});
		const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height] })()`, selector))
	atX, atY = box[0]+x*box[2], box[1]+y*box[3]
	p.do(chromedp.MouseEvent(chromedp.MouseMoved, atX, atY))
	return atX, atY
}

const (
	readingTitle = `document.querySelector('#reading-title').textContent`
	readingValue = `document.querySelector('#reading-value').textContent`
	readingLines = `document.querySelector('#reading-lines').textContent`
	readingFunc  = `(document.querySelector('#reading-func').hidden ? '' : document.querySelector('#reading-func code').textContent)`
	readingBy    = `(document.querySelector('#reading-by').hidden ? '' : document.querySelector('#reading-by code').textContent)`
)

// What is pointed at is read in the inspector with its operands; a click keeps
// it, and Esc lets it go.
func TestInspectorReadsKeepsAndLetsGo(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.ask("What is gravity?")
	p.rested()
	p.click("#tab-attention")
	p.wait("the head's row", "/^[01]\\.\\d+$/.test(document.querySelector('#reads .weight')?.textContent ?? '')")
	p.wait("the resting reading", `/^Token \d+$/.test(`+readingTitle+`)`)
	x, y := p.pointAt("#matrix", 0.4, 0.5)
	p.wait("a weight is read", readingTitle+` === 'Attention weight'`)
	p.wait("its operands are filled in", readingLines+`.includes('exp(') && /q.*·k.* = Σ/.test(`+readingLines+`)`)
	weight, lines := eval[string](p, readingValue), eval[string](p, readingLines)
	// The last line of the softmax ends with the weight itself.
	told := regexp.MustCompile(`= ([0-9.]+)layer`).FindStringSubmatch(lines)
	if told == nil || !strings.HasPrefix(weight, strings.TrimRight(told[1][:5], "0")) {
		t.Errorf("the weight is %s, and its formula says %q", weight, lines)
	}
	p.do(chromedp.MouseClickXY(x, y))
	p.wait("it is kept", "!document.querySelector('#reading-lock').hidden")
	p.pointAt("#chat h2, #chat .bar", 0.5, 0.5)
	time.Sleep(300 * time.Millisecond)
	if got := eval[string](p, readingValue); got != weight {
		t.Errorf("the kept reading became %s, want %s", got, weight)
	}
	p.do(chromedp.KeyEvent("\x1b"))
	p.wait("it is let go", `document.querySelector('#reading-lock').hidden && /^Token/.test(`+readingTitle+`)`)
}

// Every view's numbers name the function that computed them, and its source opens.
func TestEveryViewShowsItsSource(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.click("#tab-time") // what it shows is measured while it is open
	p.ask("What is 重力?")
	p.rested()
	focus := func(selector string) func() {
		return func() {
			eval[bool](p, "(document.activeElement.blur(), true)")
			p.focus(selector)
		}
	}
	point := func(selector string, x, y float64) func() {
		return func() { // and keep it, for the pointer leaves when the source opens
			atX, atY := p.pointAt(selector, x, y)
			p.do(chromedp.MouseClickXY(atX, atY))
		}
	}
	for _, c := range []struct {
		view, what, ready string
		look              func()
		fn, by            string // parts of the names
	}{
		{"tokens", "the drawn token", "document.querySelectorAll('#chips .chip').length > 30", func() {}, "engine/sampler.(*Sampler).Sample", ""},
		{"vectors", "a number of the vector", "document.querySelector('#strip-says').textContent.includes('embedding matrix')", point("#strip-canvas", 0.3, 0.5), ".Embed", "view.VectorLines"},
		{"vectors", "a neighbour", "document.querySelectorAll('#near-list button').length > 10", focus("#near-list button"), "engine.(*Engine).Neighbours", "view.CosineLines"},
		{"vectors", "a point of the map", "/% of the variance/.test(document.querySelector('#map-says').textContent)", focus("#map-canvas"), "visualizer/project.Layers", "view.ProjectedLines"},
		{"vectors", "a length", "/Logarithmic/.test(document.querySelector('#norms-says').textContent)", focus("#norms-canvas"), "server/session.euclid", ""},
		{"attention", "a weight", "/^[01]\\.\\d+$/.test(document.querySelector('#reads .weight')?.textContent ?? '')", point("#matrix", 0.4, 0.5), "(*Backend).Attention", "view.Cell"},
		{"next", "the logits", "document.querySelector('#next-stages .stage:not([hidden]) .name')", focus("#next-stages .stage:not([hidden]) .name"), "engine/sampler.(*Sampler).load", "resample.StageFormula"},
		{"next", "a candidate", "true", point("#next-candidates > div:nth-child(2)", 0.5, 0.5), "engine/sampler.(*Sampler).", "resample.Softmax"},
		{"blocks", "the chat's memory", "/This chat holds/.test(document.querySelector('#panel-blocks').textContent)", focus(`.memory[data-memory="blocks"]`), "engine/kvcache.(*Pool).Grow", "view.BlockBytes"},
		{"blocks", "what a reservation takes", "true", focus(`.memory[data-memory="contiguous"]`), "(*Session).Memory", "view.ContiguousBytes"},
		{"blocks", "a key", "document.querySelector('#blocks-heat .empty').hidden", point("#blocks-heat", 0.2, 0.15), "(*Backend).RoPE", "view.Place"},
		{"time", "the longest operation", "document.querySelectorAll('#time-totals tbody tr').length > 10", focus("#time-totals tbody .plain"), "(*Backend).MatMul", "view.TimeShare"},
		{"time", "a bar", "true", point("#time-grid", 0.8, 0.02), "(*Backend).RMSNorm", "view.TimeShare"},
		{"time", "the speed", "!document.querySelector('#speed').hidden", focus("#speed"), "server/session.(*rate).perSecond", "view.Bandwidth"},
	} {
		p.click("#tab-" + c.view)
		p.wait(c.view+": "+c.what, c.ready)
		c.look()
		for _, row := range []string{"#reading-func", "#reading-by"} {
			if row == "#reading-by" && c.by == "" {
				continue
			}
			p.wait(fmt.Sprintf("%s: %s is computed by %s and its formula filled in by %q", c.view, c.what, c.fn, c.by),
				fmt.Sprintf("%s.includes(%q) && %s.includes(%q)", readingFunc, c.fn, readingBy, c.by))
			name := p.text(row + " code")
			eval[bool](p, fmt.Sprintf("(document.querySelector('%s button').click(), true)", row))
			p.wait("the source of "+name, `document.querySelector('#source').open && document.querySelector('#source-text').textContent.includes('func ')`)
			if title, place := p.text("#source-title"), p.text("#source-place"); title != name || !regexp.MustCompile(`^[a-z0-9/]+/[a-z0-9_]+\.go:\d+$`).MatchString(place) {
				t.Errorf("the source of %s is shown as %s at %s", name, title, place)
			}
			eval[bool](p, "(document.querySelector('#source').close(), true)")
		}
		p.do(chromedp.KeyEvent("\x1b"))
	}
}

// A link reproduces the view in another tab: the answer, token by token, the
// parameters, and what is chosen.
func TestLinkReproducesTheView(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(12)
	p.set("#param-temperature", "1.3")
	p.set("#param-top-k", "25")
	p.ask("Was ist Glas? 玻璃")
	p.rested()
	p.click("#tab-attention")
	p.wait("the sliders", "document.querySelector('#attention-layer').max === '29'")
	p.set("#attention-layer", "11")
	p.set("#attention-head", "4")
	last := eval[int](p, chosen)
	for range 3 {
		p.click("#play-back")
	}
	p.wait("three tokens back", fmt.Sprintf("%s === %d", chosen, last-3))
	const state = `JSON.stringify([document.querySelector('#messages > :last-child').textContent,
		document.querySelector('#timeline').getAttribute('aria-valuenow'), document.querySelector('#timeline').getAttribute('aria-valuetext'),
		document.querySelector('#attention-layer').value, document.querySelector('#attention-head').value,
		document.querySelector('[role=tab][aria-selected=true]').id, document.querySelector('#param-temperature').value,
		document.querySelector('#param-top-k').value, document.querySelector('#param-seed').value, document.querySelector('#param-max-tokens').value])`
	p.wait("the address", "/view=attention/.test(location.hash) && /layer=11/.test(location.hash) && /head=4/.test(location.hash) && /token=/.test(location.hash)")
	want := eval[string](p, state)
	p.wait("the address has the chosen token", "location.hash.includes('token=' + document.querySelector('#timeline').getAttribute('aria-valuenow'))")
	// What the sliders say after the answer is not what it was drawn with.
	p.set("#param-temperature", "0.1")
	p.set("#param-seed", "99")
	p.click("#play-back")
	p.wait("the address has another token", fmt.Sprintf("location.hash.includes('token=%d')", last-4))
	p.click("#play-on")
	p.wait("and the same again", fmt.Sprintf("location.hash.includes('token=%d')", last-3))
	link := eval[string](p, "location.href")
	q := open(t, link)
	q.rested()
	q.wait("the same is seen", fmt.Sprintf("%s === %q", state, want))
	if hidden := eval[bool](q, "document.querySelector('#problem').hidden"); !hidden {
		t.Errorf("the page says %q", q.text("#problem-text"))
	}
}

// A link leads to a branch too: the token that was put in the place of the drawn one,
// and what the model made of it; and it says when it was made with another model.
func TestLinkLeadsToTheBranch(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(10)
	p.ask("What is gravity?")
	p.rested()
	for range 6 {
		p.click("#play-back")
	}
	p.click("#tab-next")
	p.wait("what stands there is marked", "document.querySelector('#next-candidates .stands, #next-candidates .drawn')")
	eval[bool](p, "([...document.querySelectorAll('#next-candidates [role=option]')].find(e => !e.matches('.stands, .drawn')).click(), true)")
	p.wait("the button", "!document.querySelector('#next-instead').hidden")
	before := eval[string](p, answer)
	p.click("#next-instead")
	p.wait("a second branch", "document.querySelectorAll('#next-tree li').length >= 2 && "+answer+fmt.Sprintf(" !== %q", before))
	p.rested()
	p.ask("And mass?")
	p.wait("a second answer", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2")
	p.rested()
	p.wait("the address", "/q=What.*&to=[0-9]+:[0-9a-z]+&force=[0-9]+:[0-9]+&to=[0-9]+:[0-9a-z]+&q=And/.test(location.hash) && location.hash.includes('token=' + document.querySelector('#timeline').getAttribute('aria-valuenow'))")
	want, last := eval[string](p, conversation), eval[int](p, tokens)
	link := eval[string](p, "location.href")
	q := open(t, link)
	q.wait("the same conversation", fmt.Sprintf("%s === %q && %s === %d", conversation, want, tokens, last))
	q.rested()
	if hidden := eval[bool](q, "document.querySelector('#problem').hidden"); !hidden {
		t.Errorf("the page says %q", q.text("#problem-text"))
	}
	other := open(t, url+"/?lang=zh#model=qwen3-0.6b&q=Hi&n=2")
	other.wait("the other model is named", "document.querySelector('#problem-text').textContent === '链接里有看不懂或这里没有的部分：model=qwen3-0.6b。其余已照办。'")
}

// After a restart of the server the conversation goes on with the parameters that it
// was drawn with, whatever the sliders say.
func TestRestoreKeepsTheParameters(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	url, stop := serve(t, addr)
	p := open(t, url+"/?lang=en")
	p.allowed = []string{"WebSocket", "ERR_CONNECTION"}
	p.started()
	p.short(3)
	p.set("#param-temperature", "1.3")
	p.ask("Hi")
	p.rested()
	p.set("#param-temperature", "0.2")
	stop()
	p.wait("the server is gone", "/Server gone|Connecting/.test(document.querySelector('#status-text').textContent)")
	serve(t, addr)
	p.wait("the conversation is given back", "!/Server gone|Connecting|Loading|model|Ready/.test(document.querySelector('#status-text').textContent)")
	p.click("#tab-next")
	p.wait("the address", "location.hash.includes('temperature=')")
	p.wait("the temperature of the answer", "location.hash.includes('temperature=1.3')")
}

// A number that the sampler does not take is said beside its field, in the page's
// language, and nothing is sent until it is right.
func TestWrongNumberIsSaidAndNotSent(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(3)
	const shown = `[...document.querySelectorAll('.wrong')].filter(e => e.checkVisibility()).map(e => e.innerText.trim()).join('; ')`
	const asked = `document.querySelectorAll('#messages > [data-role=user]').length`
	for _, c := range []struct{ field, wrong, en, zh, right string }{
		{"#param-top-p", "7", "top-p takes a number from 0.0001 to 1", "top-p 要一个 0.0001 到 1 之间的数", "0.9"},
		{"#param-top-k", "2.5", "top-k takes a whole number from -1 up", "top-k 要一个不小于 -1 的整数", "5"},
		{"#param-temperature", "-1", "temperature takes a number from 0 up", "温度 要一个不小于 0 的数", "1"},
		{"#param-max-tokens", "", "max tokens takes a whole number from 1 up", "最多词元 要一个不小于 1 的整数", "3"},
		{"#param-seed", "abc", "a seed is a whole number from 0 to 18446744073709551615, or nothing for a random one", "种子是 0 到 18446744073709551615 之间的整数，留空则随机", "5"},
	} {
		p.set(c.field, c.wrong)
		p.wait(c.field+" is said to be wrong", fmt.Sprintf("%s === %q", shown, c.en))
		p.click("#language")
		p.wait(c.field+" in Chinese", fmt.Sprintf("%s === %q", shown, c.zh))
		p.click("#language")
		p.ask("Hi")
		p.wait("nothing is sent", "document.querySelector('#problem-text').textContent.startsWith('Nothing was sent') && document.activeElement.id === "+fmt.Sprintf("%q", c.field[1:]))
		if n := eval[int](p, asked); n != 0 {
			t.Fatalf("with %s at %q there are %d messages", c.field, c.wrong, n)
		}
		p.set("#say", "")
		p.set(c.field, c.right)
		p.wait(c.field+" is right", shown+" === ''")
	}
	p.set("#param-top-p", "7")
	p.wait("wrong once more", shown+" !== ''")
	p.click("#params-reset")
	p.wait("set back", shown+" === '' && document.querySelector('#param-top-p').value === '0.95'")
	p.short(3)
	p.ask("Hi")
	p.rested()
	if hidden := eval[bool](p, "document.querySelector('#problem').hidden"); !hidden {
		t.Errorf("the page still says %q", p.text("#problem-text"))
	}
}

// What a link says that the page does not understand is said, and the rest is taken.
func TestBadLinkIsSaid(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en#q=Hi&seed=abc&temperature=x&view=nope&n=3&top-k=4&layer=2")
	p.rested()
	const said = "document.querySelector('#problem').hidden ? '' : document.querySelector('#problem-text').textContent"
	if got := eval[string](p, said); !strings.Contains(got, "of the link: seed=abc, temperature=x, view=nope.") {
		t.Errorf("the page says %q", got)
	}
	if got := eval[string](p, "document.querySelector('#param-top-k').value"); got != "4" {
		t.Errorf("top-k is %s", got)
	}
	// A number that is one, and out of its range, is marked, and the prompt waits.
	q := open(t, url+"/?lang=zh#q=Hi&top-p=7&n=3")
	q.started()
	q.wait("the prompt waits", "document.querySelector('#say').value === 'Hi' && ("+said+").startsWith('没有发送')")
	if got := eval[string](q, "document.querySelector('#wrong-top-p').innerText"); got != "top-p 要一个 0.0001 到 1 之间的数" {
		t.Errorf("beside the field stands %q", got)
	}
}

// emulate has the browser report media features as they are wanted.
func (p *tab) emulate(features ...*emulation.MediaFeature) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// A session that was saved to a file is replayed by a server without a model,
// which says why it has none, and says of its own recording that it is one.
func TestSaveAndReplayWithoutModel(t *testing.T) {
	t.Parallel()
	url, stop := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.allowed = []string{"WebSocket", "ERR_CONNECTION"}
	p.started()
	p.short(8)
	p.click("#tab-attention")
	p.ask("What is gravity?")
	p.rested()
	p.click("#play-back") // the last token was not read by the model, and has no row
	const attends = "document.querySelectorAll('#reads button:not([hidden])').length > 5"
	p.wait("what came too fast to be told was asked for", attends)
	said, n := eval[string](p, answer), eval[int](p, tokens)
	file := p.saveFile()
	path := filepath.Join(t.TempDir(), "lesson.vitrine")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	stop()

	broken := filepath.Join(t.TempDir(), "broken.gguf")
	if err := os.WriteFile(broken, []byte("GGUF\x03\x00\x00\x00cut in half"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := app.Start(context.Background(), app.Config{Addr: "127.0.0.1:0", Model: broken})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = a.Shutdown(ctx)
	})
	r := open(t, a.URL()+"/?lang=en")
	r.wait("the page says why there is no model", "document.querySelector('#arrival-text').textContent.includes('could not be loaded') && document.querySelector('#arrival-text').textContent.includes('broken.gguf')")
	r.wait("and plays a recording that says so", "!document.querySelector('#replay').hidden && /recording of a real session/.test(document.querySelector('#replay-text').textContent) && "+answer+".length > 5")
	r.do(chromedp.SetUploadFiles("#load-file", []string{path}))
	r.wait("the saved session plays", "document.querySelector('#replay-text').textContent.includes('lesson.vitrine')")
	r.wait("all of it", fmt.Sprintf("%s === %d && %s === %q", tokens, n, answer, said))
	r.click("#tab-attention")
	r.click("#play-back")
	r.wait("its attention", attends)
	// What was not watched is not in the recording, and every view says so.
	for _, c := range []struct{ view, says string }{
		{"vectors", "/Not in this recording/.test(document.querySelector('#panel-vectors').textContent)"},
		{"next", "/This recording does not hold the logits/.test(document.querySelector('#panel-next').textContent)"},
		{"blocks", "(document.querySelector('#panel-blocks .body').hidden || /This recording does not tell/.test(document.querySelector('#blocks-says').textContent)) && !/This chat holds|of the pool/.test(document.querySelector('#panel-blocks').innerText)"},
		{"time", "document.querySelector('#panel-time .body').hidden"},
		{"tokens", fmt.Sprintf("document.querySelectorAll('#chips .chip').length === %d", n)},
	} {
		r.click("#tab-" + c.view)
		r.wait(c.view+" in the replay", c.says)
	}
	r.wait("a function is named", readingFunc+` !== ''`)
	eval[bool](r, "(document.querySelector('#reading-func button').click(), true)")
	r.wait("its source comes from the server", "document.querySelector('#source-text').textContent.includes('func ')")
}

// The keys do what the help says, and the help explains the words in both languages.
func TestKeyboardAndHelp(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(200)
	p.ask("Tell me a long story.")
	p.wait("the answer streams", answer+".length > 10")
	eval[bool](p, "(document.activeElement.blur(), true)")
	p.do(chromedp.KeyEvent(" "))
	p.state("Paused")
	n := eval[int](p, tokens)
	p.do(chromedp.KeyEvent("."))
	p.wait("one token more", fmt.Sprintf("%s === %d", tokens, n+1))
	for i, view := range []string{"tokens", "vectors", "attention", "next", "blocks", "time"} {
		p.do(chromedp.KeyEvent(fmt.Sprint(i + 1)))
		p.wait("the view "+view, fmt.Sprintf("document.querySelector('#tab-%s').getAttribute('aria-selected') === 'true'", view))
	}
	p.do(chromedp.KeyEvent("?"))
	p.wait("the help", "document.querySelector('#help').open")
	if words := p.text("#help .words"); !strings.Contains(words, "attention") || !strings.Contains(words, "注意力") {
		t.Errorf("the help explains %q", words)
	}
	p.do(chromedp.KeyEvent("\x1b"))
	p.wait("the help is closed", "!document.querySelector('#help').open")
	p.do(chromedp.KeyEvent("l"))
	p.wait("Chinese", "document.documentElement.lang.startsWith('zh')")
	if words := p.text("#help .words"); !strings.Contains(words, "注意力") || !strings.Contains(words, "attention") {
		t.Errorf("in Chinese the help explains %q", words)
	}
	p.do(chromedp.KeyEvent("/"))
	p.wait("the message has the focus", "document.activeElement.id === 'say'")
}

// In a narrow window nothing is wider than it, and all tabs are in sight.
func TestNarrowWindow(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.click("#tab-time") // what it shows is measured while it is open
	p.ask("What is gravity?")
	p.rested()
	for _, width := range []int64{390, 360, 768} {
		p.do(chromedp.EmulateViewport(width, 844))
		for range 2 {
			for _, view := range []string{"tokens", "vectors", "attention", "next", "blocks", "time"} {
				p.click("#tab-" + view)
				p.wait("the view "+view, fmt.Sprintf("!document.querySelector('#panel-%s .body').hidden", view))
				if got := eval[int64](p, "document.documentElement.scrollWidth"); got > width {
					t.Errorf("at %d pixels the view %s (%s) is %d wide", width, view, eval[string](p, "document.documentElement.lang"), got)
				}
			}
			if right := eval[float64](p, "Math.max(...[...document.querySelectorAll('#tabs [role=tab]')].map(e => e.getBoundingClientRect().right))"); right > float64(width)+1 {
				t.Errorf("at %d pixels the last tab (%s) ends at %v", width, eval[string](p, "document.documentElement.lang"), right)
			}
			p.click("#language")
		}
	}
}

// Under reduced motion nothing moves by itself.
func TestReducedMotion(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, "about:blank")
	p.emulate(&emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	p.do(chromedp.Navigate(url + "/?lang=en"))
	p.started()
	p.short(12)
	p.click("#tab-blocks")
	p.ask("What is gravity?")
	p.wait("the answer streams", answer+".length > 10")
	if moving := eval[int](p, "document.getAnimations().filter(a => a.playState === 'running').length"); moving > 0 {
		t.Errorf("%d animations run", moving)
	}
	p.rested()
}
