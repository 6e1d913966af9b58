package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The rows of the hall's chart and the pool are pictures; what they show is said
// in their names.
const (
	poolSays  = `document.querySelector('#grid').getAttribute('aria-label')`
	chartSays = `document.querySelector('#gantt').getAttribute('aria-label')`
	scrubMost = `Number(document.querySelector('#scrub').max)`
)

// openHall opens the hall and waits for its pool.
func openHall(t *testing.T, url string) *tab {
	t.Helper()
	p := open(t, url+"/serving?lang=en")
	p.wait("the hall has a pool", poolSays+`?.includes('64 blocks')`)
	return p
}

// paints reports whether a canvas has more than one colour.
func (p *tab) paints(selector string) bool {
	p.t.Helper()
	return eval[bool](p, fmt.Sprintf(`(() => { const c = document.querySelector(%q), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
		for (let i = 4; i < d.length; i += 4) if (d[i] !== d[0] || d[i+1] !== d[1] || d[i+2] !== d[2]) return true; return false })()`, selector))
}

// A reader adds requests, steps the engine, goes back in the record, cancels, and
// sets up a pool so small that requests lose their blocks; a second reader sees the
// same hall.
func TestHall(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.click("#run")
	p.wait("the pause", `document.querySelector('#status-text').textContent === 'Paused'`)
	p.set("#add-sort", "0")
	p.click("#add-8")
	p.wait("eight requests wait", `document.querySelector('#readers').textContent.includes('8 requests')`)
	for n := 1; n <= 3; n++ {
		p.click("#step")
		p.wait("a step", fmt.Sprintf(`document.querySelector('#moment').textContent.startsWith('Step %d:')`, n))
	}
	p.wait("the chart has three steps", chartSays+`.startsWith('Steps 1 to 3 of 8 ')`)
	held := eval[string](p, poolSays)
	if strings.Contains(held, " 0 held") || !p.paints("#grid canvas") || !p.paints("#gantt canvas") || !p.paints(".meter[data-meter=held] canvas") {
		t.Errorf("after three steps the pool is %q", held)
	}
	// The first request is chosen, and its tokens lie in its blocks.
	p.wait("a block table", `document.querySelectorAll('#table > div').length > 0 && document.querySelector('#table').textContent.includes('user')`)
	// Back in the record the grid shows that moment, and the address leads there.
	p.click("#back")
	p.wait("the step before", `document.querySelector('#moment').textContent.startsWith('Step 2:')`)
	p.wait("an address", `location.hash.includes('record=')`)
	if again := eval[string](p, poolSays); again == held {
		t.Errorf("at step 2 the pool is that of step 3: %q", again)
	}
	other := open(t, eval[string](p, "location.href"))
	other.wait("the same moment in another page", `document.querySelector('#moment').textContent.startsWith('Step 2:')`)
	if a, b := eval[string](p, poolSays), eval[string](other, poolSays); a != b {
		t.Errorf("one page sees %q, the other %q", a, b)
	}
	p.click("#live")
	p.wait("the latest step", poolSays+` === `+fmt.Sprintf("%q", held))
	// What one cancels and who one is, everyone sees.
	p.set("#reader-name", "Ada")
	p.click("#cancel")
	other.click("#live")
	other.wait("the other's request is cancelled", `document.querySelector('#chosen-says').textContent.startsWith('cancelled')`)
	other.wait("the name", `document.querySelector('#readers').textContent.includes('Ada')`)
	// Eight short answers do not fit into sixteen blocks of four tokens.
	p.set("#set-blocks", "16")
	p.set("#set-size", "8")
	p.wait("a change", `document.querySelector('#set-says').textContent.includes('not in force')`)
	p.click("#set")
	other.wait("the new pool", poolSays+`.includes('16 blocks')`)
	p.click("#run")
	p.click("#add-8")
	p.wait("preemption", `Number(document.querySelector('.meter[data-meter=preempted] b').textContent) > 0`)
	p.click("#cancel-mine")
	other.wait("an empty pool", poolSays+`.includes(' 0 held')`)
	// The inspector has the figure, its formula and the function.
	p.click(".meter[data-meter=waste]")
	p.wait("a reading", `document.querySelector('#reading-func code').textContent.includes('recorder')`)
	p.click("#reading-func button")
	p.wait("its source", `document.querySelector('#source-text').textContent.includes('func (r *recorder) measure')`)
}

// meter is what a meter of the hall says.
func meter(name string) string {
	return fmt.Sprintf(`document.querySelector('.meter[data-meter=%s] b').textContent`, name)
}

