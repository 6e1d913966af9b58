// Package e2e_test drives the whole program through a real browser: the
// server with the real model, the page, and what a person does with it.
package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vitrine/engine/modeltest"
	"vitrine/server/app"
)

// browser gives the context of the one Chromium of all tests; nil where there is none.
var browser func() context.Context

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path, err := findChromium()
	if err != nil {
		if os.Getenv("CI") == "true" {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
		return m.Run() // each test says why it is skipped
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, cancel := chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: the browser does not start:", err)
		return 1
	}
	browser = func() context.Context { return ctx }
	return m.Run()
}

func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium: on Debian, apt-get install chromium")
}

// startApp starts a server. It ends with the test, or when stop is called.
func startApp(t testing.TB, c app.Config) (a *app.App, stop func()) {
	t.Helper()
	a, err := app.Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	t.Cleanup(stop)
	return a, stop
}

// serve starts the server with the real model at addr and waits until it can
// answer. The server ends with the test, or when stop is called.
func serve(t testing.TB, addr string) (url string, stop func()) {
	t.Helper()
	a, stop := startApp(t, app.Config{Addr: addr, Model: modeltest.SmolLM2(t)})
	select {
	case <-a.Ready():
	case <-a.Stopped():
		t.Fatal("the server stopped before it was ready")
	case <-time.After(3 * time.Minute):
		t.Fatal("the server is not ready after 3 minutes")
	}
	return a.URL(), stop
}

// freeAddr is an address on loopback that nobody listens on now.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// tab is a page in the browser. It fails the test at the end if the page
// wrote an error or a warning to its console that was not allowed.
type tab struct {
	t       testing.TB
	ctx     context.Context
	allowed []string // parts of console messages that the test provokes
}

// profiles are the contexts of the tests that run, each with what its pages keep.
var profiles sync.Map // testing.TB to context.Context

// profile is the test's own: cookies know no ports, and tests run side by side.
func profile(t testing.TB) context.Context {
	t.Helper()
	if known, ok := profiles.Load(t); ok {
		return known.(context.Context)
	}
	ctx, cancel := chromedp.NewContext(browser(), chromedp.WithNewBrowserContext())
	profiles.Store(t, ctx)
	t.Cleanup(func() {
		profiles.Delete(t)
		cancel()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func open(t testing.TB, url string) *tab {
	t.Helper()
	if browser == nil {
		t.Skip("no chromium here: on Debian, apt-get install chromium")
	}
	ctx, cancel := chromedp.NewContext(profile(t))
	p := &tab{t: t, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)); err != nil {
		t.Fatal(err)
	}
	messages := chromedp.Console(ctx)
	problems := make(chan []string, 1)
	go func() {
		var bad []string
		for m, err := range messages {
			if err != nil {
				break
			}
			if kind := string(m.Type); kind == "error" || kind == "warning" || kind == "exception" || m.Exception != nil {
				bad = append(bad, kind+": "+m.Text)
			}
		}
		problems <- bad
	}()
	t.Cleanup(func() {
		cancel()
		for _, m := range <-problems {
			if !p.allows(m) {
				t.Errorf("the page's console says %s", m)
			}
		}
	})
	p.do(chromedp.Navigate(url))
	return p
}

func (p *tab) allows(message string) bool {
	for _, a := range p.allowed {
		if strings.Contains(message, a) {
			return true
		}
	}
	return false
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval evaluates JavaScript in the page.
func eval[T any](p *tab, script string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// wait waits until the JavaScript condition holds.
func (p *tab) wait(what, condition string) {
	p.t.Helper()
	const patience = 90 * time.Second // machines are shared and slow
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if eval[bool](p, "!!("+condition+")") {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: %s does not hold after %v; the status is %q, the problem %q", what, condition, patience,
				eval[string](p, "document.querySelector('#status-text').textContent"), eval[string](p, "document.querySelector('#problem-text').textContent"))
		}
	}
}

// click clicks the first element of the selector as a person does.
func (p *tab) click(selector string) {
	p.t.Helper()
	var err error
	for range 10 {
		err = chromedp.Do(p.ctx, chromedp.Click(selector))
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "Could not find node") { // which the page has put another in the place of
			break
		}
	}
	p.t.Fatal(err)
}

// ask types a message and sends it.
func (p *tab) ask(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys("#say", text), chromedp.Click("#send"))
}

// set puts a value into a field as typing does.
func (p *tab) set(selector, value string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q;
		e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); return true })()`, selector, value))
}

// focus gives an element the focus, as soon as it is there to have it.
func (p *tab) focus(selector string) {
	p.t.Helper()
	p.wait("focus on "+selector, fmt.Sprintf("(e => { e.focus(); return document.activeElement === e })(document.querySelector(%q))", selector))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// tokens is the number of tokens in the spine.
const tokens = `Number(document.querySelector('#timeline').getAttribute('aria-valuemax'))`

// answer is the text of the last message, if it is the model's.
const answer = `(document.querySelector('#messages > [data-role=assistant]:last-child')?.textContent ?? '')`

// started waits until the client runs and the model is ready.
func (p *tab) started() {
	p.t.Helper()
	p.wait("the page is ready", `document.querySelector('#model').textContent.includes('49,152')`)
}

// state waits until the header says one of the words for what the run does.
func (p *tab) state(word string) {
	p.t.Helper()
	p.wait("the state is "+word, fmt.Sprintf("document.querySelector('#status-text').textContent.includes(%q)", word))
}
