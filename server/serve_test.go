package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"vitrine/engine/modeltest/tinymodel"
)

// TestServe runs the command as a shell does: no command is named, the address
// is read from its output, and a signal ends it.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	var errOut bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--addr", "127.0.0.1:0", "--model", tinymodel.Folder(t), "--no-open", "--log-level", "warn", "--tensor-parallel-size", "2"}, strings.NewReader(""), writer, &errOut)
		writer.Close()
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v; exit status %d: %s", err, <-ended, &errOut)
	}
	url, _, found := strings.Cut(strings.TrimPrefix(line, "Vitrine is at "), " ")
	if !found || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("said %q, want the address", line)
	}
	deadline := time.Now().Add(time.Minute)
	for healthy := false; !healthy; {
		res, err := http.Get(url + "/health")
		if err != nil {
			t.Fatal(err)
		}
		healthy = res.StatusCode == http.StatusOK
		res.Body.Close()
		if time.Now().After(deadline) {
			t.Fatalf("health is still %d", res.StatusCode)
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	select {
	case status := <-ended:
		if status != exitOK {
			t.Errorf("exit status %d: %s", status, &errOut)
		}
	case <-time.After(time.Minute):
		t.Fatal("the server does not end")
	}
	if errOut.Len() > 0 {
		t.Errorf("warned of %s", &errOut)
	}
}

func TestHasDesktop(t *testing.T) {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		if !hasDesktop() {
			t.Error("this system always has a desktop")
		}
		return
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if hasDesktop() {
		t.Error("a desktop without a display")
	}
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	if !hasDesktop() {
		t.Error("no desktop with a display")
	}
}
