package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/server/app"
	"vitrine/server/remote"
)

// recordings are the answers that real servers gave; see the README there.
const recordings = "../remote/testdata"

func recording(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recordings, name))
	if err != nil {
		t.Error(err)
	}
	return b
}

// recordedVLLM answers as vLLM did. Its metrics move as if each chat had its
// first token after half a second and found 15 of its 20 tokens in the prefix
// cache. How many wait it does not tell.
func recordedVLLM(t *testing.T) http.HandlerFunc {
	var chats atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		kind := "application/json"
		var body []byte
		switch r.URL.Path {
		case "/v1/models":
			body = recording(t, "models.json")
		case "/version":
			body = recording(t, "version.json")
		case "/v1/chat/completions":
			kind, body = "text/event-stream", recording(t, "chat.sse")
			chats.Add(1)
		case "/detokenize":
			var asked struct{ Tokens []int }
			var texts map[string]string
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Tokens) != 1 {
				t.Errorf("detokenize: %v, %v", asked, err)
				return
			}
			if err := json.Unmarshal(recording(t, "detokenize.json"), &texts); err != nil {
				t.Error(err)
			}
			b, err := json.Marshal(map[string]string{"prompt": texts[strconv.Itoa(asked.Tokens[0])]})
			if err != nil {
				t.Error(err)
			}
			body = b
		case "/metrics":
			kind, body = "text/plain", movedMetrics(recording(t, "metrics.txt"), float64(chats.Load()))
		default:
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	}
}

// movedMetrics are metrics with what so many chats add, and without the queue.
func movedMetrics(text []byte, chats float64) []byte {
	moves := map[string]float64{
		"vllm:time_to_first_token_seconds_count": 1, "vllm:time_to_first_token_seconds_sum": 0.5,
		"vllm:prefix_cache_queries_total": 20, "vllm:prefix_cache_hits_total": 15,
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "{")
		if strings.Contains(name, "vllm:num_requests_waiting") {
			continue
		}
		if by, ok := moves[name]; ok {
			at := strings.LastIndex(line, " ")
			was, _ := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
			line = fmt.Sprintf("%s %g\n", line[:at], was+by*chats)
		}
		out = append(out, line)
	}
	return []byte(strings.Join(out, ""))
}

// serveRemote starts the server with a remote engine and returns its address
// and the engine's.
func serveRemote(t *testing.T, peer http.Handler) (url, engine string) {
	t.Helper()
	s := httptest.NewServer(peer)
	t.Cleanup(s.Close)
	a, _ := startApp(t, app.Config{Addr: "127.0.0.1:0", Engine: remote.Options{URL: s.URL}})
	select {
	case <-a.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the remote engine is not ready after a minute")
	}
	return a.URL(), s.URL
}

// gauge waits until a gauge of the blocks' view says a value.
func (p *tab) gauge(name, value string) {
	p.t.Helper()
	p.wait(name+" is "+value, fmt.Sprintf("[...document.querySelectorAll('#blocks-remote dt')].some(e => e.textContent === %q && e.nextElementSibling.textContent === %q)", name, value))
}

// unseen opens the views of what a remote engine does not tell, and wants them to
// say so.
func (p *tab) unseen(words map[string]string) {
	p.t.Helper()
	for view, word := range words {
		p.click("#tab-" + view)
		p.wait("the view "+view+" says why it is empty", fmt.Sprintf("[...document.querySelectorAll('#panel-%s .empty')].some(e => e.offsetParent && e.textContent.includes(%q))", view, word))
	}
}

// drawn points at the first token that was drawn, the n-th of all, and waits
// for what is read of it.
func (p *tab) drawn(n int, want string) {
	p.t.Helper()
	p.click("#tab-tokens")
	p.wait("the chips", fmt.Sprintf("document.querySelectorAll('#chips .chip').length > %d", n))
	eval[bool](p, fmt.Sprintf("(document.querySelectorAll('#chips .chip')[%d].id = 'pointed-at', true)", n))
	p.pointAt("#pointed-at", 0.5, 0.5)
	p.wait("the token is read", readingLines+fmt.Sprintf(".includes(%q)", want))
}

