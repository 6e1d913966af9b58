package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The server is restarted while a conversation has two branches: both are there again, the
// one that was not in sight with its text, and it goes on.
func TestRestartKeepsTheBranches(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	url, stop := serve(t, addr)
	p := open(t, url+"/?lang=en#q=What+is+gravity%3F&n=8&seed=4")
	p.allowed = []string{"WebSocket", "ERR_CONNECTION"} // the browser's own words for a server that is gone
	p.rested()
	first, n := eval[string](p, answer), eval[int](p, tokens)
	const place = "Number(document.querySelector('#timeline').getAttribute('aria-valuenow'))"
	last := eval[int](p, place)
	for range 5 {
		p.click("#play-back")
	}
	p.wait("five tokens back", fmt.Sprintf("%s === %d", place, last-5))
	p.click("#tab-next") // after that: another token lets go of the candidate that is asked about
	p.wait("what stands there is marked", "document.querySelector('#next-candidates .stands, #next-candidates .drawn')")
	eval[bool](p, "([...document.querySelectorAll('#next-candidates [role=option]')].find(e => !e.matches('.stands, .drawn')).click(), true)")
	p.wait("the button", "!document.querySelector('#next-instead').hidden")
	p.click("#next-instead")
	p.wait("a second branch", "document.querySelectorAll('#branches button').length === 2")
	p.wait("the branch is written", fmt.Sprintf("%s !== %q && %s === %d", answer, first, tokens, n))
	p.rested()
	second := eval[string](p, answer)
	stop()
	p.wait("the server is gone", "/Server gone|Connecting/.test(document.querySelector('#status-text').textContent)")
	serve(t, addr)
	p.wait("the conversation is given back", "!/Server gone|Connecting|Loading|model|Ready/.test(document.querySelector('#status-text').textContent)")
	p.wait("both branches are there", "document.querySelectorAll('#branches button').length === 2 && "+fmt.Sprintf("%s === %q", answer, second))
	// At once, whatever is written anew meanwhile: the server may be about to tell the branches.
	eval[bool](p, "(document.querySelector('#branches button:first-child').click(), true)")
	p.wait("the first one's text", fmt.Sprintf("%s === %q && %s === %d", answer, first, tokens, n))
	eval[bool](p, "(document.activeElement.blur(), true)")
	p.do(chromedp.KeyEvent("."))
	p.wait("it goes on", fmt.Sprintf("%s === %d", tokens, n+1))
	if longer := eval[string](p, answer); !strings.HasPrefix(longer, first) {
		t.Errorf("it goes on to %q from %q", longer, first)
	}
	p.click("#branches button:last-child")
	p.wait("and back", fmt.Sprintf("%s === %q", answer, second))
	p.ask("And mass?")
	p.wait("a second question is answered on it", "document.querySelectorAll('#messages > [data-role=assistant]').length === 2 && document.querySelector('#status-text').textContent.includes('Finished')")
}
