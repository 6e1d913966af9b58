package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// axe is the accessibility checker that runs inside the page.
const axe = "axe-core@4.10.3"

// axeScript fetches axe by npm.
func axeScript(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pack := exec.Command("npm", "pack", "--silent", axe)
	pack.Dir = dir
	out, err := pack.Output()
	if err == nil {
		unpack := exec.Command("tar", "xzf", strings.TrimSpace(string(out)))
		unpack.Dir = dir
		err = unpack.Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("npm pack %s: %v", axe, err)
		}
		t.Skipf("npm pack %s: %v", axe, err)
	}
	script, err := os.ReadFile(filepath.Join(dir, "package", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// axe-core finds no violation in any view, in both languages and themes, wide
// and narrow, with a conversation in the page.
func TestAccessibility(t *testing.T) {
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
			violations, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations.map(v =>
				v.id + ': ' + v.help + ' — ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations {
				t.Errorf("%s, view %s: %s", c.name, view, v)
			}
		}
	}
}