// keyOn presses a key on an element.
func keyOn(selector, name string) string {
	return fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new KeyboardEvent('keydown', {key: %q, bubbles: true}))`, selector, name)
}

// Two answers to one request share the prompt's blocks, and the first to write
// copies the one that was not full: seen step by step, and again on going back.
func TestHallForks(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.click("#run")
	p.wait("the pause", `document.querySelector('#status-text').textContent === 'Paused'`)
	p.set("#add-sort", "0")
	p.set("#add-outputs", "2")
	p.click("#add-1")
	p.wait("the request", `document.querySelector('#readers').textContent.includes('1 request')`)
	p.wait("no copy yet", meter("copied")+` === '0'`)
	happens := `[...document.querySelectorAll('.event.now')].map(e => e.textContent).join('; ')`
	p.click("#step")
	p.wait("the fork", happens+`.includes('r1b forked off r1a')`)
	p.wait("the prompt's blocks are held by two", `[...document.querySelectorAll('#table .refs')].every(e => e.textContent === '×2')`)
	// What the grid says of the block that is shared, by the keys.
	p.focus("#grid")
	eval[bool](p, keyOn("#grid", "Home"))
	p.wait("the first block is shared", poolSays+`.includes('held by 2 requests')`)
	p.wait("its holders", `/r1a\s+r1b/.test(document.querySelector('#inspector').textContent)`)
	before := eval[string](p, `(document.querySelector('#grid').blur(), `+poolSays+`)`)
	p.click("#step")
	p.wait("one copy on write", meter("copied")+` === '1'`)
	p.wait("it is told", happens+`.includes('copy on write: block')`)
	p.click("#back")
	p.wait("the moment before", meter("copied")+` === '0' && `+happens+`.includes('forked off')`)
	p.click("#on")
	p.wait("the copy again", happens+`.includes('copy on write')`)
	p.wait("another pool", poolSays+` !== `+fmt.Sprintf("%q", before))
	p.click(".meter[data-meter=copied]")
	p.wait("who counted it", `document.querySelector('#reading-func code').textContent.includes('recorder')`)
	p.click("#cancel")
	p.click("#live")
	p.wait("nothing is held", poolSays+`.includes(' 0 held')`)
}

// With speculation switched on, tokens are guessed and some accepted, and the chart
// has a step that gave an answer several.
func TestHallSpeculation(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.set("#set-drafts", "4")
	p.wait("a change", `document.querySelector('#set-says').textContent.includes('not in force')`)
	p.click("#set")
	p.wait("it is in force", `document.querySelector('#set-says').textContent.includes('as it runs')`)
	p.wait("nothing is guessed yet", meter("accepted")+` === '—'`)
	p.set("#add-sort", "4")
	p.set("#add-text", "Repeat the following text word for word: Water rises from the sea, becomes cloud, falls as rain, and runs back to the sea.")
	p.click("#add-8")
	p.wait("accepted guesses", `parseFloat(`+meter("accepted")+`) > 0 && parseFloat(`+meter("length")+`) > 1`)
	p.wait("the end", `document.querySelector('#status-text').textContent === 'Nothing to do'`)
	p.focus("#gantt")
	eval[bool](p, keyOn("#gantt", "Home"))
	p.wait("a step with several tokens", `/, [2-5] tokens/.test(`+chartSays+`) || (`+keyOn("#gantt", "ArrowRight")+`, false)`)
	p.wait("what it guessed", `document.querySelector('#inspector').textContent.includes('guessed')`)
}

// The question mark opens the hall's help, which explains in both languages.
func TestHallHelp(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.do(chromedp.KeyEvent("?"))
	p.wait("the help", "document.querySelector('#help').open")
	if text := p.text("#help"); !strings.Contains(text, "copy-on-write") || !strings.Contains(text, "写时复制") || !strings.Contains(text, "one step of the scheduler") {
		t.Errorf("the help says %q", text)
	}
	if inside := eval[bool](p, "document.querySelector('#help').contains(document.activeElement)"); !inside {
		t.Error("the focus is outside the help")
	}
	p.do(chromedp.KeyEvent(" ")) // closes it, for the focus is on what does; the engine does not pause
	p.wait("the help is closed", "!document.querySelector('#help').open")
	if says := p.text("#status-text"); says == "Paused" {
		t.Error("a key in the help paused the engine")
	}
	p.click("#help-open")
	p.wait("the help", "document.querySelector('#help').open")
	p.do(chromedp.KeyEvent("\x1b"))
	p.wait("the help is closed", "!document.querySelector('#help').open")
	if focus := eval[string](p, "document.activeElement.id"); focus != "help-open" {
		t.Errorf("the focus went to %q", focus)
	}
}

// A race answers the same requests on both sides and says the ratio.
func TestHallRace(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.click("#tab-races")
	p.click("#race-3")
	p.wait("the first side's end", `document.querySelector('#race-says').textContent.includes('prefix cache off')`)
	p.wait("the ratio", `/With the prefix cache [0-9.]+ × fewer tokens/.test(document.querySelector('#race-says').textContent)`)
	if rows := eval[int](p, `document.querySelectorAll('#race-table tbody tr').length`); rows != 2 || !p.paints("#race-curve canvas") {
		t.Errorf("%d rows", rows)
	}
	p.click("#language")
	p.wait("Chinese", `document.querySelector('#race-says').textContent.startsWith('有前缀缓存时')`)
}

// axe-core finds no violation in the hall, in both languages and themes, wide and
// narrow, with requests in it.
func TestHallAccessibility(t *testing.T) {
	t.Parallel()
	script := axeScript(t)
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.set("#add-sort", "3")
	p.set("#add-outputs", "2")
	p.click("#add-8")
	p.wait("steps", scrubMost+` > 12`)
	p.click("#run")
	p.wait("the pause", `document.querySelector('#status-text').textContent === 'Paused'`)
	p.click("#back")
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
		for _, view := range []string{"races", "memory", "help"} {
			if view == "help" {
				p.click("#help-open")
				p.wait("the help", "document.querySelector('#help').open")
			} else {
				p.click("#tab-" + view)
				p.wait("the view "+view, fmt.Sprintf("!document.querySelector('#panel-%s').hidden", view))
			}
			violations, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations.map(v =>
				v.id + ': ' + v.help + ' — ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations {
				t.Errorf("%s, view %s: %s", c.name, view, v)
			}
		}
		p.click("#help form button")
		p.wait("the help is closed", "!document.querySelector('#help').open")
		if over := eval[bool](p, "document.documentElement.scrollWidth > innerWidth"); over {
			t.Errorf("%s: the page is wider than the window", c.name)
		}
	}
}
