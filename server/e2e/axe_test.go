package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vitrine/engine/modeltest"
)

// axe is the accessibility checker that runs inside the page.
const axe = "axe-core@4.10.3"

// axeScript fetches axe by npm.
func axeScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(modeltest.NPM(t, axe, "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// axe-core finds no violation in any view, in both languages and themes, wide
// and narrow, with a conversation in the page.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	script := axeScript(t)
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	eval[bool](p, "document.querySelector('#more-params').open = true")
	p.set("#param-max-tokens", "5")
	p.click("#tab-time") // what it shows is measured while it is open
	p.ask("What is 重力?")
	p.state("Finished")
	eval[bool](p, script+"; true")
	for _, c := range []struct {
		name          string
		width, height int64
		dark, chinese bool
	}{
		{"wide, light, English", 1440, 900, false, false},
		{"wide, dark, Chinese", 1440, 900, true, true},
		{"narrow, light, Chinese", 390, 844, false, true},
		{"narrow, dark, English", 390, 844, true, false},
	} {
		p.do(chromedp.EmulateViewport(c.width, c.height))
		if chinese := eval[string](p, "document.documentElement.lang") != "en"; chinese != c.chinese {
			p.click("#language")
		}
		eval[bool](p, fmt.Sprintf("(document.documentElement.style.colorScheme = %q, true)", map[bool]string{true: "dark", false: "light"}[c.dark]))
		time.Sleep(time.Second) // the colours change softly; what is on the way has no contrast of its own
		for _, view := range []string{"tokens", "vectors", "attention", "next", "blocks", "time"} {
			p.click("#tab-" + view)
			p.wait("the view "+view+" shows something", fmt.Sprintf("!document.querySelector('#panel-%s .body').hidden", view))
			p.violatesNothing(c.name + ", view " + view)
		}
	}
}

// violatesNothing reports what axe, which was evaluated in the page, finds now.
func (p *tab) violatesNothing(where string) {
	p.t.Helper()
	violations, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations.map(v =>
		v.id + ': ' + v.help + ' — ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')))`, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, v := range violations {
		p.t.Errorf("%s: %s", where, v)
	}
}

// Nor does it in what opens beside the views: the help, a source, the flow and the
// lens of attention, a conversation with branches, and a page that complains.
func TestAccessibilityOfWhatOpens(t *testing.T) {
	t.Parallel()
	script := axeScript(t)
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(5)
	p.ask("What is gravity?")
	p.rested()
	p.click("#tab-next")
	p.wait("the candidates", "document.querySelector('#next-candidates .stands, #next-candidates .drawn')")
	eval[bool](p, "([...document.querySelectorAll('#next-candidates [role=option]')].find(e => !e.matches('.stands, .drawn')).click(), true)")
	p.wait("the button", "!document.querySelector('#next-instead').hidden")
	p.click("#next-instead")
	p.wait("a second branch", "document.querySelectorAll('#next-tree li').length >= 2")
	p.rested()
	eval[bool](p, script+"; true")
	shut := func(dialog string) {
		p.do(chromedp.KeyEvent("\x1b"))
		p.wait("it is closed", fmt.Sprintf("!document.querySelector(%q).open", dialog))
	}
	for _, c := range []struct {
		name                string
		dark, chinese, rest bool // the rest takes a while, and is looked at once in each language and theme
	}{{"light, English", false, false, true}, {"dark, English", true, false, false}, {"dark, Chinese", true, true, true}, {"light, Chinese", false, true, false}} {
		if chinese := eval[string](p, "document.documentElement.lang") != "en"; chinese != c.chinese {
			p.click("#language")
		}
		eval[bool](p, fmt.Sprintf("(document.documentElement.style.colorScheme = %q, true)", map[bool]string{true: "dark", false: "light"}[c.dark]))
		p.set("#param-top-p", "7")
		p.ask("Hi")
		p.wait("a problem is said", "!document.querySelector('#problem').hidden && document.querySelector('#wrong-top-p').checkVisibility()")
		time.Sleep(600 * time.Millisecond) // the colours change softly
		p.violatesNothing(c.name + ", branches and a problem")
		p.set("#param-top-p", "0.9")
		p.set("#say", "")
		p.click("#problem-close")
		if !c.rest {
			continue
		}
		p.click("#tab-attention")
		for _, part := range []string{"flow", "lens"} {
			p.click("#show-" + part)
			p.wait("the part "+part, fmt.Sprintf("!document.querySelector('#part-%s').hidden && document.querySelector('#part-%s').textContent.length > 50", part, part))
			p.violatesNothing(c.name + ", " + part)
		}
		p.click("#show-head")
		p.click("#help-open")
		p.wait("the help", "document.querySelector('#help').open")
		p.violatesNothing(c.name + ", help")
		shut("#help")
		p.wait("a function is named", readingFunc+" !== ''")
		p.click("#reading-func button")
		p.wait("the source", "document.querySelector('#source').open && document.querySelector('#source-text').textContent.includes('func ')")
		p.violatesNothing(c.name + ", source")
		shut("#source")
		p.click("#tab-next")
	}
}
