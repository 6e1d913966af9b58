package serving

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the workloads' files anew")

// chatService are the lengths of the mixed workload, before they are halved.
//
// Means: 161.31 tokens a prompt and 337.99 an answer, those of ShareGPT's
// conversations in Kwon et al. 2023, "Efficient Memory Management for Large
// Language Model Serving with PagedAttention", figure 11. Shapes: answers are
// exponential, prompts log-normal, as Xiang et al. 2025, "ServeGen", found of a
// large service's chats; its log-normal is mixed with a Pareto tail, of which
// only the cut below remains. Cuts: those of vLLM's sampler of ShareGPT, at
// least 4 tokens of each, prompts of at most 1024, 2048 in all.
var chatService = struct{ prompt, promptSigma, output, least, longest, together float64 }{161.31, 1, 337.99, 4, 1024, 2048}

// mixed draws the mixed workload.
func mixed() *Workload {
	w := &Workload{
		Name:        "mixed",
		Description: "128 requests of a chat service, all lengths halved so that a model of 135M parameters on two cores takes about half a minute for them",
		Source: "Means of ShareGPT's conversations in Kwon et al. 2023 (PagedAttention), figure 11: 161.31 tokens a prompt, 337.99 an answer. " +
			"Shapes after Xiang et al. 2025 (ServeGen): log-normal prompts (sigma 1, our choice), exponential answers. " +
			"Cuts of vLLM's ShareGPT sampler: at least 4 tokens each, prompts up to 1024, 2048 together. Poisson arrivals.",
		Seed: 1, MaxModelLen: 1024,
	}
	random := rand.New(rand.NewPCG(w.Seed, math.MaxUint64))
	c := chatService
	arrival := 0.0
	for len(w.Requests) < 128 {
		// The mean of a log-normal is e^(mu + sigma²/2).
		prompt := math.Exp(math.Log(c.prompt) - c.promptSigma*c.promptSigma/2 + c.promptSigma*random.NormFloat64())
		output := c.output * random.ExpFloat64()
		if prompt < c.least || output < c.least || prompt > c.longest || prompt+output > c.together {
			continue // as vLLM's sampler leaves out what does not fit
		}
		w.Requests = append(w.Requests, Request{round(arrival), int(math.Round(prompt / 2)), int(math.Round(output / 2))})
		arrival += random.ExpFloat64()
	}
	return w
}

// sharedPrompt draws the workload of short questions behind one system prompt.
func sharedPrompt() *Workload {
	w := &Workload{
		Name:        "shared-prompt",
		Description: "64 short questions behind one system prompt of 512 tokens, as of an assistant with instructions and examples",
		Source: "Made up: a system prompt of 512 tokens, questions uniform from 8 to 32 tokens, answers from 16 to 48. " +
			"What is compared is the work on the prompts, so the answers are short. Poisson arrivals.",
		Seed: 2, MaxModelLen: 1024, SharedTokens: 512,
	}
	random := rand.New(rand.NewPCG(w.Seed, math.MaxUint64))
	arrival := 0.0
	for len(w.Requests) < 64 {
		w.Requests = append(w.Requests, Request{round(arrival), 8 + random.IntN(25), 16 + random.IntN(33)})
		arrival += random.ExpFloat64()
	}
	return w
}

// round keeps a thousandth of an arrival.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// encode writes a workload with one request a line.
func encode(t *testing.T, w *Workload) []byte {
	t.Helper()
	head := *w
	head.Requests = nil
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", " ")
	if err := e.Encode(head); err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(w.Requests))
	for i, r := range w.Requests {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = "  " + string(line)
	}
	list := "\"requests\": [\n" + strings.Join(lines, ",\n") + "\n ]"
	return bytes.Replace(text.Bytes(), []byte(`"requests": null`), []byte(list), 1)
}

// The files are what their distributions and seeds give.
func TestWorkloadsAreDrawnFromTheirSources(t *testing.T) {
	for _, w := range []*Workload{mixed(), sharedPrompt()} {
		name := filepath.Join("workloads", w.Name+".json")
		want := encode(t, w)
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its seed gives; -update writes it anew", name)
		}
	}
}

// What was drawn has the means that it should have, as far as 128 requests go:
// the standard error of the answers' mean is a tenth of it.
func TestMixedWorkloadHasTheMeans(t *testing.T) {
	w, err := Open("mixed")
	if err != nil {
		t.Fatal(err)
	}
	n := float64(len(w.Requests))
	if mean := 2 * float64(w.PromptTokens()) / n; math.Abs(mean/chatService.prompt-1) > 0.25 {
		t.Errorf("prompts of %.1f tokens in the mean, want about %g", mean, chatService.prompt)
	}
	if mean := 2 * float64(w.OutputTokens()) / n; math.Abs(mean/chatService.output-1) > 0.2 {
		t.Errorf("answers of %.1f tokens in the mean, want about %g", mean, chatService.output)
	}
	if mean := w.Requests[len(w.Requests)-1].Arrival / (n - 1); math.Abs(mean-1) > 0.2 {
		t.Errorf("%.2f between two arrivals in the mean, want about 1", mean)
	}
}

