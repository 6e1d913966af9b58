package hub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain also plays the processes that the tests start: pip, and a second vitrine.
func TestMain(m *testing.M) {
	switch os.Getenv("HUB_TEST_PLAY") {
	case "pip":
		os.Exit(playPip(os.Args[1:]))
	case "pull":
		os.Exit(playPull())
	}
	// What a user has set is not what the tests are about.
	for _, variable := range []string{"VITRINE_CACHE", "VITRINE_HUB", "VITRINE_MIRROR", "VITRINE_SOURCES"} {
		if err := os.Unsetenv(variable); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// content is the file that the tests fetch: incompressible, so that a wheel of it is as large.
func content(size int) []byte {
	data := make([]byte, 0, size+sha256.Size)
	for block := []byte("vitrine"); len(data) < size; {
		sum := sha256.Sum256(block)
		block = sum[:]
		data = append(data, block...)
	}
	return data[:size]
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// fakeHub behaves like a hub: HEAD states size and checksum and redirects, GET redirects to a
// store that serves ranges. Fields change its behaviour; requests are counted.
type fakeHub struct {
	*httptest.Server
	data []byte

	mu         sync.Mutex
	etag       string
	states     bool           // HEAD and the listing state size and checksum
	sum        string         // what is stated, if not that of data
	served     []byte         // what is sent, if not data
	status     int            // answered instead, if not 0
	reason     string         // X-Error-Code with it
	ignores    bool           // serve 200 and the whole file whatever the range
	cut        map[int]int    // GET number → bytes after which the connection breaks
	wait       chan struct{}  // GET blocks after half of the body until it closes
	rangeTotal string         // written as the total in Content-Range, if not empty
	rangeShift int            // ranges begin so many bytes too early
	noIfRange  bool           // If-Range is ignored
	pause      time.Duration  // after every tenth of a body
	sent       int            // bytes of content
	gets       []http.Request // of the store
	heads      int
}

const (
	testFile = "model.gguf"
	testSize = 100_000
)

func newFakeHub(t *testing.T) *fakeHub {
	t.Helper()
	f := &fakeHub{data: content(testSize), etag: `"v1"`, states: true, cut: map[int]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{owner}/{repo}/resolve/{revision}/{file}", f.resolve)
	mux.HandleFunc("GET /models/{owner}/{repo}/resolve/{revision}/{file}", f.store)
	mux.HandleFunc("GET /moved/{repo}/resolve/{revision}/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/owner/repo/resolve/"+r.PathValue("revision")+"/"+r.PathValue("file"), http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /store", f.store)
	mux.HandleFunc("GET /api/v1/models/{owner}/{repo}/repo/files", f.listing)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeHub) stated() string {
	if f.sum != "" {
		return f.sum
	}
	return sumOf(f.data)
}

// resolve is what huggingface.co answers.
func (f *fakeHub) resolve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodHead {
		f.heads++
	}
	if f.status != 0 {
		w.Header().Set("X-Error-Code", f.reason)
		w.WriteHeader(f.status)
		return
	}
	if f.states {
		w.Header().Set("X-Linked-Etag", `"`+f.stated()+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(f.data)))
	}
	http.Redirect(w, r, "/store?signature=x", http.StatusFound)
}

// store is what the content network behind it answers.
func (f *fakeHub) store(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.gets = append(f.gets, *r.Clone(context.Background()))
	number, etag, ignores, total, wait := len(f.gets), f.etag, f.ignores, f.rangeTotal, f.wait
	shift, noIfRange, pause := f.rangeShift, f.noIfRange, f.pause
	data := f.data
	if f.served != nil {
		data = f.served
	}
	cut, broken := f.cut[number]
	f.mu.Unlock()
	w.Header().Set("ETag", etag)
	body := data
	ranges := r.Header.Get("Range")
	if old := r.Header.Get("If-Range"); old != "" && old != etag && !noIfRange {
		ranges = ""
	}
	var start int
	if _, err := fmt.Sscanf(ranges, "bytes=%d-", &start); err == nil && !ignores {
		if start >= len(data) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(data)))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		if total == "" {
			total = fmt.Sprint(len(data))
		}
		start -= shift
		body = data[start:]
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", start, len(data)-1, total))
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	f.mu.Lock()
	f.sent += len(body)
	f.mu.Unlock()
	switch {
	case pause > 0:
		for tenth := range slices.Chunk(body, len(body)/10) {
			w.Write(tenth)
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
	case broken:
		w.Write(body[:min(cut, len(body))])
		w.(http.Flusher).Flush() // without headers the client would ask again by itself
		panic(http.ErrAbortHandler)
	case wait != nil:
		w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		select {
		case <-wait:
		case <-r.Context().Done():
			return
		}
		w.Write(body[len(body)/2:])
	default:
		w.Write(body)
	}
}

// listing is what modelscope.cn answers.
func (f *fakeHub) listing(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status != 0 {
		w.WriteHeader(f.status)
		return
	}
	type entry struct {
		Path, Sha256 string
		Size         int
	}
	files := []entry{{Path: "README.md", Size: 7}}
	if f.states && r.URL.Query().Get("Revision") == "master" && r.URL.Query().Get("Recursive") == "true" {
		files = append(files, entry{testFile, f.stated(), len(f.data)})
	}
	json.NewEncoder(w).Encode(map[string]any{"Code": 200, "Data": map[string]any{"Files": files}})
}

// ranges returns the Range headers of the requests for content.
func (f *fakeHub) ranges() (ranges []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.gets {
		ranges = append(ranges, r.Header.Get("Range"))
	}
	return ranges
}

// testModel is in the registry of the tests.
func testModel() Model {
	return Model{
		Name: "tiny", Aliases: []string{"tiny-model"}, File: testFile, Size: testSize, SHA256: sumOf(content(testSize)),
		Hub:    &Repository{Repository: "owner/repo", Revision: "main", File: testFile},
		Mirror: &Repository{Repository: "owner/repo", Revision: "master", File: testFile},
	}
}

// newTestHub returns a hub that asks f, with its own cache and short waits.
func newTestHub(t *testing.T, f *fakeHub, m Model, sources ...Source) *Hub {
	t.Helper()
	h := New(Options{Cache: t.TempDir(), Hub: f.URL, Mirror: f.URL, Sources: sources, Models: []Model{m}, StallTime: 5 * time.Second})
	h.retryDelay = time.Millisecond
	return h
}

// checkPulled pulls and holds the file against the content.
func checkPulled(t *testing.T, h *Hub, want []byte) {
	t.Helper()
	path, err := h.Pull(t.Context(), "tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes in the cache, want the %d of the hub", len(got), len(want))
	}
	checkClean(t, h)
}

// checkClean: besides the model nothing is left in its folder but the lock.
func checkClean(t *testing.T, h *Hub) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.cache, "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != testFile && e.Name() != ".lock" {
			t.Errorf("%s is left in the cache", e.Name())
		}
	}
}

