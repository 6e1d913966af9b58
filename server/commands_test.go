package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vitrine/engine/hub"
	"vitrine/engine/modeltest"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/engine/safetensors"
)

// decodeLines decodes a JSON value a line.
func decodeLines[T any](t *testing.T, out string) []T {
	t.Helper()
	var values []T
	for line := range strings.Lines(out) {
		var v T
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		values = append(values, v)
	}
	return values
}

// ok runs a command line that must succeed and returns its standard output.
func ok(t *testing.T, in string, args ...string) string {
	t.Helper()
	status, out, errOut := vitrine(t.Context(), in, args...)
	if status != exitOK {
		t.Fatalf("%q: exit status %d: %s", args, status, errOut)
	}
	return out
}

func TestTokenize(t *testing.T) {
	model := tinymodel.Folder(t)
	in := "\"the <s>\"\n\n\"\"\n\"\\u4e16 of\"\r\n\"last\""
	for _, source := range [][]string{{"--model", model}, {"--tokenizer", filepath.Join(model, "tokenizer.json")}} {
		out := ok(t, in, append([]string{"tokenize", "--json"}, source...)...)
		got := decodeLines[tokenized](t, out)
		want := [][]int32{
			{tinymodel.The, tinymodel.Byte(' '), tinymodel.BOS},
			{},
			{tinymodel.Byte(0xe4), tinymodel.Byte(0xb8), tinymodel.Byte(0x96), tinymodel.SpaceOf},
			{tinymodel.Byte('l'), tinymodel.Byte('a'), tinymodel.Byte('s'), tinymodel.Byte('t')},
		}
		if len(got) != len(want) {
			t.Fatalf("%d answers, want %d: %s", len(got), len(want), out)
		}
		for i := range want {
			if !slices.Equal(got[i].IDs, want[i]) {
				t.Errorf("line %d: ids %v, want %v", i, got[i].IDs, want[i])
			}
		}
		if want := []string{"the", "Ġ", "<s>"}; !slices.Equal(got[0].Pieces, want) {
			t.Errorf("pieces %q, want %q", got[0].Pieces, want)
		}
		if !strings.Contains(out, `"<s>"`) || !strings.Contains(out, `"ids":[],"pieces":[]`) {
			t.Errorf("want < as it is and empty lists as lists: %s", out)
		}
	}
}

func TestTokenizeText(t *testing.T) {
	model := tinymodel.Folder(t)
	if got, want := ok(t, "the of\n", "tokenize", "--model", model), "260:\"the\" 262:\"Ġof\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	literal := decodeLines[tokenized](t, ok(t, `"<s>"`, "tokenize", "--model", model, "--json", "--literal"))
	if len(literal) != 1 || len(literal[0].IDs) != 3 {
		t.Errorf("--literal: got %v, want a token a letter", literal)
	}
}

func TestTokenizeBadInput(t *testing.T) {
	model := tinymodel.Folder(t)
	for _, c := range []struct{ name, in, want string }{
		{"no JSON", "\"a\"\nhello\n", "line 2: want a JSON string"},
		{"a number", "5\n", "line 1: want a JSON string"},
		{"invalid UTF-8", "\"a\xff\"\n", "line 1: is not valid UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errOut := vitrine(t.Context(), c.in, "tokenize", "--model", model, "--json")
			if status != exitFailed || !strings.Contains(errOut, c.want) {
				t.Errorf("exit status %d, said %q, want %q", status, errOut, c.want)
			}
		})
	}
	status, _, errOut := vitrine(t.Context(), "", "tokenize", "--tokenizer", filepath.Join(model, "config.json"))
	if status != exitFailed || !strings.Contains(errOut, "config.json") {
		t.Errorf("a file that is no tokenizer: exit status %d, said %q", status, errOut)
	}
}

