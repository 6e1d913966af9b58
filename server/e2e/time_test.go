package e2e_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// micros reads a time as the page writes it: "1,234.50", with a unit or without.
func micros(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSuffix(text, " µs"), ",", ""), 64)
	if err != nil {
		t.Fatalf("%q is no time: %v", text, err)
	}
	return v
}

// painted counts the pixels of a canvas that have the accent's colour.
const painted = `(() => { const c = document.querySelector('#time-grid canvas'), probe = document.createElement('span')
	probe.style.color = 'var(--accent)'; document.body.append(probe)
	const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g).map(Number); probe.remove()
	const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
	let n = 0; for (let i = 0; i < d.length; i += 4) n += d[i] === r && d[i+1] === g && d[i+2] === b
	return n })()`

// While an answer is written, the view of times shows a bar for every layer and
// operation; the table, its sum, and the inspector agree, and the speed badge
// says what it is made of.
func TestWhereTheTimeGoes(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.long(1200)
	p.click("#tab-next")
	p.do(chromedp.KeyEvent("6"))
	p.wait("key 6 opens the view", "document.querySelector('#tab-time').getAttribute('aria-selected') === 'true'")
	p.ask("What is gravity?")
	p.wait("times while the answer streams", "/Mean of the last \\d+ steps/.test(document.querySelector('#time-says').textContent)")
	p.wait("the answer streams on", "document.querySelector('#status-text').textContent === 'Writing'")
	p.wait("bars", painted+" >= 500")

	// Within one frame of the screen the table and the inspector say the same.
	eval[bool](p, "(document.querySelector('#time-totals tbody .plain').click(), true)")
	p.wait("the inspector keeps the longest", "!document.querySelector('#reading-lock').hidden")
	type said struct{ Name, Micros, Share, Title, Value, Formula, Func, Whole string }
	script := `(() => { const title = document.querySelector('#reading-title').textContent
		const row = [...document.querySelectorAll('#time-totals tbody tr')].find(r => r.querySelector('.plain').textContent === title)
		const text = s => document.querySelector(s).textContent
		return {Name: row.querySelector('.plain').textContent, Micros: row.children[2].textContent, Share: row.children[3].textContent, Title: title,
			Value: text('#reading-value'), Formula: text('#reading-lines'), Func: text('#reading-func code'), Whole: text('#time-whole')} })()`
	got := eval[said](p, script)
	if got.Value != got.Micros+" µs" || got.Title != got.Name {
		t.Errorf("the table says %s of %s, the inspector %s of %s", got.Micros, got.Name, got.Value, got.Title)
	}
	if !strings.Contains(got.Func, "cpu.(*Backend).MatMul") { // or MatMulGLU, of a prompt
		t.Errorf("the longest operation, %s, is done by %q", got.Name, got.Func)
	}
	if want := fmt.Sprintf("%.2f %%", 100*micros(t, got.Micros)/micros(t, got.Whole)); got.Share != want || !strings.Contains(got.Formula, want) {
		t.Errorf("the share is %s in the table and %q in the inspector, want %s", got.Share, got.Formula, want)
	}

	p.state("Finished")
	total := 0.0
	rows := eval[[]string](p, "[...document.querySelectorAll('#time-totals tbody tr:not([hidden])')].map(r => r.children[2].textContent)")
	for i, row := range rows {
		total += micros(t, row)
		if i > 0 && micros(t, row) > micros(t, rows[i-1]) {
			t.Errorf("row %d, %s, is longer than the one before it, %s", i, row, rows[i-1])
		}
	}
	if whole := micros(t, p.text("#time-whole")); len(rows) < 15 || total < whole-1 || total > whole+1 {
		t.Errorf("%d rows add up to %.2f µs, a step takes %.2f", len(rows), total, whole)
	}

	// The picture by keys: the cell under the cursor is told, and kept.
	p.click("#reading-lock")
	p.focus("#time-grid")
	p.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowRight))
	p.wait("the cursor is told", "/^Q, K, V, layer 1: [\\d,.]+ µs$/.test(document.querySelector('#time-grid').getAttribute('aria-label'))")
	p.do(chromedp.KeyEvent(kb.Enter))
	label := eval[string](p, "document.querySelector('#time-grid').getAttribute('aria-label')")
	p.wait("the inspector keeps the bar", fmt.Sprintf("document.querySelector('#reading-value').textContent === %q", label[strings.LastIndex(label, ": ")+2:]))

	// The badge. How fast memory is read is measured when the engine has rested.
	p.wait("the share of the bandwidth", "/ % bandwidth$/.test(document.querySelector('#speed-share').textContent)")
	eval[bool](p, "(document.querySelector('#speed').click(), true)")
	p.wait("the inspector tells of the speed", "document.querySelector('#reading-title').textContent === 'Speed'")
	badge, formula := p.text("#speed-rate"), p.text("#reading-lines")
	if value := p.text("#reading-value"); value != badge {
		t.Errorf("the badge says %q, the inspector %q", badge, value)
	}
	parts := regexp.MustCompile(`\(([\d,.]+) MB \+ ([\d,.]+) MB\)·([\d.]+)/s = ([\d.]+) GB/s.*÷ ([\d,.]+) GB/s = ([\d.]+) %`).FindStringSubmatch(formula)
	if parts == nil {
		t.Fatalf("the formula is %q", formula)
	}
	var v [7]float64
	for i := 1; i < len(v); i++ {
		v[i] = micros(t, parts[i])
	}
	if want := fmt.Sprintf("%.1f tokens/s", v[3]); badge != want {
		t.Errorf("the badge says %q, the formula has %s", badge, want)
	}
	if share := 100 * (v[1] + v[2]) * v[3] / 1000 / v[5]; v[6] < share*0.98 || v[6] > share*1.02 {
		t.Errorf("the formula %q says %.2f %%, its operands %.2f %%", formula, v[6], share)
	}
}
