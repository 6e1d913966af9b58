package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// before has a script run before the page's own in every document.
func (p *tab) before(script string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// While an answer is written the page draws when something came, and not sixty
// times a second; when nothing changes it does not draw at all.
func TestDrawsOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, "127.0.0.1:0")
	p := open(t, "about:blank")
	p.before(`window.frames_ = 0; { const ask = window.requestAnimationFrame.bind(window);
		window.requestAnimationFrame = f => { window.frames_++; return ask(f) } }`)
	p.do(chromedp.Navigate(url + "/?lang=en"))
	p.started()
	p.short(200)
	eval[bool](p, "(document.querySelector('#param-ignore-eos').click(), true)")
	for _, view := range []string{"attention", "tokens", "next", "blocks", "time"} {
		p.click("#chat-new")
		p.click("#tab-" + view)
		p.wait("a new chat", tokens+" === 0")
		p.ask("Tell me a long story about the sea.")
		p.wait("the answer streams", answer+".length > 10")
		const count = `[window.frames_, ` + tokens + `]`
		from := eval[[2]int](p, count)
		p.wait("twenty tokens more", fmt.Sprintf("%s >= %d", tokens, from[1]+20))
		to := eval[[2]int](p, count)
		// A token comes with its step, its rows of attention or logits, and its block, each in a frame of its own at most.
		if drawn, came := to[0]-from[0], to[1]-from[1]; drawn > 5*came+5 {
			t.Errorf("%s: %d frames were drawn for %d tokens", view, drawn, came)
		}
		p.state("Finished")
		// What is asked when the engine rests comes, and pulses pale: then, and on a
		// slow machine later than on a fast one, nothing is drawn any more.
		drawn := 0
		for range 20 {
			still := eval[int](p, "window.frames_")
			time.Sleep(time.Second)
			if drawn = eval[int](p, "window.frames_") - still; drawn <= 3 {
				break
			}
		}
		if drawn > 3 {
			t.Errorf("%s: %d frames are drawn in a second though nothing has happened for twenty", view, drawn)
		}
	}
}