// partSize returns the size of the part in the cache, −1 if there is none.
func partSize(h *Hub) int64 {
	info, err := os.Stat(filepath.Join(h.cache, "tiny", testFile+".part"))
	if err != nil {
		return -1
	}
	return info.Size()
}

// notPulled pulls, wants an error and no file under the model's name.
func notPulled(t *testing.T, h *Hub) error {
	t.Helper()
	path, err := h.Pull(t.Context(), "tiny", nil)
	if err == nil {
		t.Fatalf("pulled %s", path)
	}
	if _, statErr := os.Stat(filepath.Join(h.cache, "tiny", testFile)); statErr == nil {
		t.Error("a file lies under the model's name")
	}
	if models := h.Models(); models[0].Cached {
		t.Error("the model is said to be cached")
	}
	return err
}

func TestPullFromHub(t *testing.T) {
	f := newFakeHub(t)
	h := newTestHub(t, f, testModel())
	if m := h.Models()[0]; m.Cached || m.Path != filepath.Join(h.Cache(), "tiny", testFile) {
		t.Errorf("before: %+v", m)
	}
	var events []Event
	path, err := h.Pull(t.Context(), "Tiny-Model", func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, f.data) {
		t.Errorf("the file is not the hub's: %v", err)
	}
	if m := h.Models()[0]; !m.Cached || m.Path != path {
		t.Errorf("after: %+v", m)
	}
	phases := slices.CompactFunc(slices.Clone(events), func(a, b Event) bool { return a.Phase == b.Phase })
	if len(phases) != 3 || phases[0].Phase != Asking || phases[1].Phase != Downloading || phases[2].Phase != Done {
		t.Errorf("phases %+v", phases)
	}
	last := events[len(events)-1]
	if last.Model != "tiny" || last.Source != FromHub || last.Received != testSize || last.Total != testSize {
		t.Errorf("last event %+v", last)
	}
	// What is there is not asked for again.
	if _, err := h.Pull(t.Context(), "tiny", func(Event) { t.Error("progress of a cached model") }); err != nil || len(f.ranges()) != 1 {
		t.Errorf("second pull: %v, %d downloads", err, len(f.ranges()))
	}
	// A file of another size is not the model.
	if err := os.WriteFile(path, f.data[:50], 0o644); err != nil {
		t.Fatal(err)
	}
	checkPulled(t, h, f.data)
}

