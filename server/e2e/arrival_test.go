package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/engine/modeltest"
	"vitrine/server/app"
)

// Before any model has arrived the page plays a recording, which says that it
// is one, and shows how the download goes on; when the model is here, one chats
// with it without loading the page anew.
func TestPageBeforeTheModel(t *testing.T) {
	model, err := os.ReadFile(modeltest.SmolLM2(t))
	if err != nil {
		t.Fatal(err)
	}
	// A hub that gives a quarter of the file, and the rest when it is told to.
	rest := make(chan struct{})
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".gguf") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(model)))
		if r.Method == http.MethodHead {
			return
		}
		w.Write(model[:len(model)/4])
		w.(http.Flusher).Flush()
		for wait := true; wait; {
			select {
			case <-rest:
				wait = false
			case <-r.Context().Done():
				return
			}
		}
		w.Write(model[len(model)/4:])
	}))
	t.Cleanup(hub.Close)
	t.Setenv("VITRINE_CACHE", t.TempDir())
	t.Setenv("VITRINE_SOURCES", "hub")
	t.Setenv("VITRINE_HUB", hub.URL)
	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0"})
	p := open(t, a.URL()+"/?lang=en")
	p.wait("the recording says that it is one", `!document.querySelector('#replay').hidden &&
		document.querySelector('#replay-text').textContent.includes('a recording of a real session')`)
	p.wait("it plays", tokens+" > 10")
	n := eval[int](p, tokens)
	p.wait("it plays on", fmt.Sprintf("%s > %d", tokens, n))
	p.wait("the page tells of the download", `!document.querySelector('#arrival').hidden &&
		document.querySelector('#arrival-text').textContent.includes('on its way from the hub')`)
	total := fmt.Sprintf("%.1f MB", float64(len(model))/1e6)
	p.wait("what is here of how much", fmt.Sprintf("document.querySelector('#arrival-figures').textContent.includes('24.6 MB / %s')", total))
	p.click("#language")
	p.wait("in Chinese too", `document.querySelector('#arrival-text').textContent.includes('正从模型库送来')`)
	p.click("#language")
	if v := eval[float64](p, "document.querySelector('#arrival-bar').value"); v < 0.24 || v > 0.26 {
		t.Errorf("the bar is at %v, want a quarter", v)
	}
	// A link that is opened now names a view and a model. The view is there, and whether the
	// model is the link's cannot be known yet.
	eval[bool](p, "(location.hash = 'view=vectors&model=smollm2-135m-instruct', true)")
	p.wait("the link's view", "document.querySelector('#tab-vectors').getAttribute('aria-selected') === 'true'")
	if hidden := eval[bool](p, "document.querySelector('#problem').hidden"); !hidden {
		t.Errorf("before the model is known the page says %q", p.text("#problem-text"))
	}
	close(rest)
	p.wait("the model is here", "document.querySelector('#arrival').hidden")
	p.wait("the recording can be left", "!document.querySelector('#replay').hidden")
	p.click("#replay-leave")
	p.started()
	if hidden := eval[bool](p, "document.querySelector('#problem').hidden"); !hidden {
		t.Errorf("of the right model the page says %q", p.text("#problem-text"))
	}
	eval[bool](p, "document.querySelector('#more-params').open = true")
	p.set("#param-max-tokens", "3")
	p.ask("Hi")
	p.state("Finished")
}

// A disk that fills up during the download is said in the page, with how much room is
// wanted; what has arrived is kept, and another try goes on from there.
func TestFullDiskIsSaidAndTriedAgain(t *testing.T) {
	path := modeltest.SmolLM2(t)
	model, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const full = "/dev/full" // takes every write for one to a full disk
	if _, err := os.Stat(full); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no disk that is full here: ", err)
	}
	ranges := make(chan string, 16)
	asked := func() string { // the range of the next request for the file
		t.Helper()
		select {
		case r := <-ranges:
			return r
		case <-time.After(time.Minute):
			t.Fatal("the file is not asked for")
			return ""
		}
	}
	hubs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".gguf") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"1"`)
		if r.Method == http.MethodGet {
			ranges <- r.Header.Get("Range")
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(model))
	}))
	t.Cleanup(hubs.Close)
	cache := t.TempDir()
	t.Setenv("VITRINE_CACHE", cache)
	t.Setenv("VITRINE_SOURCES", "hub")
	t.Setenv("VITRINE_HUB", hubs.URL)
	// A part of the file that nothing more can be written to.
	final := filepath.Join(cache, filepath.Base(filepath.Dir(path)), filepath.Base(path))
	part := final + ".part"
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(full, part); err != nil {
		t.Fatal(err)
	}
	origin := fmt.Sprintf(`{"size":%d,"sha256":"%x"}`, len(model), sha256.Sum256(model))
	if err := os.WriteFile(part+".json", []byte(origin), 0o600); err != nil {
		t.Fatal(err)
	}

	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0"})
	p := open(t, a.URL()+"/?lang=en")
	need := fmt.Sprintf("%.1f MB", float64(len(model))/1e6)
	p.said("#arrival", "The disk is full: "+need+" more are needed for "+part, "磁盘满了："+part+" 还需要 "+need)
	p.wait("the button", "document.querySelector('#arrival-again').checkVisibility()")
	asked()
	p.click("#arrival-again")
	asked() // it was tried again, and the disk is still full
	p.said("#arrival", "The disk is full", "磁盘满了")
	p.wait("the recording plays meanwhile", answer+".length > 0")

	// There is room again, and some of the file has arrived.
	have := len(model) / 2
	if err := os.Remove(part); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, model[:have], 0o600); err != nil {
		t.Fatal(err)
	}
	p.click("#arrival-again")
	p.wait("the model is here", "document.querySelector('#arrival').hidden")
	if got, want := asked(), fmt.Sprintf("bytes=%d-", have); got != want {
		t.Errorf("the other half is asked for with %q, want %q", got, want)
	}
	if got, err := os.ReadFile(final); err != nil || !bytes.Equal(got, model) {
		t.Errorf("the file that arrived is another one: %v", err)
	}
	p.click("#replay-leave")
	p.started()
	p.short(3)
	p.ask("Hi")
	p.state("完")
}

// A pool of KV blocks that the machine has no memory for is said in the page,
// with what would help; the recording plays all the same.
func TestOutOfMemoryIsSaid(t *testing.T) {
	t.Parallel()
	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0", Model: modeltest.SmolLM2(t), Blocks: 1 << 30})
	for lang, parts := range map[string][]string{
		"en": {"The model could not be loaded.", "does not fit into this machine's memory", "--kv-blocks"},
		"zh": {"模型没能载入。", "个 KV 块的池放不进本机", "--kv-blocks"},
	} {
		p := open(t, a.URL()+"/?lang="+lang)
		for _, part := range parts {
			p.wait("the page says that the memory is too small and what to do", fmt.Sprintf("document.querySelector('#arrival').textContent.includes(%q)", part))
		}
		if text := p.text("#arrival"); lang == "zh" && latinSentence.MatchString(text) {
			t.Errorf("the Chinese page says %q", text)
		}
		p.wait("the recording plays", answer+".length > 0")
	}
}
