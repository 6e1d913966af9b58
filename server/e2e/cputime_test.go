package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkBrowserTime measures what the browser's processes spend on a token
// while a chat streams, a view a sub-benchmark: user and system time as Linux
// counts it, in steps of 10 ms, of all processes that this test started.
func BenchmarkBrowserTime(b *testing.B) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		b.Skip("the times of processes are read from /proc, which is Linux's")
	}
	const count = 256
	url, _ := serve(b, "127.0.0.1:0")
	for _, view := range []string{"attention", "next", "blocks", "tokens", "time"} {
		b.Run(view, func(b *testing.B) {
			for b.Loop() {
				p := open(b, url+"/?lang=en")
				p.started()
				p.click("#tab-" + view)
				askPage(p, count) // the browser compiles a new page's program once more while it runs
				p.click("#chat-new")
				before := browserTime(b)
				askPage(p, count)
				for kind, spent := range browserTime(b) {
					b.ReportMetric(float64((spent-before[kind]).Milliseconds())/count, "ms/token-"+kind)
				}
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// browserTime is the time that the processes below this one have taken, by
// what they are: browser, renderer, gpu-process.
func browserTime(b *testing.B) map[string]time.Duration {
	b.Helper()
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	type process struct {
		parent int
		kind   string
		spent  time.Duration
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	processes := map[int]process{}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		command, err2 := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || err2 != nil {
			continue // it has ended
		}
		// proc(5): after the name in brackets come state, parent, …; 14 and 15 are utime and stime.
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
		fields := strings.Fields(rest)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		kind := "browser"
		if _, after, ok := strings.Cut(strings.ReplaceAll(string(command), "\x00", " "), "--type="); ok {
			kind, _, _ = strings.Cut(after, " ")
		}
		processes[pid] = process{parent, kind, time.Duration(user+system) * tick}
	}
	spent := map[string]time.Duration{}
	for pid, p := range processes {
		for at := p.parent; at > 1; at = processes[at].parent {
			if at == os.Getpid() {
				if kind := processes[pid].kind; kind == "browser" || kind == "renderer" || kind == "gpu-process" {
					spent[kind] += p.spent
				}
				break
			}
		}
	}
	return spent
}