// TestPullStated: where the registry has no checksum, what the hub states counts.
func TestPullStated(t *testing.T) {
	for _, source := range []Source{FromHub, FromMirror} {
		t.Run(string(source), func(t *testing.T) {
			f := newFakeHub(t)
			m := testModel()
			m.Size, m.SHA256 = 0, ""
			checkPulled(t, newTestHub(t, f, m, source), f.data)

			f.sum = strings.Repeat("ab", 32)
			h := newTestHub(t, f, m, source)
			var wrong *ChecksumError
			if err := notPulled(t, h); !errors.As(err, &wrong) || wrong.Got != "SHA-256 "+sumOf(f.data) {
				t.Errorf("wrong checksum: %v", err)
			}
			checkClean(t, h)

			f.states = false
			if err := notPulled(t, newTestHub(t, f, m, source)); !strings.Contains(err.Error(), "states size and SHA-256") && !strings.Contains(err.Error(), "has no model.gguf") {
				t.Errorf("nothing stated: %v", err)
			}
		})
	}
}

func TestPullMoved(t *testing.T) {
	f := newFakeHub(t)
	m := testModel()
	m.Hub.Repository = "moved/repo"
	m.Size, m.SHA256 = 0, ""
	checkPulled(t, newTestHub(t, f, m, FromHub), f.data)
}

func TestPullRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fakeHub)
		want   string
	}{
		{"missing", func(f *fakeHub) { f.status = 404 }, "HTTP status 404, the hub has no such file"},
		{"gated", func(f *fakeHub) { f.status, f.reason = 403, "GatedRepo" }, "accepted its terms (GatedRepo)"},
		{"broken", func(f *fakeHub) { f.status = 500 }, "HTTP status 500, the hub failed"},
		{"another file", func(f *fakeHub) { f.sum = strings.Repeat("ab", 32) }, "the hub has another file: it states SHA-256 abab"},
		{"another size", func(f *fakeHub) { f.data = f.data[:1000]; f.sum = sumOf(content(testSize)) }, "it states 1000 bytes, the registry 100000"},
		{"another size without a checksum", func(f *fakeHub) { f.data, f.states = f.data[:1000], false }, "it states 1000 bytes, the registry 100000"},
		{"less than it states", func(f *fakeHub) { f.served = f.data[:1000] }, "the answer has 1000 bytes, the file 100000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeHub(t)
			test.change(f)
			err := notPulled(t, newTestHub(t, f, testModel(), FromHub))
			var failed *PullError
			if !errors.As(err, &failed) || len(failed.Attempts) != 1 || failed.Attempts[0].Source != FromHub {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
		})
	}
}

// TestPullWrongContent: the right size, but other bytes. The file is removed, and the next source asked.
func TestPullWrongContent(t *testing.T) {
	bad, good := newFakeHub(t), newFakeHub(t)
	bad.data = slices.Clone(bad.data)
	bad.data[777] ^= 1
	bad.states = false
	h := newTestHub(t, bad, testModel(), FromHub)
	var wrong *ChecksumError
	if err := notPulled(t, h); !errors.As(err, &wrong) {
		t.Errorf("error %v", err)
	}
	checkClean(t, h)

	h = newTestHub(t, bad, testModel(), FromHub, FromMirror)
	h.mirror = good.URL
	checkPulled(t, h, good.data)
}

