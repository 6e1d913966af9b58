package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/app"
)

// The form that asks for the API key leads to the page. What a browser sends
// with a form depends on the headers of the page that holds it.
func TestKeyForm(t *testing.T) {
	t.Parallel()
	const right = "the right key"
	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0", Model: tinymodel.Folder(t), APIKey: right})
	p := open(t, a.URL()+"/?lang=en")
	p.allowed = []string{"401"} // the answer with the form
	for _, key := range []string{"guess", right} {
		p.wait("the form asks", `document.querySelector('input[name=key]')?.value === ''`)
		p.do(chromedp.SendKeys("input[name=key]", key), chromedp.Click("form button"))
	}
	p.wait("the page comes", `document.querySelector('#say')`)
}