func TestGenerate(t *testing.T) {
	model := tinymodel.Folder(t)
	var reference struct {
		IDs    []int32 `json:"ids"`
		Greedy []int32 `json:"greedy_ids"`
	}
	body, err := os.ReadFile(filepath.Join(tinymodel.Source(t), "inputs.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &reference); err != nil {
		t.Fatal(err)
	}
	n := slices.Index(reference.Greedy, tinymodel.EOS) // transformers ran past it
	for _, backend := range []string{"ref", "cpu", "cpu --tensor-parallel-size 2"} {
		run := append([]string{"generate", "--model", model, "--ids", join(reference.IDs), "--backend"}, strings.Fields(backend)...)
		got := decodeLines[generated](t, ok(t, "", append(run,
			"--max-tokens", strconv.Itoa(len(reference.Greedy)), "--temperature", "0", "--json", "--logprobs", "3")...))[0]
		if !slices.Equal(got.IDs, reference.Greedy[:n+1]) || got.FinishReason != "stop" {
			t.Errorf("%s: got %v %s, want %v stop", backend, got.IDs, got.FinishReason, reference.Greedy[:n+1])
		}
		if !slices.Equal(got.PromptIDs, reference.IDs) || len(got.LogProbs) != len(got.IDs) || len(got.TopLogProbs) != len(got.IDs) {
			t.Errorf("%s: %d prompt ids, %d logprobs, %d top_logprobs", backend, len(got.PromptIDs), len(got.LogProbs), len(got.TopLogProbs))
		}
		for i, top := range got.TopLogProbs {
			if len(top) != 3 || top[0].ID != got.IDs[i] || top[0].LogProb != got.LogProbs[i] || top[0].Rank != 1 {
				t.Errorf("%s: token %d is %d (%v), the likeliest are %v", backend, i, got.IDs[i], got.LogProbs[i], top)
			}
		}
		past := decodeLines[generated](t, ok(t, "", append(run,
			"--max-tokens", strconv.Itoa(len(reference.Greedy)), "--temperature", "0", "--json", "--ignore-eos")...))[0]
		if !slices.Equal(past.IDs, reference.Greedy) || past.FinishReason != "length" {
			t.Errorf("%s with --ignore-eos: got %v %s, want %v length", backend, past.IDs, past.FinishReason, reference.Greedy)
		}
	}
}

// TestGenerateFlags shows that each sampling flag reaches the sampler.
func TestGenerateFlags(t *testing.T) {
	model := tinymodel.Folder(t)
	generate := func(flags ...string) generated {
		t.Helper()
		args := append([]string{"generate", "--model", model, "--prompt", "the of", "--max-tokens", "12", "--seed", "7", "--ignore-eos", "--json"}, flags...)
		return decodeLines[generated](t, ok(t, "", args...))[0]
	}
	base := generate()
	if again := generate(); !slices.Equal(base.IDs, again.IDs) || base.Seed != 7 {
		t.Errorf("the same seed gave %v and %v", base.IDs, again.IDs)
	}
	if want := []int32{tinymodel.The, tinymodel.SpaceOf}; !slices.Equal(base.PromptIDs, want) {
		t.Errorf("prompt %v, want %v", base.PromptIDs, want)
	}
	first := base.IDs[0]
	for _, c := range []struct {
		flags string
		holds func(g generated) bool
	}{
		{"--seed 8", func(g generated) bool { return !slices.Equal(g.IDs, base.IDs) && g.Seed == 8 }},
		{"--temperature 5", func(g generated) bool { return !slices.Equal(g.IDs, base.IDs) }},
		{"--top-k 1", func(g generated) bool { return slices.Equal(g.IDs, generate("--temperature", "0").IDs) }},
		{"--top-p 0.0001", func(g generated) bool { return slices.Equal(g.IDs, generate("--temperature", "0").IDs) }},
		{"--min-p 1", func(g generated) bool { return slices.Equal(g.IDs, generate("--temperature", "0").IDs) }},
		{"--allowed-token-ids 70,71", func(g generated) bool {
			return !slices.ContainsFunc(g.IDs, func(id int32) bool { return id != 70 && id != 71 })
		}},
		{"--logit-bias 70=100", func(g generated) bool { return slices.Equal(g.IDs, slices.Repeat([]int32{70}, 12)) }},
		{"--logit-bias 70=100 --bad-words C", func(g generated) bool { return !slices.Contains(g.IDs, 70) }},
		{"--logit-bias 70=90,71=90,72=90 --presence-penalty 2 --frequency-penalty 2 --temperature 0", func(g generated) bool {
			return slices.Contains(g.IDs, 70) && slices.Contains(g.IDs, 71) && slices.Contains(g.IDs, 72)
		}},
		{"--repetition-penalty 100 --temperature 0", func(g generated) bool { return !slices.Equal(g.IDs, generate("--temperature", "0").IDs) }},
		{"--stop-token-ids " + strconv.Itoa(int(first)), func(g generated) bool { return len(g.IDs) == 1 && g.FinishReason == "stop" }},
		{"--min-tokens 5 --stop-token-ids " + strconv.Itoa(int(first)), func(g generated) bool { return len(g.IDs) > 5 && g.IDs[0] != first }},
		{"--logit-bias 70=100 --stop CCC", func(g generated) bool { return g.Text == "" && len(g.IDs) == 3 && g.FinishReason == "stop" }},
		{"--logit-bias 70=100 --stop CCC --include-stop-str-in-output", func(g generated) bool { return g.Text == "CCC" }},
		{"--logit-bias 1=100", func(g generated) bool { return g.Text == "" && len(g.IDs) == 12 }},
		{"--logit-bias 1=100 --no-skip-special-tokens", func(g generated) bool { return g.Text == strings.Repeat("<s>", 12) }},
		{"--max-tokens 3", func(g generated) bool { return len(g.IDs) == 3 && g.FinishReason == "length" }},
		{"--block-size 3 --max-num-batched-tokens 2 --num-speculative-tokens 4", func(g generated) bool { return slices.Equal(g.IDs, base.IDs) }},
		{"--max-model-len 5", func(g generated) bool { return slices.Equal(g.IDs, base.IDs[:3]) && g.FinishReason == "length" }},
		{"--logprobs -1", func(g generated) bool { return len(g.TopLogProbs[0]) == 320 }},
		{"--top-p 0.5 --temperature 3 --order llamacpp", func(g generated) bool {
			return !slices.Equal(g.IDs, generate("--top-p", "0.5", "--temperature", "3").IDs)
		}},
	} {
		t.Run(c.flags, func(t *testing.T) {
			if g := generate(strings.Fields(c.flags)...); !c.holds(g) {
				t.Errorf("got %v %q %s", g.IDs, g.Text, g.FinishReason)
			}
		})
	}
}

// Each output of --n is what its seed says alone, and the first stays where
// readers of a single one look for it.
func TestGenerateSeveral(t *testing.T) {
	model := tinymodel.Folder(t)
	args := []string{"generate", "--model", model, "--prompt", "the of", "--max-tokens", "12"}
	run := func(flags ...string) string { return ok(t, "", append(slices.Clone(args), flags...)...) }
	got := decodeLines[generated](t, run("--json", "--n", "3", "--seed", "7", "--logprobs", "2"))[0]
	if len(got.Outputs) != 3 || !reflect.DeepEqual(got.output, got.Outputs[0].output) {
		t.Fatalf("got %+v, want three outputs and the first one's fields", got)
	}
	var plain strings.Builder
	for i, o := range got.Outputs {
		seed := strconv.Itoa(7 + i)
		want := decodeLines[generated](t, run("--json", "--seed", seed, "--logprobs", "2"))[0]
		if o.Index != i || !reflect.DeepEqual(o.output, want.output) || want.Outputs != nil {
			t.Errorf("output %d is %+v, alone it is %+v", i, o, want)
		}
		fmt.Fprintf(&plain, "--- %d of 3, seed %s ---\n%s\n", i+1, seed, o.Text)
	}
	if text := run("--n", "3", "--seed", "7"); text != plain.String() {
		t.Errorf("without --json it says\n%s\nwant\n%s", text, plain.String())
	}
}

// --prompt-logprobs tells of each token of the prompt what trace's logits say.
func TestGeneratePromptLogProbs(t *testing.T) {
	model := tinymodel.Folder(t)
	ids := []int32{5, 71, 3, 300, 12}
	got := decodeLines[generated](t, ok(t, "", "generate", "--model", model, "--ids", join(ids), "--max-tokens", "1", "--json", "--prompt-logprobs", "2"))[0]
	path := filepath.Join(t.TempDir(), "t.safetensors")
	ok(t, "", "trace", "--model", model, "--ids", join(ids), "--out", path)
	logits := modeltest.Tensors(t, path)["logits"]
	if len(got.PromptLogProbs) != len(ids) || got.PromptLogProbs[0] != nil {
		t.Fatalf("%d entries for %d tokens, the first is %v, want null", len(got.PromptLogProbs), len(ids), got.PromptLogProbs[0])
	}
	for i, p := range got.PromptLogProbs[1:] {
		row := logits[i*320 : (i+1)*320]
		sum := 0.0
		for _, z := range row {
			sum += math.Exp(float64(z))
		}
		want := float64(row[ids[i+1]]) - math.Log(sum)
		best := int32(slices.Index(row, slices.Max(row)))
		if p.ID != ids[i+1] || math.Abs(float64(p.LogProb)-want) > 1e-5 || len(p.Top) != 2 || p.Top[0].ID != best || p.Top[0].Rank != 1 {
			t.Errorf("token %d is told as %+v, want %d with %v and %d as the likeliest", i+1, p, ids[i+1], want, best)
		}
	}
	without := ok(t, "", "generate", "--model", model, "--ids", join(ids), "--max-tokens", "1", "--json")
	if strings.Contains(without, "prompt_logprobs") || strings.Contains(without, "outputs") {
		t.Errorf("nobody asked, and the JSON has %s", without)
	}
}

func TestGenerateRefuses(t *testing.T) {
	model := tinymodel.Folder(t)
	for _, c := range []struct {
		in, args, want string
	}{
		{"", "--ids 1 --temperature NaN", "--temperature: got NaN, want a finite number"},
		{"", "--ids 1 --temperature -1", "--temperature: got -1"},
		{"", "--ids 1 --top-p 0", "--top-p: got 0, want more than 0"},
		{"", "--ids 1 --min-p Inf", "--min-p: got +Inf"},
		{"", "--ids 1 --presence-penalty 3", "--presence-penalty: got 3, want -2 to 2"},
		{"", "--ids 1 --max-tokens 0", "--max-tokens: got 0"},
		{"", "--ids 1 --min-tokens 99", "--min-tokens: got 99"},
		{"a\xff", "--chat -", "--chat: byte 1 (0xff) is not valid UTF-8"},
		{"a", "--chat - --system \xfe", "--system: byte 0 (0xfe) is not valid UTF-8"},
		{"", "--ids 1 --n 0", "--n: got 0, want 1 to 128"},
		{"", "--ids 1 --n 129", "--n: got 129, want 1 to 128"},
		{"", "--ids 1 --n 2 --temperature 0", "--n: got 2, want 1 with temperature 0"},
		{"", "--ids 1 --json --prompt-logprobs -2", "--prompt-logprobs: got -2, want -1 (all) to 320"},
		{"", "--ids 1 --json --logprobs 321", "--logprobs: got 321, want -1 (all) to 320"},
		{"", "--ids 1 --prompt-logprobs 3", "--prompt-logprobs goes with --json only"},
		{"", "--ids 1 --logprobs 3", "--logprobs goes with --json only"},
		{"", "--ids 1 --stop-token-ids 320", "--stop-token-ids [0]: got 320, want a token id in [0, 320)"},
		{"", "--ids 1,320", "has token 320 at 1, want 0 to 319"},
		{"", "--ids -1", "has token -1"},
		{"", "--prompt -", "want at least one token"},
		{strings.Repeat("a", 2_000_000), "--prompt -", "is 2000000 tokens long, want fewer than the context of 256"},
		{"", "--ids 1 --threads 9999", "--threads: got 9999, want 0"},
		{"", "--ids 1 --tensor-parallel-size 0", "--tensor-parallel-size: got 0, want at least 1"},
		{"", "--ids 1 --tensor-parallel-size 999", "--tensor-parallel-size: got 999, want 1 to 256"},
		{"", "--ids 1 --tensor-parallel-size 3", "--tensor-parallel-size: got 3, want 1 to 2: each rank needs whole KV heads, and there are 2"},
		{"", "--ids 1 --bad-words=", `--bad-words [0]: is "", want a word`},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errOut := vitrine(t.Context(), c.in, append([]string{"generate", "--model", model}, strings.Fields(c.args)...)...)
			if status != exitUsage || !strings.Contains(errOut, c.want) || out != "" {
				t.Errorf("exit status %d, said %q, want %q", status, errOut, c.want)
			}
		})
	}
}

