package e2e_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The stop button ends an answer where it is.
func TestStopEndsTheAnswer(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	if enabled := eval[bool](p, "!document.querySelector('#play-stop').disabled"); enabled {
		t.Error("there is something to stop before anything was asked")
	}
	p.long(2000)
	p.ask("What is gravity?")
	p.wait("the answer streams", answer+".length > 10")
	p.click("#play-stop")
	p.wait("it is stopped", "document.querySelector('#status-text').textContent === 'Stopped'")
	p.wait("nothing is left to stop", "document.querySelector('#play-stop').disabled")
	n := eval[int](p, tokens)
	time.Sleep(300 * time.Millisecond)
	if now := eval[int](p, tokens); now != n || n > 1500 {
		t.Errorf("after the stop there were %d tokens, and then %d", n, now)
	}
}

// Keep puts the seed of an answer that drew its own into the field, and the same
// question then has the same answer.
func TestSeedIsKept(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(12)
	p.set("#param-seed", "")
	p.set("#param-temperature", "1.5")
	p.ask("Name a thing.")
	p.rested()
	said := eval[string](p, answer)
	p.click("#seed-keep")
	seed := eval[string](p, "document.querySelector('#param-seed').value")
	if !regexp.MustCompile(`^\d+$`).MatchString(seed) {
		t.Fatalf("the seed is %q", seed)
	}
	p.click("#chat-new")
	p.wait("a new chat", "document.querySelectorAll('#messages > [data-role]').length === 0")
	p.ask("Name a thing.")
	p.wait("another answer", answer+".length > 0")
	p.rested()
	if again := eval[string](p, answer); again != said {
		t.Errorf("with the seed %s the answer is %q, before it was %q", seed, again, said)
	}
}

// The theme button goes through its three themes, and the page's colours with it.
func TestThemeButton(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	seen := map[string]bool{}
	const paper = "getComputedStyle(document.body).backgroundColor"
	for range 3 {
		was := p.text("#theme") + eval[string](p, "document.querySelector('#theme').title")
		p.click("#theme")
		p.wait("another theme", fmt.Sprintf("document.querySelector('#theme').textContent + document.querySelector('#theme').title !== %q", was))
		seen[eval[string](p, "document.querySelector('#theme').title")] = true
		switch eval[string](p, "document.querySelector('#theme').title") {
		case "Theme: dark":
			p.wait("dark paper", paper+".match(/\\d+/g).every(v => Number(v) < 80)")
		case "Theme: light":
			p.wait("light paper", paper+".match(/\\d+/g).every(v => Number(v) > 200)")
		}
	}
	for _, title := range []string{"Theme: light", "Theme: dark", "Theme: as the system has it"} {
		if !seen[title] {
			t.Errorf("there was no %q among %v", title, seen)
		}
	}
}

// Any token is found by its text and told why it was not drawn; the words beside the
// needle give u and the step that it falls into.
func TestWhyNotAndNeedle(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.short(6)
	p.ask("What is gravity?")
	p.rested()
	p.click("#tab-next")
	p.wait("the draw", "/^u = 0/.test(document.querySelector('#next-needle-says').textContent)")
	says := p.text("#next-needle-says")
	m := regexp.MustCompile(`^u = (0\.\d+) from seed 7 and position \d+\. It falls on “.*”, whose step reaches from ([0-9.]+) to ([0-9.]+)\.`).FindStringSubmatch(says)
	if m == nil {
		t.Fatalf("the needle says %q", says)
	}
	var u, lo, hi float64
	if _, err := fmt.Sscan(m[1]+" "+m[2]+" "+m[3], &u, &lo, &hi); err != nil || u < lo-1e-3 || u > hi+1e-3 || lo >= hi {
		t.Errorf("u is %v, its step from %v to %v: %v", u, lo, hi, err)
	}
	p.set("#next-search", "zebra")
	p.wait("a token is found", "document.querySelector('#next-found button')")
	p.click("#next-found button")
	p.wait("why it was not drawn", "/^Top-[kp] cut “.*zebra.*”/i.test(document.querySelector('#next-verdict').textContent)")
	p.set("#next-search", "qqqqxyzzy")
	p.wait("no such token", "document.querySelector('#next-found').textContent.includes('No token of the vocabulary begins with this')")
}

// At a chosen speed the tokens come no faster than that.
func TestSpeedIsKept(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, url+"/?lang=en")
	p.started()
	p.long(400)
	p.set("#play-speed", "4")
	p.ask("What is gravity?")
	p.wait("the answer begins", answer+".length > 0")
	began, n := time.Now(), eval[int](p, tokens)
	p.wait("four tokens more", fmt.Sprintf("%s >= %d", tokens, n+4))
	if took := time.Since(began); took < 600*time.Millisecond {
		t.Errorf("4 tokens at 4 a second took %v", took)
	}
	eval[bool](p, "(document.activeElement.blur(), true)")
	p.do(chromedp.KeyEvent("s"))
	p.state("Stopped")
}
