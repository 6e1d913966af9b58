package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/engine/modeltest/tinymodel"
)

// killedPatience bounds the waits for a process: machines are shared and slow.
const killedPatience = time.Minute

// buildProgram builds the program, with these arguments of go build, and returns its path.
func buildProgram(t *testing.T, more ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "vitrine")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	args := append(append([]string{"build", "-o", program}, more...), ".")
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// freeAddress is an address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// startProgram starts the program and waits until its model answers.
func startProgram(t *testing.T, program, addr, model string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "serve", "--addr", addr, "--model", model, "--no-open", "--log-level", "error")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // whatever the test has not ended
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	for deadline := time.Now().Add(killedPatience); ; time.Sleep(2 * time.Millisecond) {
		res, err := http.Get("http://" + addr + "/health")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return cmd
			}
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("it does not serve (%v): %s", err, &said)
		}
	}
}

// kill ends a process as kill -9 does.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it had ended by itself")
	}
}

// TestKilledServer kills the program in the middle of 64 streams. Started again
// at the same address it answers what it answered before, as soon as it did then.
func TestKilledServer(t *testing.T) {
	program, addr, model := buildProgram(t), freeAddress(t), tinymodel.Folder(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() string {
		t.Helper()
		res, err := client.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(`{"prompt":"the of he","seed":3,"max_tokens":40,"ignore_eos":true}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var v struct{ Choices []struct{ Text string } }
		if err := json.NewDecoder(res.Body).Decode(&v); err != nil || len(v.Choices) != 1 || v.Choices[0].Text == "" {
			t.Fatalf("it answers %+v: %v", v, err)
		}
		return v.Choices[0].Text
	}
	began := time.Now()
	cmd := startProgram(t, program, addr, model)
	before := ask()
	first := time.Since(began)

	// Each client asks again as soon as it has its answer, however fast the machine
	// is: streams are under way whenever the program is killed.
	const streams = 64
	var all sync.WaitGroup
	var begun, cut atomic.Int32
	half := make(chan struct{}) // of the clients have been told something
	for seed := range streams {
		all.Go(func() {
			body := fmt.Sprintf(`{"prompt":"the of he","seed":%d,"n":8,"max_tokens":200,"ignore_eos":true,"stream":true}`, seed)
			for asked := 0; ; asked++ {
				whole, told := stream(client, "http://"+addr+"/v1/completions", body, func() {
					if asked == 0 && begun.Add(1) == streams/2 {
						close(half)
					}
				})
				if !whole {
					if told {
						cut.Add(1)
					}
					return // no program is there any more
				}
			}
		})
	}
	select {
	case <-half:
	case <-time.After(killedPatience):
		t.Fatalf("%d of %d streams have begun", begun.Load(), streams)
	}
	kill(t, cmd)
	all.Wait() // no client waits for ever
	if cut.Load() < streams/8 {
		t.Fatalf("the program was killed under %d of %d streams that had begun; want %d", cut.Load(), streams, streams/8)
	}

	began = time.Now()
	cmd = startProgram(t, program, addr, model)
	ready := time.Since(began)
	asked := time.Now()
	after := ask()
	t.Logf("ready %v after it was started, the first answer took %v", ready.Round(time.Millisecond), time.Since(asked).Round(time.Millisecond))
	if after != before {
		t.Errorf("it answers %q, before %q", after, before)
	}
	if took := time.Since(began); took > max(2*first, killedPatience/4) {
		t.Errorf("the first answer came %v after the start, when it was started first %v", took, first)
	}
	kill(t, cmd)
}

// stream reads a stream of completions and calls first once it has been told
// something. It reports whether it has the whole stream, and whether anything of it.
func stream(client *http.Client, url, body string, first func()) (whole, told bool) {
	res, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return false, false
	}
	defer res.Body.Close()
	events := bufio.NewScanner(res.Body)
	if !events.Scan() || !strings.HasPrefix(events.Text(), "data: {") {
		return false, false
	}
	first()
	for events.Scan() {
		whole = whole || events.Text() == "data: [DONE]"
	}
	return whole, true
}
