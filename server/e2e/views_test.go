package e2e_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
	"vitrine/engine/safetensors"
)

// short makes answers of n tokens with a fixed seed.
func (p *tab) short(n int) {
	p.t.Helper()
	eval[bool](p, "document.querySelector('#more-params').open = true")
	p.set("#param-max-tokens", fmt.Sprint(n))
	p.set("#param-seed", "7")
}

// long makes answers exactly so long, that there is time to do something
// meanwhile however fast the machine and however seldom the page draws.
func (p *tab) long(n int) {
	p.t.Helper()
	p.short(n)
	eval[bool](p, "(document.querySelector('#param-ignore-eos').checked || document.querySelector('#param-ignore-eos').click(), true)")
}

// All views open, show something, and say nothing wrong. Nothing was timed while
// the view of times was closed.
func TestViews(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.ask("What is gravity?")
	p.state("Finished")
	for view, shown := range map[string]string{
		"tokens":    "document.querySelectorAll('#chips .chip').length > 30",
		"vectors":   "/% of the variance/.test(document.querySelector('#panel-vectors').textContent)",
		"attention": "/^[01]\\.\\d+$/.test(document.querySelector('#reads .weight')?.textContent ?? '')",
		"next":      "document.querySelectorAll('#next-candidates [role=option]').length > 10",
		"blocks":    "/This chat holds 3 blocks/.test(document.querySelector('#panel-blocks').textContent)",
		"time":      "document.querySelector('#panel-time .body').hidden && /Nothing is measured yet/.test(document.querySelector('#panel-time').textContent)",
	} {
		p.click("#tab-" + view)
		p.wait("the view "+view, shown)
	}
}