// The page of a server with a vLLM behind it: its answer with ids and
// log-probabilities, the choices, its gauges, and what it does not tell, in both
// languages.
func TestRemoteEngine(t *testing.T) {
	t.Parallel()
	url, engine := serveRemote(t, recordedVLLM(t))
	p := open(t, url+"/?lang=en")
	p.wait("whose model it is", fmt.Sprintf("['smollm2-135m-instruct', %q, 'vLLM 0.32.0'].every(s => document.querySelector('#model').textContent.includes(s))", engine))
	p.click("#tab-blocks")
	p.gauge("time to first token, lately", "none yet")
	p.gauge("prefix cache hits, lately", "none yet")
	p.ask("What is gravity? 引力")
	p.state("Finished")
	p.wait("the answer", answer+".length > 40")
	p.gauge("time to first token, lately", "500.0 ms")
	p.gauge("prefix cache hits, lately", "75.00 %")
	p.gauge("between two tokens, lately", "none yet")
	p.gauge("requests running", "0")
	p.gauge("requests waiting", "unknown")
	if n := eval[int](p, tokens); n != 39+24 {
		t.Errorf("there are %d tokens, want the 39 of the prompt and 24", n)
	}
	p.drawn(39, "log p, raw−2.85587")
	if lines := eval[string](p, readingLines); !strings.Contains(lines, "504") {
		t.Errorf("the token with the id 504 reads %q", lines)
	}
	p.click("#tab-next")
	p.wait("the choices", "document.querySelectorAll('#next-candidates [role=option]').length >= 20 && document.querySelector('#next-says').textContent.includes('It tells the')")
	p.unseen(map[string]string{"vectors": "does not tell its vectors", "attention": "does not tell its attention", "time": "does not tell where the time"})

	p.click("#language")
	p.wait("the page is Chinese", "document.documentElement.lang.startsWith('zh')")
	p.unseen(map[string]string{"vectors": "不提供它的向量", "attention": "不提供它的注意力", "time": "不提供每一步的用时细节"})
	p.click("#tab-blocks")
	p.gauge("最近的首词元用时", "500.0 ms")
	p.gauge("最近的词元间用时", "暂无")
	p.gauge("等待中的请求", "未知")
	p.click("#to-hall")
	p.wait("the hall says why there is none", "document.querySelector('#stage')?.textContent.includes('这台服务器展示的是远程引擎')")
	p.click("#stage a")
	p.wait("the way leads back", "document.querySelector('#say')")
}

// The page of a server that tells neither ids nor metrics: what it tells is
// shown, and the rest is said to be unknown.
func TestRemoteEngineThatTellsLittle(t *testing.T) {
	t.Parallel()
	url, _ := serveRemote(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		name := map[string]string{"/v1/models": "models.json", "/v1/chat/completions": "chat.sse"}[r.URL.Path]
		if name == "" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(recording(t, "llama-cpp-python/"+name))
	}))
	p := open(t, url+"/?lang=en")
	p.wait("whose model it is", "document.querySelector('#model').textContent.includes('smollm2')")
	p.ask("What is gravity?")
	p.state("Finished")
	p.click("#tab-blocks")
	for _, name := range []string{
		"requests running", "requests waiting", "KV cache held", "prefix cache hits, lately", "preemptions since it started",
		"time to first token, lately", "between two tokens, lately",
	} {
		p.gauge(name, "unknown")
	}
	p.drawn(eval[int](p, tokens)-12, "unknown")
	if lines := eval[string](p, readingLines); !strings.Contains(lines, "log p, raw−") {
		t.Errorf("a token without its log-probability: %q", lines)
	}
	p.click("#language")
	p.wait("the page is Chinese", "document.documentElement.lang.startsWith('zh')")
	p.wait("the id is unknown", readingLines+".includes('未知')")
	p.click("#tab-blocks")
	p.gauge("运行中的请求", "未知")
}
