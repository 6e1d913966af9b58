package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"

	tape "vitrine/visualizer/recording"
	"vitrine/visualizer/wire"
)

var han = regexp.MustCompile(`\p{Han}`)

// said waits for words of the page in an element and holds that they are those of its
// language, in English and after a switch in Chinese, which is where it ends.
func (p *tab) said(selector, en, zh string) {
	p.t.Helper()
	has := func(part string) {
		p.t.Helper()
		p.wait("the page says "+part, fmt.Sprintf("!document.querySelector(%q).hidden && document.querySelector(%q).textContent.includes(%q)", selector, selector, part))
	}
	if eval[bool](p, "document.documentElement.lang !== 'en'") {
		p.click("#language")
	}
	has(en)
	if said := p.text(selector); han.MatchString(said) {
		p.t.Errorf("the English page says %q", said)
	}
	p.click("#language")
	has(zh)
	if said := p.text(selector); latinSentence.MatchString(said) {
		p.t.Errorf("the Chinese page says %q", said)
	}
}

// What the client itself finds wrong, with a file, with what the server sent or with
// what the sampler is to do, it says in the language of the page, and again after a switch.
func TestTheClientsOwnProblemsAreSaidInBothLanguages(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	whole, err := os.ReadFile(filepath.Join("..", "..", "web", "static", "recording.vitrine"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p := open(t, "about:blank")
	p.before(`{ const Real = WebSocket; window.WebSocket = function (url) { return window.socket = new Real(url) } }`)
	p.do(chromedp.Navigate(url + "/?lang=en#q=Hi&top-p=7&n=3"))
	p.started()
	p.said("#problem-text", "Nothing was sent", "没有发送")

	load := func(path string) { p.do(chromedp.SetUploadFiles("#load-file", []string{path})) }
	load(file("letter.vitrine", []byte("Dear reader, this is a letter and no recording.")))
	p.said("#problem-text", "not a Vitrine recording that this page can read (magic, byte 0)", "不是本页能读的琉璃录像（magic，第 0 字节）")
	load(file("later.vitrine", append([]byte("VTRN\x09\x00"), whole[6:]...)))
	p.said("#problem-text", "made by another version", "由另一版本的琉璃录制")
	load(file("cut.vitrine", whole[:len(whole)*2/3]))
	p.said("#problem-text", "That recording is damaged from byte", "这段录像从第")

	// A recording has tokens and logits, and the link's top-p is still set.
	load(file("whole.vitrine", whole))
	p.click("#tab-next")
	p.said("#next-says", "The sampler does not take these settings: top-p is 7", "采样器不接受这些设定：top-p 是 7")

	send := func(bytes string) {
		eval[bool](p, "window.socket.dispatchEvent(new MessageEvent('message', {data: new Uint8Array(["+bytes+"]).buffer}))")
	}
	send(fmt.Sprintf("%d, %d, 1, 2", wire.Version, wire.KindHello))
	p.said("#problem-text", "something this page cannot read (Hello.Session, byte 2)", "本页读不懂的内容（Hello.Session，第 2 字节）")
	send("99, 1, 0")
	p.said("#problem-text", "of another version than this page", "版本不同")

	var w tape.Writer
	if err := w.AddFrame(0, &wire.Hello{Session: "s", Phase: wire.PhaseReady, Model: wire.Model{Name: "m", Vocab: 2}}); err != nil {
		t.Fatal(err)
	}
	load(file("cut short.vitrine", w.File(tape.Label{Note: wire.Tell("Two frames were left out.", "略去了两帧。")})))
	p.said("#replay-text", "Two frames were left out.", "略去了两帧。")
}

// A seed that is none stands there, marked, until it is put right, and is never replaced
// behind the person's back.
func TestNewDiceTakeTheMarkFromTheSeed(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(3)
	p.ask("Hi")
	p.rested()
	p.click("#tab-next")
	p.focus("#next-seed")
	p.set("#next-seed", "abc")
	p.wait("the seed is marked", "document.querySelector('#next-seed').getAttribute('aria-invalid') === 'true'")
	// It stands there, marked, in both fields, when the focus has moved on and a token comes.
	const both = "[...document.querySelectorAll('#next-seed, #param-seed')].map(e => e.value + ' ' + e.getAttribute('aria-invalid')).join()"
	n := eval[int](p, tokens)
	p.focus("#play-on")
	p.click("#play-on")
	p.wait("one token more", fmt.Sprintf("%s === %d && document.querySelector('#next-says').textContent !== ''", tokens, n+1))
	p.click("#play-back")
	p.wait("both fields keep what was typed", both+" === 'abc true,abc true'")
	p.ask("And you?")
	p.wait("the page says that nothing was sent", problem+" !== ''")
	p.click("#tab-next")
	if got := eval[string](p, both); got != "abc true,abc true" || eval[int](p, tokens) != n+1 {
		t.Errorf("then the fields are %q, and there are %d tokens, want %d", got, eval[int](p, tokens), n+1)
	}
	p.click("#next-reseed")
	p.wait("another seed stands there, unmarked", `/^\d+$/.test(document.querySelector('#next-seed').value) && document.querySelector('#next-seed').getAttribute('aria-invalid') !== 'true'`)
	p.wait("nor is the chat's field", "document.querySelectorAll('[aria-invalid=\"true\"]').length === 0")
}
