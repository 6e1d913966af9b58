package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"vitrine/engine/modeltest"
	"vitrine/server/client"
)

// TestResidentMemory starts the program with the real model, lets it answer, and holds what
// it keeps in physical memory then against the model's file and the pool of KV blocks.
func TestResidentMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells, in /proc, how much of a process lies in physical memory")
	}
	if testing.Short() {
		t.Skip("builds the program as it is shipped")
	}
	const most = 1.3
	model := modeltest.SmolLM2(t)
	file, err := os.Stat(model)
	if err != nil {
		t.Fatal(err)
	}
	addr, program := freeAddress(t), shippedProgram(t)
	begin := time.Now()
	cmd := startProgram(t, program, addr, model)
	t.Logf("it serves after %v", time.Since(begin).Round(time.Millisecond))

	// A long prompt, whose step takes the most memory, and several answers at once.
	ids := make([]string, 900)
	for i := range ids {
		ids[i] = fmt.Sprint(100 + i*37%40_000)
	}
	const answer = 100
	body := fmt.Sprintf(`{"prompt":[%s],"n":2,"seed":1,"max_tokens":%d,"ignore_eos":true}`, strings.Join(ids, ","), answer)
	second := fmt.Sprintf(`{"prompt":[7,%s],"max_tokens":%d,"ignore_eos":true}`, strings.Join(ids, ","), answer)
	tokens, asking := 0, http.Client{Timeout: 5 * time.Minute}
	for _, body := range []string{body, second} {
		res, err := asking.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Usage struct {
				Completion int `json:"completion_tokens"`
			}
		}
		err = json.NewDecoder(res.Body).Decode(&v)
		if res.Body.Close(); err != nil || res.StatusCode != http.StatusOK || v.Usage.Completion == 0 {
			t.Fatalf("it answers %s, %+v: %v", res.Status, v, err)
		}
		tokens += v.Usage.Completion
	}
	resident, pool := residentBytes(t, cmd.Process.Pid), poolBytes(t, addr)
	share := float64(resident) / float64(file.Size()+pool)
	t.Logf("after %d tokens %s are resident: %.2f times the file of %s and the pool of %s", tokens,
		humanize.IBytes(uint64(resident)), share, humanize.IBytes(uint64(file.Size())), humanize.IBytes(uint64(pool)))
	if tokens != 3*answer {
		t.Errorf("%d tokens were drawn, want %d", tokens, 3*answer)
	}
	if share > most || resident < file.Size()/2 { // less cannot be: every step reads the weights
		t.Errorf("%.2f times the file and the pool are resident, want at most %v", share, most)
	}
	kill(t, cmd)
}

// shippedProgram builds the program as it is shipped, with the page's client in it: one
// that has to build its client first takes memory to compress it.
func shippedProgram(t *testing.T) string {
	t.Helper()
	built, dist := t.TempDir(), filepath.Join("client", "dist")
	if err := client.Release(t.Context(), built); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(built)
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, f := range files {
		at, err := filepath.Abs(filepath.Join(dist, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[at] = filepath.Join(built, f.Name())
	}
	config := filepath.Join(t.TempDir(), "overlay.json")
	body, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return buildProgram(t, "-tags", "embedclient", "-overlay", config)
}

// poolBytes is what the server says of the size of its pool of KV blocks.
func poolBytes(t *testing.T, addr string) int64 {
	t.Helper()
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(body), `kv_cache_memory_bytes="`)
	var n int64
	if _, err := fmt.Sscan(strings.ReplaceAll(rest, `"`, " "), &n); !found || err != nil || n <= 0 {
		t.Fatalf("the metrics do not tell the size of the pool: %v", err)
	}
	return n
}

// residentBytes is VmRSS of a process, see proc_pid_status(5).
func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(status), "VmRSS:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); !found || err != nil {
		t.Fatalf("no VmRSS in the status of the process: %v", err)
	}
	return kib * 1024
}