func TestChat(t *testing.T) {
	model := tinymodel.Folder(t)
	g := decodeLines[generated](t, ok(t, "the", "generate", "--model", model, "--system", "of", "--chat", "-", "--max-tokens", "1", "--json"))[0]
	want := decodeLines[tokenized](t, ok(t, `"<s>system: of\nuser: the\nassistant: "`, "tokenize", "--model", model, "--json"))[0]
	if !slices.Equal(g.PromptIDs, want.IDs) {
		t.Errorf("prompt %v, want %v", g.PromptIDs, want.IDs)
	}
	// Without a template --chat is refused in words.
	if err := os.Remove(filepath.Join(model, "tokenizer_config.json")); err != nil {
		t.Fatal(err)
	}
	status, _, errOut := vitrine(t.Context(), "", "generate", "--model", model, "--chat", "hello")
	if status == exitOK || !strings.Contains(errOut, "--chat") || !strings.Contains(errOut, "--prompt") {
		t.Errorf("exit status %d, said %q", status, errOut)
	}
}

func TestTrace(t *testing.T) {
	model, source := tinymodel.Folder(t), tinymodel.Source(t)
	expected, err := safetensors.Open(filepath.Join(source, "expected.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer expected.Close()
	var input struct {
		IDs []int32 `json:"ids"`
	}
	body, err := os.ReadFile(filepath.Join(source, "inputs.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &input); err != nil {
		t.Fatal(err)
	}
	// cpu keeps keys and values in float16.
	for backend, within := range map[string]float64{"ref": 1e-4, "cpu": 1e-2} {
		out := filepath.Join(t.TempDir(), "trace.safetensors")
		ok(t, "", "trace", "--model", model, "--backend", backend, "--ids", join(input.IDs), "--out", out)
		got, err := safetensors.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range expected.Tensors {
			tensor, found := got.Tensor(want.Name)
			if !found {
				t.Errorf("%s: %s is missing", backend, want.Name)
				continue
			}
			if e := relativeRMS(t, tensor, &want); !(e < within) {
				t.Errorf("%s: %s is off by %g, want less than %g", backend, want.Name, e, within)
			}
		}
		if err := got.Close(); err != nil {
			t.Error(err)
		}
	}
	status, _, errOut := vitrine(t.Context(), "", "trace", "--model", model, "--ids", "1", "--out", filepath.Join(t.TempDir(), "no/such/folder"))
	if status != exitFailed || !strings.Contains(errOut, "no/such") {
		t.Errorf("exit status %d, said %q", status, errOut)
	}
}

// relativeRMS returns ‖got − want‖ / ‖want‖, or +Inf for other shapes.
func relativeRMS(t *testing.T, got, want *safetensors.Tensor) float64 {
	t.Helper()
	n := 1
	for _, d := range want.Shape {
		n *= d
	}
	if len(got.Data) != 4*n {
		return math.Inf(1)
	}
	a, b := make([]float32, n), make([]float32, n)
	for _, x := range []struct {
		t   *safetensors.Tensor
		dst []float32
	}{{got, a}, {want, b}} {
		if err := x.t.Float32(x.dst); err != nil {
			t.Fatal(err)
		}
	}
	var diff, norm float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		diff, norm = diff+d*d, norm+float64(b[i])*float64(b[i])
	}
	return math.Sqrt(diff / norm)
}

// TestHalfAModel cuts each file of a model in half: the error names the file,
// and the folder is as it was.
func TestHalfAModel(t *testing.T) {
	refused := func(model, name string) {
		t.Helper()
		status, out, errOut := vitrine(t.Context(), "", "generate", "--model", model, "--ids", "1", "--max-tokens", "1")
		if status != exitFailed || out != "" || !strings.Contains(errOut, name) || len(errOut) > 1000 {
			t.Errorf("half of %s: exit status %d, wrote %q, said %q", name, status, out, errOut)
		}
	}
	entries, err := os.ReadDir(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		folder := tinymodel.Folder(t)
		path := filepath.Join(folder, entry.Name())
		if err := os.Truncate(path, size(t, path)/2); err != nil {
			t.Fatal(err)
		}
		refused(folder, entry.Name())
	}
	whole := modeltest.SmolLM2(t)
	body, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.gguf")
	if err := os.WriteFile(half, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{len(body) - 1, len(body) / 2, len(body) / 1000, 3, 0} {
		if err := os.Truncate(half, int64(n)); err != nil {
			t.Fatal(err)
		}
		refused(half, "half.gguf")
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestInterrupted cancels commands as a signal does, with a cause.
func TestInterrupted(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	t.Setenv("VITRINE_CACHE", t.TempDir())
	t.Setenv("VITRINE_SOURCES", "hub")
	t.Setenv("VITRINE_HUB", silent.URL)
	for _, args := range [][]string{
		{"bench", "--model", tinymodel.Folder(t), "--batch", "16", "--prompt-tokens", "200", "--output-tokens", "50", "--repeat", "1000"},
		{"pull"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(300*time.Millisecond, func() { cancel(errors.New("a signal came")) })
		start := time.Now()
		status, out, errOut := vitrine(ctx, "", args...)
		if status != exitInterrupted || !strings.Contains(errOut, "interrupted") {
			t.Errorf("%s: exit status %d, said %q", args[0], status, errOut)
		}
		if args[0] == "pull" && out != "" {
			t.Errorf("pull wrote %q", out)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s ended after %v", args[0], took)
		}
	}
}

// TestPullTellsWhatWasTried asks a hub that has nothing.
func TestPullTellsWhatWasTried(t *testing.T) {
	empty := httptest.NewServer(http.NotFoundHandler())
	defer empty.Close()
	t.Setenv("VITRINE_CACHE", t.TempDir())
	t.Setenv("VITRINE_SOURCES", "hub")
	t.Setenv("VITRINE_HUB", empty.URL)
	status, out, errOut := vitrine(t.Context(), "", "pull")
	if status != exitFailed || out != "" || !strings.Contains(errOut, empty.URL) || !strings.Contains(errOut, "no such file") {
		t.Errorf("exit status %d, wrote %q, said %q", status, out, errOut)
	}
}

func TestPullOfWhatIsThere(t *testing.T) {
	model := tinymodel.Folder(t)
	if got := ok(t, "", "pull", model); got != model+"\n" {
		t.Errorf("got %q, want the path", got)
	}
	file := filepath.Join(t.TempDir(), "a.gguf")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := decodeLines[pulled](t, ok(t, "", "pull", file, "--json"))
	if want := (pulled{"a", file, 5}); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestModels(t *testing.T) {
	t.Setenv("VITRINE_CACHE", t.TempDir())
	models := decodeLines[hub.Model](t, ok(t, "", "models", "--json"))
	known := slices.IndexFunc(models, func(m hub.Model) bool { return m.Name == hub.Default })
	if known < 0 || models[known].Cached || models[known].SHA256 == "" {
		t.Fatalf("the default model is not told: %+v", models)
	}
	table := ok(t, "", "models")
	for _, m := range models {
		if !strings.Contains(table, m.Name) || !strings.Contains(table, m.GoodFor.En) {
			t.Errorf("%s is not in the table", m.Name)
		}
	}
}

// TestRealModel holds the commands to transformers' text with the default model.
func TestRealModel(t *testing.T) {
	model := modeltest.SmolLM2(t)
	body, err := os.ReadFile("../engine/testdata/smollm2/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		IDs    []int32   `json:"ids"`
		Greedy []int32   `json:"greedy_ids"`
		Margin []float64 `json:"greedy_margin"`
	}
	if err := json.Unmarshal(body, &golden); err != nil {
		t.Fatal(err)
	}
	want, found := golden["gravity"]
	if !found {
		t.Fatal("the reference lacks the prompt gravity")
	}
	const n = 12
	g := decodeLines[generated](t, ok(t, "", "generate", "--model", model, "--chat", "What is gravity?", "--max-tokens", strconv.Itoa(n), "--temperature", "0", "--json"))[0]
	if !slices.Equal(g.PromptIDs, want.IDs) {
		t.Errorf("prompt %v, want %v", g.PromptIDs, want.IDs)
	}
	for i, id := range g.IDs {
		if id != want.Greedy[i] {
			if want.Margin[i] > 0.5 {
				t.Errorf("token %d is %d, want %d by a margin of %g", i, id, want.Greedy[i], want.Margin[i])
			}
			break
		}
	}
	if !strings.HasPrefix(g.Text, "Gravity is") {
		t.Errorf("text %q", g.Text)
	}
}

func join(ids []int32) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = strconv.Itoa(int(id))
	}
	return strings.Join(parts, ",")
}
