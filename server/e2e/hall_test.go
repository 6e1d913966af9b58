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

// A race answers the same requests on both sides and says the ratio.
func TestHallRace(t *testing.T) {
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
	script := axeScript(t)
	url, _ := serve(t, "127.0.0.1:0")
	p := openHall(t, url)
	p.set("#add-sort", "3")
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
		for _, view := range []string{"races", "memory"} {
			p.click("#tab-" + view)
			p.wait("the view "+view, fmt.Sprintf("!document.querySelector('#panel-%s').hidden", view))
			violations, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations.map(v =>
				v.id + ': ' + v.help + ' — ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations {
				t.Errorf("%s, view %s: %s", c.name, view, v)
			}
		}
		if over := eval[bool](p, "document.documentElement.scrollWidth > innerWidth"); over {
			t.Errorf("%s: the page is wider than the window", c.name)
		}
	}
}
