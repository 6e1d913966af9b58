package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A person asks, sees the answer stream, pauses, steps, goes back, rewinds,
// and lets the same dice fall again.
func TestChatPauseStepRewind(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.long(2000)
	p.ask("What is gravity?")
	p.wait("the answer streams", answer+".length > 10")
	first := eval[string](p, answer)
	p.wait("the answer grows", fmt.Sprintf("%s.length > %d", answer, len(first)))

	p.click("#play-run")
	p.state("Paused")
	n := eval[int](p, tokens)
	p.click("#play-on")
	p.wait("one token more", fmt.Sprintf("%s === %d", tokens, n+1))
	p.state("Paused")
	p.click("#play-back")
	p.wait("the place is one token back", fmt.Sprintf("Number(document.querySelector('#timeline').getAttribute('aria-valuenow')) < %d", eval[int](p, tokens)))
	if got := eval[int](p, tokens); got != n+1 {
		t.Errorf("looking back changed the sequence: %d tokens, want %d", got, n+1)
	}
	before := eval[string](p, answer)
	for range 3 {
		p.click("#play-back")
	}
	p.click("#play-rewind")
	p.wait("the sequence is shorter", fmt.Sprintf("%s < %d", tokens, n+1))
	p.click("#play-run")
	p.wait("the sequence is as long again", fmt.Sprintf("%s >= %d", tokens, n+1))
	p.click("#play-run")
	p.state("Paused")
	if after := eval[string](p, answer); !strings.HasPrefix(after, before[:len(before)-1]) {
		t.Errorf("with the same seed the answer is %q, before the rewind it was %q", after, before)
	}
}

// While an answer is written its end stays in sight; what a reader scrolled back to
// stays where it is; and the next question is in sight again.
func TestChatKeepsItsPlace(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.long(4000)
	p.ask("Tell me a long story about the sea.")
	const scroll = "document.querySelector('#conversation')"
	// below is how much of the list is out of sight below its place, above how much above.
	const below = "(e => document.querySelector('#messages').getBoundingClientRect().bottom - e.getBoundingClientRect().bottom)(" + scroll + ")"
	const above = "(e => e.getBoundingClientRect().top - document.querySelector('#messages').getBoundingClientRect().top)(" + scroll + ")"
	p.wait("the answer is longer than its place", above+" > 400")
	if at := eval[float64](p, below); at > 0 {
		t.Errorf("the end of a growing answer is %v pixels out of sight", at)
	}
	eval[bool](p, "("+scroll+".scrollTop = -300, true)")
	p.wait("the page has seen it", below+" >= 250")
	grown := eval[int](p, answer+".length")
	p.wait("the answer grows", fmt.Sprintf("%s.length > %d", answer, grown))
	was, grown := eval[float64](p, above), eval[int](p, answer+".length")
	p.wait("the answer grows by lines", fmt.Sprintf("%s.length > %d", answer, grown+400))
	if is := eval[float64](p, above); is < was-1 || is > was+1 {
		t.Errorf("what a reader scrolled back to moved by %v pixels while the answer grew", is-was)
	}
	if status := p.text("#status-text"); strings.Contains(status, "Finished") {
		t.Fatal("the answer ended before the page was looked at")
	}
	p.click("#play-stop")
	p.state("Stopped")
	p.set("#param-max-tokens", "4")
	p.ask("And then?")
	p.wait("the second answer", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2")
	p.wait("the end is in sight again", below+" <= 0")
}

// Every word of the page exists in both languages, and switching loses nothing.
func TestLanguages(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	eval[bool](p, "document.querySelector('#more-params').open = true")
	p.set("#param-max-tokens", "4")
	p.ask("你好 😀")
	p.state("Finished")
	said, n := eval[string](p, answer), eval[int](p, tokens)
	p.click("#language")
	p.wait("the page is Chinese", "document.documentElement.lang.startsWith('zh')")
	if got := p.text("#tab-tokens"); !strings.Contains(got, "分词") && !strings.Contains(got, "词元") {
		t.Errorf("the first tab is called %q", got)
	}
	if missing := eval[[]string](p, `[...document.querySelectorAll('[data-t]')].filter(e => !e.textContent.trim()).map(e => e.dataset.t)`); len(missing) > 0 {
		t.Errorf("messages without a text: %v", missing)
	}
	if eval[string](p, answer) != said || eval[int](p, tokens) != n {
		t.Error("switching the language changed the conversation")
	}
	p.click("#language")
	p.wait("the page is English", "document.documentElement.lang === 'en'")
}

// The server is restarted: the page says so, connects again, gives the
// conversation back, and goes on.
func TestReconnect(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	url, stop := serve(t, addr)
	p := open(t, url+"/?lang=en")
	p.allowed = []string{"WebSocket", "ERR_CONNECTION"} // the browser's own words for a server that is gone
	p.started()
	eval[bool](p, "document.querySelector('#more-params').open = true")
	p.set("#param-max-tokens", "8")
	p.ask("What is gravity?")
	p.state("Finished")
	n, said := eval[int](p, tokens), eval[string](p, answer)
	stop()
	p.wait("the page says that the server is gone", "document.querySelector('#status-text').textContent.includes('Server gone') || document.querySelector('#status-text').textContent.includes('Connecting')")
	p.wait("and that nothing is lost", "document.querySelector('#problem-text').textContent.includes('The conversation stays here')")
	serve(t, addr)
	p.wait("the page is connected again", "!/Server gone|Connecting|Loading|model/.test(document.querySelector('#status-text').textContent)")
	p.started()
	if eval[int](p, tokens) != n || eval[string](p, answer) != said {
		t.Errorf("after the restart %d tokens and %q, before %d and %q", eval[int](p, tokens), eval[string](p, answer), n, said)
	}
	p.ask("And mass?")
	p.wait("the conversation goes on", fmt.Sprintf("%s > %d", tokens, n+8))
}

// latinSentence is a run of words in Latin letters.
var latinSentence = regexp.MustCompile(`[A-Za-z']{2,}( [A-Za-z']+){2,}`)

// Too long a prompt is refused in words, and the chat goes on.
func TestTooLongAPromptIsSaid(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.set("#say", strings.Repeat("word ", 20000))
	p.click("#send")
	p.wait("a problem is said", "!document.querySelector('#problem').hidden && /That is too long. The prompt is 20,?00[0-9] tokens long/.test(document.querySelector('#problem-text').textContent)")
	p.click("#language")
	p.wait("it is said in Chinese", "/^太长了。提示有 20,?00[0-9] 个词元/.test(document.querySelector('#problem-text').textContent)")
	if said := p.text("#problem-text"); latinSentence.MatchString(said) {
		t.Errorf("the Chinese page says %q", said)
	}
	p.click("#language")
	p.click("#problem-close")
	eval[bool](p, "document.querySelector('#more-params').open = true")
	p.set("#param-max-tokens", "3")
	p.set("#say", "")
	p.ask("Hi")
	p.state("Finished")
}