// The numbers in the page are those that trace computes for the same tokens.
func TestPageAgreesWithTrace(t *testing.T) {
	t.Parallel()
	url, stop := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(5)
	p.ask("What is gravity?")
	p.state("Finished")
	ids := eval[[]int32](p, "[...document.querySelectorAll('#chips .chip i')].map(e => Number(e.textContent))")
	const layer, head = 11, 4
	p.click("#tab-attention")
	p.wait("the sliders", "document.querySelector('#attention-layer').max === '29'")
	p.set("#attention-layer", fmt.Sprint(layer))
	p.set("#attention-head", fmt.Sprint(head))
	p.wait("exact weights of the chosen head", fmt.Sprintf(`document.querySelector('#atlas-says').textContent.startsWith('layer %d, head %d:') && document.querySelector('#reads-note').textContent.includes('float32')`, layer, head))
	type weight struct {
		At    int
		Value float64
	}
	weights := eval[[]weight](p, `[...document.querySelectorAll('#reads button:not([hidden])')].map(e => ({
		At: Number(e.querySelector('.at').textContent), Value: Number(e.querySelector('.weight').textContent)}))`)
	stop()
	p.allowed = []string{"WebSocket", "ERR_CONNECTION"}

	b := cpu.New(0)
	defer b.Close()
	m, err := model.Load(modeltest.SmolLM2(t), b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	path := filepath.Join(t.TempDir(), "trace.safetensors")
	if err := engine.WriteTrace(m, ids, path); err != nil {
		t.Fatal(err)
	}
	set, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	tensor, ok := set.Tensor(fmt.Sprintf("attention.%d", layer))
	if !ok {
		t.Fatal("the trace has no such layer")
	}
	n := len(ids)
	traced := make([]float32, m.Config().Heads*n*n)
	if err := tensor.Float32(traced); err != nil {
		t.Fatal(err)
	}
	if len(weights) < 5 {
		t.Fatalf("the page shows %d weights", len(weights))
	}
	for _, w := range weights {
		want := float64(traced[(head*n+n-1)*n+w.At])
		if math.Abs(w.Value-want) > 1e-5+want*1e-3 { // the page shows four digits
			t.Errorf("weight of key %d is %v in the page and %v in the trace", w.At, w.Value, want)
		}
	}
}

// Moving a slider draws again in the page; choosing another token makes a branch.
func TestResampleAndBranch(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.ask("What is gravity?")
	p.state("Finished")
	n := eval[int](p, tokens)
	p.click("#tab-next")
	const kept = `[...document.querySelectorAll('#next-candidates [role=option]')].filter(e => !e.classList.contains('cut')).length`
	p.wait("the candidates", "document.querySelectorAll('#next-candidates [role=option]').length > 10 && document.querySelector('#next-says').textContent.includes('drawn')")
	before := eval[int](p, kept)
	p.set("#param-top-p", "1")
	p.set("#param-temperature", "2")
	p.wait("more candidates are kept", fmt.Sprintf("%s > %d", kept, before))

	// Another candidate instead of the token that stands there.
	p.wait("what stands there is marked", "document.querySelector('#next-candidates .stands, #next-candidates .drawn')")
	eval[bool](p, "([...document.querySelectorAll('#next-candidates [role=option]')].find(e => !e.matches('.stands, .drawn')).click(), true)")
	p.wait("the verdict and its button", "!document.querySelector('#next-instead').hidden && document.querySelector('#next-verdict').textContent.length > 10")
	eval[bool](p, "(document.querySelector('#next-instead').click(), true)")
	p.wait("a second branch", "!document.querySelector('#next-branches').hidden && document.querySelectorAll('#next-tree li').length >= 2")
	p.wait("the branch is written on", fmt.Sprintf("%s > %d", tokens, n-1))
}

// Characters that several tokens share stand above them with the bytes that
// each has, and a word is put together merge by merge.
func TestTokensAreToldByteByByteAndMergeByMerge(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(3)
	p.ask("What is gravity? 重 🌍")
	p.state("Finished")
	p.click("#tab-tokens")
	p.wait("the clusters", `document.querySelectorAll('#chips .cluster').length >= 2`)
	for character, bytes := range map[string]string{"重": "E9 87 8D", "🌍": "F0 9F 8C 8D"} {
		got := eval[string](p, fmt.Sprintf(`[...document.querySelectorAll('#chips .cluster')].filter(c => c.querySelector('.graphemes').textContent.includes(%q))
			.map(c => [...c.querySelectorAll('.chip small')].map(e => e.textContent).join(' ')).join('; ')`, character))
		if !strings.Contains(got, bytes) {
			t.Errorf("%s stands above the bytes %q, want %s among them", character, got, bytes)
		}
	}
	eval[bool](p, `([...document.querySelectorAll('#chips .chip')].find(c => c.querySelector('b').textContent === "·gravity").click(), true)`)
	p.wait("its merges", "document.querySelector('#merge-count').textContent === '7 of 7' && document.querySelectorAll('#merge-ladder .rung').length === 8")
	rungs := eval[int](p, "document.querySelectorAll('#merge-ladder .rung').length")
	p.click("#merge-back")
	p.wait("one merge less", fmt.Sprintf("document.querySelectorAll('#merge-ladder .rung').length === %d && /lowest rank/.test(document.querySelector('#merge-says').textContent)", rungs-1))
	p.click("#merge-on")
	p.wait("and on again", fmt.Sprintf("document.querySelectorAll('#merge-ladder .rung').length === %d", rungs))
}

// The points of the map move as the layer slider runs, and the vector's numbers
// are read one by one.
func TestVectorsMoveThroughTheLayers(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(4)
	p.ask("What is gravity?")
	p.state("Finished")
	p.click("#tab-vectors")
	const label = `document.querySelector('#map-canvas').getAttribute('aria-label')`
	p.wait("the map", `/variance/.test(`+label+`)`)
	first := eval[string](p, label)
	p.set("#vector-layer", "15")
	p.wait("other places", fmt.Sprintf("%s !== %q && /layer 15/.test(%s)", label, first, label))
	p.wait("the layer's vector", "/after 15 layers/.test(document.querySelector('#strip-says').textContent)")
	p.focus("#strip-canvas")
	p.do(chromedp.KeyEvent(kb.ArrowRight))
	p.wait("a number is read", `/^−?[0-9.]+/.test(`+readingValue+`) && /layer 15/.test(document.querySelector('#reading-shape').textContent)`)
}
