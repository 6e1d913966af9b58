package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vitrine/engine/load"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/bench/fakellama"
)

func TestMain(m *testing.M) {
	fakellama.Main() // where this program was started as one of llama.cpp's
	os.Exit(m.Run())
}

// one and four are cases of a single sequence and of several.
var (
	prefill = Case{Prompt: 12, Output: 1, Batch: 1}
	deep    = Case{Depth: 20, Output: 4, Batch: 1}
	streams = Case{Depth: 20, Output: 4, Batch: 3}
)

func find(t *testing.T, f fakellama.Fake) *LlamaCpp {
	t.Helper()
	l, err := FindLlamaCpp(f.Install(t), "a model.gguf", 3)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLlamaCppIsAskedAndRead(t *testing.T) {
	f := fakellama.Fake{Rate: 123.5, BatchedRate: 456.25}
	l := find(t, f)
	for _, c := range []struct {
		of   Case
		want float64
		args string
	}{
		{prefill, 123.5, "llama-bench -m a model.gguf -t 3 -p 12 -n 0 -d 0 -r 1 -o json"},
		{deep, 123.5, "llama-bench -m a model.gguf -t 3 -p 0 -n 4 -d 20 -r 1 -o json"},
		{streams, 456.25, "llama-batched-bench -m a model.gguf -t 3 -c 72 -npp 20 -ntg 4 -npl 3 --output-format jsonl"},
	} {
		rate, build, err := l.Run(t.Context(), c.of)
		if err != nil || rate != c.want {
			t.Errorf("%v: %g, %v; want %g", c.of, rate, err, c.want)
		}
		if c.of.Batch == 1 && build != (Build{"abc123", 7, "CPU"}) {
			t.Errorf("%v: build %+v", c.of, build)
		}
		calls := fakellama.Calls(t, l.bench)
		if last := calls[len(calls)-1]; last != c.args {
			t.Errorf("%v: called %q, want %q", c.of, last, c.args)
		}
	}
}

func TestLlamaCppThatMisbehaves(t *testing.T) {
	for _, c := range []struct {
		name string
		fake fakellama.Fake
		of   Case
		want []string
	}{
		{"it fails", fakellama.Fake{Fails: "error: failed to load model 'x'"}, deep, []string{"llama-bench -m", "exit status 1", "failed to load model 'x'"}},
		{"the other fails", fakellama.Fake{Fails: "error: out of memory"}, streams, []string{"llama-batched-bench", "out of memory"}},
		{"no JSON", fakellama.Fake{Says: "| model | size |"}, deep, []string{"llama-bench printed what this program does not understand", "JSON array", "| model | size |"}},
		{"another JSON", fakellama.Fake{Says: `[{"build_commit": "x"}]`}, deep, []string{"n_gen 4", "n_depth 20", "build_commit"}},
		{"another test", fakellama.Fake{Says: `[{"n_prompt": 512, "n_gen": 0, "n_depth": 0, "n_threads": 3, "avg_ts": 1}]`}, prefill, []string{"n_prompt 12"}},
		{"other threads", fakellama.Fake{Says: `[{"n_prompt": 12, "n_gen": 0, "n_depth": 0, "n_threads": 8, "avg_ts": 1}]`}, prefill, []string{"n_threads 3"}},
		{"no rate", fakellama.Fake{Says: `[{"n_prompt": 12, "n_gen": 0, "n_depth": 0, "n_threads": 3}]`}, prefill, []string{"avg_ts"}},
		{"nothing", fakellama.Fake{Says: "\n"}, streams, []string{"llama-batched-bench printed", "pp 20, tg 4, pl 3"}},
		{"another line", fakellama.Fake{Says: `{"pp": 20, "tg": 4, "pl": 3, "n_threads": 3, "speed": 9}`}, streams, []string{"speed_tg"}},
		{"a lot", fakellama.Fake{Says: strings.Repeat("x", 5000)}, deep, []string{"x…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rate, _, err := find(t, c.fake).Run(t.Context(), c.of)
			if err == nil {
				t.Fatalf("a rate of %g and no error", rate)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("said %q, want %q in it", err, want)
				}
			}
			if len(err.Error()) > 700 {
				t.Errorf("the error has %d letters", len(err.Error()))
			}
		})
	}
}

func TestFindLlamaCpp(t *testing.T) {
	if _, err := FindLlamaCpp(filepath.Join(t.TempDir(), "llama-bench"), "m", 1); err == nil || !strings.Contains(err.Error(), "is no program that can be run") {
		t.Errorf("nothing there: %v", err)
	}
	text := filepath.Join(t.TempDir(), "llama-bench")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FindLlamaCpp(text, "m", 1); err == nil && runtime.GOOS != "windows" {
		t.Error("a file that cannot be run was found")
	}
	alone := find(t, fakellama.Fake{Rate: 1, Alone: true})
	if alone.Runs(streams) || !alone.Runs(deep) || !alone.Runs(prefill) {
		t.Error("without llama-batched-bench, one sequence can be run and several cannot")
	}
	if _, _, err := alone.Run(t.Context(), streams); err == nil || !strings.Contains(err.Error(), "llama-batched-bench is not beside") {
		t.Errorf("several sequences: %v", err)
	}
}

func TestLlamaCppIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := find(t, fakellama.Fake{Rate: 1}).Run(ctx, deep); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}

func tiny(t *testing.T) *load.Model {
	t.Helper()
	found, err := load.Find(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := found.Open(load.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestCompareTakesTurns(t *testing.T) {
	l := find(t, fakellama.Fake{Rate: 50, BatchedRate: 20})
	m := tiny(t)
	for _, c := range []Case{prefill, deep, streams} {
		var turns []string
		got, _, err := Compare(t.Context(), m, l, c, 0, 3, func(turn Turn) {
			turns = append(turns, fmt.Sprintf("%d/%d %v", turn.Round, turn.Rounds, turn.Ours))
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"1/3 false", "1/3 true", "2/3 false", "2/3 true", "3/3 false", "3/3 true"}; !slices.Equal(turns, want) {
			t.Errorf("%v: turns %q, want %q", c, turns, want)
		}
		theirs := map[int]float64{1: 50, 3: 20}[c.Batch]
		if got.Case != c || got.Theirs != (Spread{theirs, theirs, theirs}) {
			t.Errorf("%v: %+v", c, got)
		}
		if s := got.Ours; !(0 < s.Min && s.Min <= s.Median && s.Median <= s.Max) {
			t.Errorf("%v: our rates are out of order: %+v", c, s)
		}
		if r := got.Ours.Median / theirs; got.Ratio < r*0.99-0.001 || got.Ratio > r*1.01+0.001 {
			t.Errorf("%v: a ratio of %g for %g to %g", c, got.Ratio, got.Ours.Median, theirs)
		}
	}
}

func TestCompareFails(t *testing.T) {
	m := tiny(t)
	if _, _, err := Compare(t.Context(), m, find(t, fakellama.Fake{Fails: "no such file"}), deep, 0, 1, nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("llama-bench fails: %v", err)
	}
	if _, _, err := Compare(t.Context(), m, find(t, fakellama.Fake{Rate: 1}), Case{Depth: 400, Output: 4, Batch: 1}, 0, 1, nil); err == nil || !strings.Contains(err.Error(), "context of 256") {
		t.Errorf("beyond the context: %v", err)
	}
}