func TestResume(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fakeHub) // between the two pulls
		ranges []string       // of the requests of the second pull
	}{
		{"goes on", func(*fakeHub) {}, []string{"bytes=40000-"}},
		{"without a total", func(f *fakeHub) { f.rangeTotal = "*" }, []string{"bytes=40000-"}},
		{"a server without ranges", func(f *fakeHub) { f.ignores = true }, []string{"bytes=40000-"}},
		{"another ETag", func(f *fakeHub) { f.etag = `"v2"` }, []string{"bytes=40000-"}},
		{"a weak ETag", func(f *fakeHub) { f.etag = `W/"v1"` }, []string{"bytes=40000-"}},
		{"another ETag, though If-Range was sent", func(f *fakeHub) { f.etag, f.noIfRange = `"v2"`, true }, []string{"bytes=40000-", ""}},
		{"another place", func(f *fakeHub) { f.rangeShift = 10 }, []string{"bytes=40000-", ""}},
		{"another total", func(f *fakeHub) { f.rangeTotal = "99" + fmt.Sprint(testSize) }, []string{"bytes=40000-", ""}},
		{"breaks again and again", func(f *fakeHub) { f.cut[2], f.cut[3], f.cut[4] = 10000, 0, 20000 }, []string{"bytes=40000-", "bytes=50000-", "bytes=50000-", "bytes=70000-"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeHub(t)
			f.cut[1] = 40000
			h := newTestHub(t, f, testModel(), FromHub)
			h.retries = 0
			// Without retries the break ends the first pull, once progress has been made: cut the second request too.
			f.cut[2] = 0
			notPulled(t, h)
			if size := partSize(h); size != 40000 {
				t.Fatalf("the part has %d bytes, want 40000", size)
			}
			f.mu.Lock()
			f.gets, f.cut = nil, map[int]int{}
			f.mu.Unlock()
			// Renumbered: request 1 of the second pull is cut 2 of the table's.
			test.change(f)
			shifted := map[int]int{}
			for n, at := range f.cut {
				shifted[n-1] = at
			}
			f.cut = shifted
			h.retries = 3
			checkPulled(t, h, f.data)
			if got := f.ranges(); !slices.Equal(got, test.ranges) {
				t.Errorf("ranges %q, want %q", got, test.ranges)
			}
		})
	}
}

// TestResumeLongerPart: the hub's file is shorter than what is here.
func TestResumeLongerPart(t *testing.T) {
	f := newFakeHub(t)
	h := newTestHub(t, f, testModel(), FromHub)
	dir := filepath.Join(h.cache, "tiny")
	leavePart(t, dir, f.data[:60000], origin{expected{testSize, testModel().SHA256}, f.URL + "/owner/repo/resolve/main/" + testFile, `"v1"`})
	f.served = f.data[:50000]
	if err := notPulled(t, h); !strings.Contains(err.Error(), "50000 bytes") {
		t.Errorf("error %v", err)
	}
	if got := f.ranges(); !slices.Equal(got, []string{"bytes=60000-", ""}) {
		t.Errorf("ranges %q", got)
	}
	f.served = nil
	checkPulled(t, h, f.data)
}

// leavePart writes what an earlier download would have left.
func leavePart(t *testing.T, dir string, data []byte, o any) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	description, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{testFile + ".part": data, testFile + ".part.json": description} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestResumeOfAnotherFile: what is there is not the beginning of this file.
func TestResumeOfAnotherFile(t *testing.T) {
	sum := testModel().SHA256
	tests := []struct {
		name   string
		data   []byte
		origin any
		ranges []string
		sent   int
	}{
		{"another checksum", content(30000), origin{expected{testSize, strings.Repeat("ab", 32)}, "", ""}, []string{""}, testSize},
		{"another size", content(30000), origin{expected{testSize + 1, sum}, "", ""}, []string{""}, testSize},
		{"larger than the file", make([]byte, testSize+1), origin{expected{testSize, sum}, "", ""}, []string{""}, testSize},
		{"a description that cannot be read", content(30000), "nonsense", []string{""}, testSize},
		{"from another hub", content(30000), origin{expected{testSize, sum}, "http://elsewhere", `"other"`}, []string{"bytes=30000-"}, testSize - 30000},
		{"whole", content(testSize), origin{expected{testSize, sum}, "", ""}, nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeHub(t)
			h := newTestHub(t, f, testModel(), FromHub)
			leavePart(t, filepath.Join(h.cache, "tiny"), test.data, test.origin)
			checkPulled(t, h, f.data)
			if got := f.ranges(); !slices.Equal(got, test.ranges) {
				t.Errorf("ranges %q, want %q", got, test.ranges)
			}
			if f.sent != test.sent {
				t.Errorf("%d bytes were sent, want %d", f.sent, test.sent)
			}
		})
	}
	// Bytes that are not those of the file, under a right description: found out at the end, and removed.
	f := newFakeHub(t)
	h := newTestHub(t, f, testModel(), FromHub)
	leavePart(t, filepath.Join(h.cache, "tiny"), make([]byte, 30000), origin{expected{testSize, sum}, "", ""})
	var wrong *ChecksumError
	if err := notPulled(t, h); !errors.As(err, &wrong) {
		t.Errorf("error %v", err)
	}
	checkPulled(t, h, f.data)
}