func TestOpen(t *testing.T) {
	for _, name := range Names {
		if w, err := Open(name); err != nil || w.Name != name {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
	}
	file := filepath.Join(t.TempDir(), "mine.json")
	if err := os.WriteFile(file, []byte(valid), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err := Open(file); err != nil || w.Name != "w" || len(w.Requests) != 2 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := Open("mixd"); err == nil || !strings.Contains(err.Error(), "want mixed or shared-prompt") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := Open(file + ".json"); err == nil {
		t.Error("a file that is not there is read")
	}
}

const valid = `{"name": "w", "seed": 7, "max_model_len": 20, "shared_tokens": 4, "requests": [
	{"arrival": 0, "prompt_tokens": 3, "output_tokens": 5}, {"arrival": 1.5, "prompt_tokens": 10, "output_tokens": 6}]}`

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"name": "w"`, `"name": ""`, "name: is empty"},
		{`"seed": 7`, `"seed": 7, "speed": 1`, "speed"},
		{`"max_model_len": 20`, `"max_model_len": 1`, "max_model_len: got 1"},
		{`"max_model_len": 20`, `"max_model_len": 19`, "requests[1]: got 20 tokens together, want at most max_model_len, which is 19"},
		{`"max_model_len": 20`, `"max_model_len": 9000000000`, "max_model_len: got 9000000000"},
		{`"shared_tokens": 4`, `"shared_tokens": -1`, "shared_tokens: got -1"},
		{`"shared_tokens": 4`, `"shared_tokens": 20`, "shared_tokens: got 20"},
		{`"arrival": 1.5`, `"arrival": -1`, "requests[1].arrival: got -1, want 0"},
		{`"arrival": 1.5`, `"arrival": 1e300`, "requests[1].arrival"},
		{`"prompt_tokens": 3`, `"prompt_tokens": -3`, "requests[0].prompt_tokens: got -3"},
		{`"prompt_tokens": 3`, `"prompt_tokens": 9223372036854775807`, "requests[0].prompt_tokens"},
		{`"output_tokens": 6`, `"output_tokens": 0`, "requests[1].output_tokens: got 0"},
		{`"output_tokens": 6`, `"output_tokens": 9223372036854775807`, "requests[1].output_tokens"},
		{`}]}`, `}]} {}`, "nothing behind it"},
		{`"seed": 7`, `"seed": "7"`, "want a workload as JSON"},
	} {
		text := strings.Replace(valid, c.old, c.new, 1)
		if text == valid {
			t.Fatalf("%s is not in the workload", c.old)
		}
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
	if _, err := Read(strings.NewReader(`{"name":"w","max_model_len":9,"requests":[]}`)); err == nil || !strings.Contains(err.Error(), "requests: got 0") {
		t.Errorf("no requests: %v", err)
	}
	if _, err := Read(strings.NewReader(strings.Repeat(" ", maxFileBytes+1))); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too many bytes: %v", err)
	}
}

// Whatever is read is refused, or can be sent: its prompts are drawn without a
// panic and are as long as they say.
func FuzzRead(f *testing.F) {
	f.Add([]byte(valid))
	for _, name := range Names {
		body, err := files.ReadFile("workloads/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := Read(bytes.NewReader(body))
		if err != nil || w.PromptTokens() > 1<<16 {
			return
		}
		for i, ids := range w.Prompts(3) {
			if len(ids) != w.SharedTokens+w.Requests[i].Prompt || len(ids) == 0 {
				t.Fatalf("prompt %d has %d tokens", i, len(ids))
			}
		}
	})
}

func TestPrompts(t *testing.T) {
	w, err := Read(strings.NewReader(valid))
	if err != nil {
		t.Fatal(err)
	}
	prompts := w.Prompts(1000)
	if len(prompts) != 2 || len(prompts[0]) != 7 || len(prompts[1]) != 14 || !slices.Equal(prompts[0][:4], prompts[1][:4]) || slices.Equal(prompts[0][4:], prompts[1][4:7]) {
		t.Errorf("%v", prompts)
	}
	if again := w.Prompts(1000); fmt.Sprint(again) != fmt.Sprint(prompts) {
		t.Errorf("%v, and then %v", prompts, again)
	}
	if n := w.PromptTokens(); n != 21 {
		t.Errorf("%d prompt tokens, want 21", n)
	}
	if n := w.OutputTokens(); n != 11 {
		t.Errorf("%d output tokens, want 11", n)
	}
	if one := w.Head(1); len(one.Requests) != 1 || len(w.Requests) != 2 || w.Head(0) != w || w.Head(3) != w {
		t.Errorf("the first alone: %+v", one)
	}
}
