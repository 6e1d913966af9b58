package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// conversation is all that was said, by everyone.
const conversation = "[...document.querySelectorAll('#messages > [data-role]')].map(e => e.textContent).join('|')"

// problem is what the page complains of.
const problem = "(document.querySelector('#problem').hidden ? '' : document.querySelector('#problem-text').textContent)"

// The page's main gesture: back to a token, other dice, on from there. Then a turn with
// dice of its own that is stopped. The link leads to all of it, token by
// token, and to itself; it says so where what is drawn is not what it was made of.
func TestLinkKeepsTheDice(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(16)
	p.set("#param-seed", "1")
	p.set("#param-temperature", "1.5")
	p.ask("Name three animals.")
	p.rested()
	first := eval[string](p, answer)
	for range 8 {
		p.click("#play-back")
	}
	n := eval[int](p, tokens)
	p.click("#play-rewind")
	p.wait("the sequence is shorter", fmt.Sprintf("%s < %d", tokens, n))
	p.click("#tab-next")
	p.set("#param-seed", "99")
	p.set("#param-temperature", "0.3")
	p.wait("the dice can be taken", "!document.querySelector('#next-apply').disabled")
	p.click("#next-apply")
	p.wait("the dice are taken", "document.querySelector('#next-apply').disabled")
	p.click("#play-run")
	p.rested()
	if eval[string](p, answer) == first {
		t.Fatalf("with other dice the answer is %q again", first)
	}
	p.long(2000)
	p.set("#param-seed", "5")
	p.ask("And you?")
	p.wait("the second answer streams", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2 && "+answer+".length > 20")
	p.click("#play-stop")
	p.state("Stopped")
	p.click("#play-back")
	p.wait("the address", "/q=Name.*&to=.*&dice=temperature:0.3.*seed:99.*&dice=.*seed:5.*&q=And.*&to=.*&seed=1&.*token=/.test(location.hash) && location.hash.includes('token=' + document.querySelector('#timeline').getAttribute('aria-valuenow'))")
	said, hash, link := eval[string](p, conversation), eval[string](p, "location.hash"), eval[string](p, "location.href")

	q := open(t, link)
	q.wait("the same conversation", fmt.Sprintf("%s === %q && %s === %d", conversation, said, tokens, eval[int](p, tokens)))
	q.wait("the same link", fmt.Sprintf("location.hash === %q", hash))
	if got := eval[string](q, problem); got != "" {
		t.Errorf("the page says %q", got)
	}

	// A reload forgets nothing of it.
	p.do(chromedp.Reload())
	p.started()
	p.wait("the conversation is there", fmt.Sprintf("%s === %q", conversation, said))
	p.click("#play-back")
	p.wait("the address after the reload", fmt.Sprintf("location.hash.replace(/&token=.*/, '') === %q && !location.hash.includes(%q)",
		regexp.MustCompile(`&token=.*`).ReplaceAllString(hash, ""), regexp.MustCompile(`&token=\d+`).FindString(hash)))

	// Other dice, with the sums of these: the page says that the tokens are not the same.
	r := open(t, strings.Replace(link, "seed:99", "seed:98", 1))
	r.wait("the page says that it differs", "/^What is drawn here before token \\d+ is not what the link was made of/.test("+problem+")")
}

// The system prompt of a link is the conversation's, whatever stands in the field, and a
// link without one has none.
func TestLinkKeepsTheSystemPrompt(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(4)
	p.set("#system", "You are a pirate.")
	p.ask("Hi")
	p.rested()
	p.set("#system", "You are a cat.")
	p.click("#play-back")
	p.wait("the address", "location.hash.includes('token=' + document.querySelector('#timeline').getAttribute('aria-valuenow'))")
	if hash := eval[string](p, "location.hash"); !strings.Contains(hash, "&system=You+are+a+pirate.&") {
		t.Errorf("the address is %s", hash)
	}
	q := open(t, eval[string](p, "location.href"))
	q.wait("the same conversation", fmt.Sprintf("%s === %q && document.querySelector('#system').value === 'You are a pirate.'", conversation, eval[string](p, conversation)))
	eval[bool](q, "(location.hash = '#q=Hello&seed=1&n=3', true)")
	q.wait("another chat, without a system prompt", "/^Hello\\|/.test("+conversation+") && document.querySelector('#system').value === ''")
	q.rested()
}

// A conversation that is too long for an address leaves no old link in it.
func TestLongChatHasNoLink(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(2)
	p.ask("Hi")
	p.rested()
	p.wait("a link", "location.hash.includes('q=Hi')")
	p.set("#say", strings.Repeat("=", 22000)) // three bytes each in an address, and many in a token
	p.click("#send")
	p.wait("the second answer", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2")
	p.rested()
	p.wait("the page says so", "/too long for a link/.test("+problem+")")
	if hash := eval[string](p, "location.hash"); strings.Contains(hash, "q=") {
		t.Errorf("the address is still %.100s", hash)
	}
	p.click("#chat-new")
	p.wait("a new chat", tokens+" === 0")
	p.ask("Hi again")
	p.rested()
	p.wait("a link again", "location.hash.includes('q=Hi+again')")
}

// The language that is chosen with the button outlives a reload, whatever the address said.
func TestLanguageOutlivesReload(t *testing.T) {
	t.Parallel()
	url, _ := serveTiny(t)
	p := open(t, url+"/?lang=en")
	p.wait("the page is ready", tinyReady)
	p.click("#language")
	p.wait("the page is Chinese", "document.documentElement.lang.startsWith('zh')")
	p.do(chromedp.Reload())
	p.wait("the page is ready again", tinyReady)
	if lang, at := eval[string](p, "document.documentElement.lang"), eval[string](p, "location.search"); lang != "zh" || at != "" {
		t.Errorf("after the reload the language is %s at %q", lang, at)
	}
	p.click("#language")
	p.wait("the page is English", "document.documentElement.lang === 'en'")
}

// A further turn behind an answer that was stopped in its middle, wherever that was, is
// in the link as it was.
func TestLinkGoesOnBehindStop(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	for i, text := range []string{"Name three animals.", "And you?", "用中文和表情符号说你好。", "Hi", "Tell me a story with emoji.", "What is 2?"} {
		p.long(2000)
		p.set("#param-temperature", "1.2")
		p.set("#param-seed", fmt.Sprint(i))
		p.ask(text)
		p.wait("the answer streams", fmt.Sprintf("document.querySelectorAll('#messages > [data-role=assistant]').length === 1 && "+answer+".length > %d", 3+5*i))
		p.click("#play-stop")
		p.state("Stopped")
		p.short(6)
		p.set("#param-temperature", "0")
		p.ask("Thanks.")
		p.wait("the second answer", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2")
		p.rested()
		p.click("#play-back")
		p.wait("the address", "/q=.*&to=.*&dice=.*&q=Thanks.*&to=.*token=/.test(location.hash) && location.hash.includes('token=' + document.querySelector('#timeline').getAttribute('aria-valuenow'))")
		said, hash, link := eval[string](p, conversation), eval[string](p, "location.hash"), eval[string](p, "location.href")

		q := open(t, link)
		q.wait("the same conversation, or a complaint", fmt.Sprintf("%s === %q && location.hash === %q || %s !== ''", conversation, said, hash, problem))
		if got, says := eval[string](q, conversation), eval[string](q, problem); got != said || says != "" {
			t.Errorf("%s leads to %q, want %q; the page says %q", hash, got, said, says)
		}
		p.click("#chat-new")
		p.wait("a new chat", tokens+" === 0")
	}
}

// What a link draws can be paused from outside and lost with the server in its middle: the
// page says that it waits and goes on from there, no further than the link says.
func TestLinkGoesOnWhenStoppedInItsMiddle(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	url, stop := serve(t, addr)
	p := open(t, url+"/?lang=en")
	p.started()
	p.long(600)
	p.ask("Tell me a long story.")
	p.rested()
	p.short(4)
	p.ask("And then?")
	p.wait("the second answer", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2")
	p.rested()
	p.wait("the address", "/q=Tell.*&to=.*&q=And.*&to=/.test(location.hash)")
	said, n, link := eval[string](p, conversation), eval[int](p, tokens), eval[string](p, "location.href")
	p.do(chromedp.Navigate("about:blank")) // it need not come back when the server does

	q := open(t, link)
	q.allowed = []string{"WebSocket", "ERR_CONNECTION"} // the browser's own words for a server that is gone
	q.wait("it draws", tokens+" > 60")
	q.click("#play-run")
	q.wait("the page says that it waits", "/^The link has more to ask or to draw. It waits here, at token \\d+, until you press Run.$/.test("+problem+")")
	if got := eval[int](q, tokens); got >= n {
		t.Fatalf("nothing is left to draw: %d tokens", got)
	}
	q.click("#language")
	q.wait("and in Chinese", "/^链接里还有要问或要抽的。它停在第 \\d+ 个词元，等你按“运行”。$/.test("+problem+")")
	q.click("#language")
	q.click("#play-run")
	q.wait("it says so no more and draws", fmt.Sprintf("%s === '' && %s > %d", problem, tokens, eval[int](q, tokens)))
	q.click("#play-stop")
	q.wait("the page says that it waits when it was ended, too", "/^The link has more/.test("+problem+")")
	at, connected := eval[int](q, tokens), "!/Server gone|Connecting/.test(document.querySelector('#status-text').textContent)"
	stop()
	q.wait("the page says that the server is gone", "!("+connected+")")
	_, stop = serve(t, addr)
	q.wait("the server is there again", connected)
	time.Sleep(2 * time.Second) // in which something would be drawn
	if got := eval[int](q, tokens); got != at {
		t.Errorf("what was ended at token %d goes on by itself behind a restart, to %d", at, got)
	}
	q.click("#play-run")
	q.wait("it draws again", fmt.Sprintf("%s > %d", tokens, at))
	stop()
	q.wait("the page says that the server is gone", "/Server gone|Connecting/.test(document.querySelector('#status-text').textContent)")
	if got := eval[int](q, tokens); got >= n {
		t.Fatalf("nothing is left to draw: %d tokens", got)
	}
	serve(t, addr)
	q.wait("the same conversation", fmt.Sprintf("%s === %q && %s === %d", conversation, said, tokens, n))
	q.wait("the same link", "/q=Tell.*&to=.*&q=And.*&to=/.test(location.hash)")
	if got := eval[string](q, problem); got != "" {
		t.Errorf("the page says %q", got)
	}
	q.ask("Thanks.")
	q.wait("the chat goes on", "document.querySelectorAll('#messages > [data-role=assistant]').length === 3")
}

// A link that cuts its own prompt, and one with names that there are not, are said to.
func TestLinkWithPartsThatAreNone(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en#q=Hi&to=3:1&q=More")
	p.wait("the page says that it differs", "/^What is drawn here before token 3 is not what the link was made of/.test("+problem+")")
	p.state("Paused")
	if got := eval[string](p, conversation); got != "Hi|" {
		t.Errorf("the conversation is %q", got)
	}
	p.ask("Hello?")
	p.wait("the chat goes on", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2")

	q := open(t, url+"/?lang=en#q=Hi&temprature=0.5&seed=3&dice=heat:2,n:4,seed:4")
	q.wait("the names are told", problem+" === 'Not understood or not here, of the link: temprature=0.5, dice=heat:2. The rest was taken.'")
	q.click("#language")
	q.wait("in Chinese, too", problem+" === '链接里有看不懂或这里没有的部分：temprature=0.5, dice=heat:2。其余已照办。'")
	q.wait("the rest was taken", "/^Hi\\|./.test("+conversation+") && document.querySelector('#param-seed').value !== ''")
}