func TestPullGivesUp(t *testing.T) {
	f := newFakeHub(t)
	for n := range 20 {
		f.cut[n] = 0
	}
	h := newTestHub(t, f, testModel(), FromHub)
	notPulled(t, h)
	if n := len(f.ranges()); n != h.retries+1 {
		t.Errorf("%d requests, want %d", n, h.retries+1)
	}
}

// TestFallback: sources are asked in order, and the error tells of each.
func TestFallback(t *testing.T) {
	f := newFakeHub(t)
	closed := newFakeHub(t)
	closed.Close()
	h := newTestHub(t, f, testModel(), FromHub, FromMirror)
	h.hub = closed.URL
	checkPulled(t, h, f.data)

	h = newTestHub(t, closed, testModel())
	err := notPulled(t, h)
	for _, want := range []string{"tiny could not be fetched", "\n  hub " + closed.URL + ": ", "\n  mirror " + closed.URL + ": ", "connection refused"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
	m := testModel()
	m.Mirror = nil
	err = notPulled(t, newTestHub(t, f, m, FromMirror, FromPackage))
	if err.Error() != "tiny could not be fetched: none of its sources is among those to ask" {
		t.Errorf("error %q", err)
	}
}

// TestSilentHub: a hub that takes connections and says nothing does not hold a pull up.
func TestSilentHub(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := New(Options{Cache: t.TempDir(), Hub: "http://" + l.Addr().String(), Mirror: "http://" + l.Addr().String(),
		Models: []Model{testModel()}, AnswerTime: 100 * time.Millisecond})
	start := time.Now()
	notPulled(t, h)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("gave up after %v", took)
	}
}

// TestStall: a download from which nothing comes any more is taken up anew.
func TestStall(t *testing.T) {
	f := newFakeHub(t)
	f.wait = make(chan struct{})
	h := newTestHub(t, f, testModel(), FromHub)
	h.stallTime = 100 * time.Millisecond
	go func() {
		for len(f.ranges()) < 2 {
			time.Sleep(5 * time.Millisecond)
		}
		close(f.wait)
	}()
	checkPulled(t, h, f.data)
	if got := f.ranges(); got[0] != "" || got[1] != "bytes=50000-" {
		t.Errorf("ranges %q", got)
	}
}

