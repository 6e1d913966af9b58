package e2e_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/app"
)

// serveTiny starts the server with a tiny random model. change, if given, changes its
// folder before.
func serveTiny(t testing.TB, change ...func(folder string) error) (url, folder string) {
	t.Helper()
	folder = tinymodel.Folder(t)
	for _, f := range change {
		if err := f(folder); err != nil {
			t.Fatal(err)
		}
	}
	return serveFolder(t, folder), folder
}

// serveFolder starts the server with the model in a folder.
func serveFolder(t testing.TB, folder string) (url string) {
	t.Helper()
	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0", Model: folder})
	return a.URL()
}

// tinyReady holds once the page knows the tiny model.
const tinyReady = `document.querySelector('#model').textContent.includes('320')`

// A model without a chat template goes on with what is written, and the page says so.
func TestModelWithoutTemplateContinues(t *testing.T) {
	t.Parallel()
	url, _ := serveTiny(t, func(folder string) error {
		return os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), []byte(`{"bos_token": "<s>", "eos_token": "</s>"}`), 0o600)
	})
	p := open(t, url+"/?lang=en")
	p.wait("the page is ready", tinyReady)
	p.wait("the field says what it is for", "/no chat template/.test(document.querySelector('#say').placeholder) && document.querySelector('#say').ariaLabel === 'Text to go on with'")
	p.click("#language")
	p.wait("in Chinese too", "/没有对话模板/.test(document.querySelector('#say').placeholder)")
	p.click("#language")
	p.long(6)
	p.ask("the end of the")
	p.rested()
	if got := eval[string](p, problem); got != "" {
		t.Errorf("the page says %q", got)
	}
	// <s>, seven tokens of "the end of the", and six drawn.
	if got := eval[string](p, conversation); len(got) <= len("the end of the|") || got[:len("the end of the|")] != "the end of the|" {
		t.Errorf("the conversation is %q", got)
	}
	p.click("#tab-tokens")
	p.wait("six drawn tokens", "document.querySelectorAll('#chips .chip.drawn').length === 6")
	said := eval[string](p, conversation)
	p.wait("a link", "/q=the\\+end.*&to=\\d+:/.test(location.hash)")
	q := open(t, eval[string](p, "location.href"))
	q.wait("the link leads to the same", fmt.Sprintf("%s === %q", conversation, said))
	if got := eval[string](q, problem); got != "" {
		t.Errorf("the page of the link says %q", got)
	}
	// The next text begins anew, and so does the recording.
	p.ask("of the")
	p.wait("another text", "/^of the\\|/.test("+conversation+")")
	p.rested()
	if file := p.saveFile(); bytes.Contains(file, []byte("the end of the")) || !bytes.Contains(file, []byte("of the")) {
		t.Errorf("the file of %d bytes holds the first text, or not the second", len(file))
	}
}

// saveFile presses the button that saves the session, and returns the file.
func (p *tab) saveFile() []byte {
	p.t.Helper()
	eval[bool](p, `(window.savedFile = '', window.realURL ??= URL.createObjectURL, URL.createObjectURL = b => { b.arrayBuffer().then(a => { let s = ''; for (const x of new Uint8Array(a)) s += String.fromCharCode(x); window.savedFile = btoa(s) }); return realURL.call(URL, b) }, true)`)
	p.click("#save")
	p.wait("the file", "window.savedFile")
	file, err := base64.StdEncoding.DecodeString(eval[string](p, "window.savedFile"))
	if err != nil {
		p.t.Fatal(err)
	}
	return file
}

// A new chat begins a new recording: nothing of the one before is in the file.
func TestNewChatBeginsANewRecording(t *testing.T) {
	t.Parallel()
	url, _ := serveTiny(t)
	p := open(t, url+"/?lang=en")
	p.wait("the page is ready", tinyReady)
	p.long(5)
	p.ask("my secret")
	p.rested()
	p.click("#chat-new")
	p.wait("a new chat", tokens+" === 0")
	p.ask("the rest")
	p.rested()
	said, n := eval[string](p, conversation), eval[int](p, tokens)
	file := p.saveFile()
	if bytes.Contains(file, []byte("my secret")) || !bytes.Contains(file, []byte("the rest")) {
		t.Fatalf("the file of %d bytes holds the first chat, or not the second", len(file))
	}
	p.loadFile(file)
	p.wait("all of it plays", fmt.Sprintf("%s === %q && %s === %d", conversation, said, tokens, n))
	p.click("#tab-tokens")
	p.wait("its chips", fmt.Sprintf("document.querySelectorAll('#chips .chip').length === %d", n))
}

// loadFile opens a saved session.
func (p *tab) loadFile(file []byte) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(() => { const d = new DataTransfer(); d.items.add(new File([Uint8Array.from(atob(%q), c => c.charCodeAt(0))], 'lesson.vitrine'));
		const i = document.querySelector('#load-file'); i.files = d.files; i.dispatchEvent(new Event('change')); return true })()`, base64.StdEncoding.EncodeToString(file)))
	p.wait("the saved session plays", "document.querySelector('#replay-text').textContent.includes('lesson.vitrine')")
}
