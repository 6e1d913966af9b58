package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/engine/modeltest"
	"vitrine/engine/modeltest/tinymodel"
)

func TestPerplexity(t *testing.T) {
	model := tinymodel.Folder(t)
	args := []string{"perplexity", "--model", model, "--backend", "ref", "--context", "32", "--chunks", "3"}
	got := decodeLines[measuredPerplexity](t, ok(t, "", append(args, "--json")...))[0]
	// 320 random tokens, predicted by random weights.
	if got.Scored != 3*15 || got.Chunks != 3 || got.Context != 32 || !(got.Value > 100 && got.Value < 1000) || !(got.Error > 0) {
		t.Errorf("%+v", got)
	}
	if got.Text != "King James Version" || got.Backend != "ref" || got.Tokens < len(kingJames)/3 {
		t.Errorf("%+v", got)
	}
	file := filepath.Join(t.TempDir(), "same.txt")
	if err := os.WriteFile(file, []byte(kingJames), 0o600); err != nil {
		t.Fatal(err)
	}
	same := decodeLines[measuredPerplexity](t, ok(t, "", append(args, "--json", "--file", file)...))[0]
	if same.Perplexity != got.Perplexity || same.Text != file {
		t.Errorf("the same text in a file: %+v, want %+v", same, got)
	}
	if out := ok(t, "", args...); !strings.HasPrefix(out, "perplexity ") || !strings.Contains(out, "45 tokens scored in 3 chunks of 32") {
		t.Errorf("said %q", out)
	}
}

func TestPerplexityRefuses(t *testing.T) {
	model := tinymodel.Folder(t)
	short := filepath.Join(t.TempDir(), "short.txt")
	if err := os.WriteFile(short, []byte("the of\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--context", "1000"}, "want 8 to the model's context of 256"},
		{[]string{"--chunks", "-1"}, "chunks: are -1"},
		{[]string{"--file", short}, "text: has 2 tokens, want at least two chunks of 256"},
		{[]string{"--file", filepath.Join(model, "none.txt")}, "--file"},
	} {
		status, out, errOut := vitrine(t.Context(), "", append([]string{"perplexity", "--model", model}, c.args...)...)
		if status != exitUsage || out != "" || !strings.Contains(errOut, c.want) {
			t.Errorf("%q: exit status %d, %q, said %q, want %q", c.args, status, out, errOut, c.want)
		}
	}
}

// The perplexity of the real model on the first 256 tokens of the text is that of the
// backend ref, and within 0.5 % of what llama.cpp's llama-perplexity (native build of 0c1e570, -c 64
// --chunks 4, September 2026) says of the file as it is, whose products it computes with
// activations rounded to 8 bits. Of the same weights in float32 (quantize --type
// f32) it says 19.7980.
func TestPerplexityOfRealModel(t *testing.T) {
	const ref, llamaCpp = 19.798271, 19.729
	got := decodeLines[measuredPerplexity](t, ok(t, "", "perplexity", "--model", modeltest.SmolLM2(t), "--context", "64", "--chunks", "4", "--json"))[0]
	if !(math.Abs(got.Value/ref-1) <= 0.0005) || !(math.Abs(got.Value/llamaCpp-1) <= 0.005) || got.Scored != 4*31 {
		t.Errorf("%+v, want a perplexity of %g within 0.05 %%, and of %g within 0.5 %%", got, ref, llamaCpp)
	}
}

func TestQuantizeCommand(t *testing.T) {
	path := modeltest.SmolLM2(t)
	out := filepath.Join(t.TempDir(), "q8.gguf")
	ok(t, "", "quantize", "--model", path, "--type", "Q8_0", out)
	args := []string{"perplexity", "--context", "32", "--chunks", "1", "--json", "--model"}
	before := decodeLines[measuredPerplexity](t, ok(t, "", append(args, path)...))[0]
	after := decodeLines[measuredPerplexity](t, ok(t, "", append(args, out)...))[0]
	// Q4_1's sixteen levels a block lie almost on Q8_0's 255.
	if before.Quantization != "Q4_1" || after.Quantization != "Q8_0" || !(math.Abs(after.Value/before.Value-1) < 0.02) {
		t.Errorf("%+v became %+v", before, after)
	}
}