// TestSlowDownload: one that takes longer than a stall may is left alone as long as bytes come.
// A stalled download is told as one: all that has come, at a rate that falls.
func TestStallIsTold(t *testing.T) {
	f := newFakeHub(t)
	f.wait = make(chan struct{})
	h := newTestHub(t, f, testModel(), FromHub)
	h.stallTime = time.Minute
	var rates []float64
	_, err := h.Pull(t.Context(), "tiny", func(e Event) {
		if e.Phase != Downloading || e.Received != testSize/2 {
			return
		}
		if rates = append(rates, e.Rate); len(rates) == 4 {
			close(f.wait)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rates) < 4 || rates[0] <= rates[1] || rates[1] <= rates[2] || rates[2] <= rates[3] {
		t.Errorf("while nothing comes the rates are %v, want them to fall", rates)
	}
}

func TestSlowDownload(t *testing.T) {
	f := newFakeHub(t)
	f.pause = 50 * time.Millisecond
	h := newTestHub(t, f, testModel(), FromHub)
	h.stallTime = 300 * time.Millisecond
	checkPulled(t, h, f.data)
	if n := len(f.ranges()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestCancel(t *testing.T) {
	f := newFakeHub(t)
	f.wait = make(chan struct{})
	h := newTestHub(t, f, testModel())
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("the user has had enough")
	_, err := h.Pull(ctx, "tiny", func(e Event) {
		if e.Phase == Downloading {
			cancel(enough)
		}
	})
	if !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
	if n := len(f.ranges()); n > 1 {
		t.Errorf("%d downloads after the end", n)
	}
}

// fullDisk is a disk with room for some bytes.
type fullDisk struct {
	osDisk
	room int
	err  error
}

func (d *fullDisk) Open(path string) (file, error) {
	f, err := d.osDisk.Open(path)
	if err != nil || strings.HasSuffix(path, ".json") {
		return f, err
	}
	return &fullFile{f, d}, nil
}

type fullFile struct {
	file
	disk *fullDisk
}

func (f *fullFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b[:min(len(b), f.disk.room)])
	f.disk.room -= n
	if err == nil && n < len(b) {
		err = &os.PathError{Op: "write", Path: "x", Err: f.disk.err}
	}
	return n, err
}

// TestFullDisk: the error says so, what has arrived is kept, no other source is asked, other models stay, and
// the next pull goes on.
func TestFullDisk(t *testing.T) {
	f := newFakeHub(t)
	h := newTestHub(t, f, testModel())
	other := filepath.Join(h.cache, "other", "other.gguf")
	if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.disk = &fullDisk{room: 70000, err: noSpace}
	err := notPulled(t, h)
	var disk *DiskError
	if !errors.As(err, &disk) || !errors.Is(err, noSpace) || disk.Kept != 70000 || disk.Need != 30000 || disk.Full() != (len(fullErrors) > 0) {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"model.gguf.part", "no space left on device", "30000 more bytes are needed", "70000 bytes are kept"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
	if partSize(h) != 70000 || len(f.ranges()) != 1 {
		t.Errorf("the part has %d bytes after %d downloads", partSize(h), len(f.ranges()))
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "other" {
		t.Errorf("the other model: %q, %v", text, err)
	}
	h.disk = osDisk{}
	checkPulled(t, h, f.data)
	if got := f.ranges(); got[1] != "bytes=70000-" {
		t.Errorf("ranges %q", got)
	}
}

func TestUnwritableCache(t *testing.T) {
	f := newFakeHub(t)
	h := newTestHub(t, f, testModel())
	h.cache = filepath.Join(h.cache, "file")
	if err := os.WriteFile(h.cache, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var disk *DiskError
	if _, err := h.Pull(t.Context(), "tiny", nil); !errors.As(err, &disk) {
		t.Errorf("error %v", err)
	}
}

// TestTwoPulls: of two pulls in one process and two more in others, one downloads.
func TestTwoPulls(t *testing.T) {
	f := newFakeHub(t)
	f.wait = make(chan struct{})
	h := newTestHub(t, f, testModel())
	var wg sync.WaitGroup
	waiting := make(chan struct{}, 100)
	for range 2 {
		wg.Go(func() {
			_, err := h.Pull(t.Context(), "tiny", func(e Event) {
				if e.Phase == Waiting {
					waiting <- struct{}{}
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	<-waiting
	for range 2 {
		wg.Go(func() {
			if out, err := play(t, "pull", "VITRINE_CACHE="+h.cache, "VITRINE_HUB="+f.URL).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	close(f.wait)
	wg.Wait()
	if n := len(f.ranges()); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
	checkPulled(t, h, f.data)
}

// playPull is a second process that pulls.
func playPull() int {
	h := New(Options{Models: []Model{testModel()}})
	if _, err := h.Pull(context.Background(), "tiny", nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestOptions(t *testing.T) {
	t.Setenv("VITRINE_CACHE", "/c")
	t.Setenv("VITRINE_HUB", "http://hub.test/base/")
	t.Setenv("VITRINE_MIRROR", "https://mirror.test")
	t.Setenv("VITRINE_SOURCES", " package, hub ")
	h := New(Options{})
	if h.cache != "/c" || h.hub != "http://hub.test/base" || h.mirror != "https://mirror.test" || !slices.Equal(h.sources, []Source{FromPackage, FromHub}) || h.err != nil {
		t.Errorf("from the environment: %+v", h)
	}
	h = New(Options{Cache: "/d", Hub: "https://other.test", Sources: []Source{FromMirror}})
	if h.cache != "/d" || h.hub != "https://other.test" || !slices.Equal(h.sources, []Source{FromMirror}) {
		t.Errorf("from options: %+v", h)
	}
	for variable, value := range map[string]string{"VITRINE_HUB": "ftp://hub", "VITRINE_MIRROR": "mirror.test", "VITRINE_SOURCES": "hub,torrent"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			if _, err := New(Options{}).Resolve(Default); err == nil || !strings.Contains(err.Error(), variable) {
				t.Errorf("%s=%s: error %v", variable, value, err)
			}
		})
	}
	for _, variable := range []string{"VITRINE_CACHE", "VITRINE_HUB", "VITRINE_MIRROR", "VITRINE_SOURCES"} {
		t.Setenv(variable, "")
	}
	t.Setenv("XDG_CACHE_HOME", "/x")
	t.Setenv("HOME", "/x")
	h = New(Options{})
	if !strings.HasSuffix(h.cache, filepath.Join("vitrine", "models")) || !slices.Equal(h.sources, allSources) || h.hub != defaultHub || h.mirror != defaultMirror || h.err != nil {
		t.Errorf("defaults: %+v", h)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 0-10/10", "items 0-9/10", "bytes -1-9/10", "bytes 0-0/-2", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		start, total, ok := parseContentRange(s)
		if ok && (start < 0 || total < -1 || total >= 0 && start >= total) {
			t.Errorf("%q gives start %d, total %d", s, start, total)
		}
	})
}

func TestParseContentRange(t *testing.T) {
	tests := []struct {
		s            string
		start, total int64
		ok           bool
	}{
		{"bytes 5-9/10", 5, 10, true}, {"bytes 5-9/*", 5, -1, true}, {"bytes 0-0/1", 0, 1, true},
		{"bytes */10", 0, 0, false}, {"bytes 9-5/10", 0, 0, false}, {"bytes 0-10/10", 0, 0, false}, {"bytes 0-9", 0, 0, false}, {"bytes 0-0/-2", 0, 0, false},
	}
	for _, test := range tests {
		if start, total, ok := parseContentRange(test.s); start != test.start || total != test.total || ok != test.ok {
			t.Errorf("%q gives %d, %d, %v", test.s, start, total, ok)
		}
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"Code":200,"Data":{"Files":[{"Path":"model.gguf","Size":5,"Sha256":"` + strings.Repeat("AB", 32) + `"}]}}`))
	f.Add([]byte(`{"Code":404,"Message":"not found","Data":null}`))
	f.Add([]byte(`{"Data":{"Files":[{"Path":"model.gguf","Size":-5,"Sha256":""}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		stated, err := parseListing(data, testFile)
		if err == nil && (stated.Size <= 0 || len(stated.SHA256) != 64) {
			t.Errorf("%q states %+v", data, stated)
		}
	})
}

// TestRate feeds the meter with a clock of its own.
func TestRate(t *testing.T) {
	now := time.Unix(0, 0)
	var last Event
	told := 0
	m := &meter{clock: func() time.Time { return now }, tell: func(e Event) { last = e; told++ }}
	m.enter(Downloading, 1000, 11000)
	if last.Rate != 0 || last.ETA != 0 || told != 1 {
		t.Errorf("at the start %+v", last)
	}
	for range 40 { // 100 bytes every 50 ms
		now = now.Add(50 * time.Millisecond)
		m.add(100)
	}
	if told != 21 || last.Received != 5000 {
		t.Errorf("told %d times, last %+v", told, last)
	}
	if last.Rate < 1999 || last.Rate > 2001 || last.ETA < 2990*time.Millisecond || last.ETA > 3010*time.Millisecond {
		t.Errorf("rate %v, ETA %v, want 2000 and 3 s", last.Rate, last.ETA)
	}
	now = now.Add(time.Hour)
	m.add(0)
	if last.Rate > 1 {
		t.Errorf("rate %v after an hour without a byte", last.Rate)
	}
	m.event.Total = 1 << 62
	now = now.Add(time.Hour)
	if m.add(1); last.ETA < 0 {
		t.Errorf("ETA %v", last.ETA)
	}
	m.enter(Done, 11000, 11000)
	if last.Phase != Done || last.Rate != 0 {
		t.Errorf("at the end %+v", last)
	}
}

var _ io.Writer = (*part)(nil)
