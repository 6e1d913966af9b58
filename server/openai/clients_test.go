package openai

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	official "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vitrine/engine"
)

// TestGoClient asks with OpenAI's own library.
func TestGoClient(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	client := official.NewClient(option.WithBaseURL(f.url+"/v1"), option.WithAPIKey("unused"), option.WithMaxRetries(0))
	models, err := client.Models.List(t.Context())
	if err != nil || len(models.Data) != 1 || models.Data[0].ID != "tiny" {
		t.Fatalf("models %v, %v", models, err)
	}
	params := official.ChatCompletionNewParams{
		Model:               "tiny",
		Messages:            []official.ChatCompletionMessageParamUnion{official.SystemMessage("be"), official.UserMessage("the of")},
		MaxCompletionTokens: official.Int(8), Temperature: official.Float(0.7), Seed: official.Int(11), N: official.Int(2),
		Logprobs: official.Bool(true), TopLogprobs: official.Int(2),
	}
	whole, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Choices) != 2 || whole.Usage.PromptTokens == 0 || len(whole.Choices[1].Logprobs.Content) == 0 {
		t.Errorf("got %s", whole.RawJSON())
	}
	params.StreamOptions.IncludeUsage = official.Bool(true)
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	var all official.ChatCompletionAccumulator
	for stream.Next() {
		if !all.AddChunk(stream.Current()) {
			t.Errorf("the chunk does not fit: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	for i, c := range whole.Choices {
		if got := all.Choices[i]; got.Message.Content != c.Message.Content || got.FinishReason != c.FinishReason {
			t.Errorf("choice %d: streamed %q %s, whole %q %s", i, got.Message.Content, got.FinishReason, c.Message.Content, c.FinishReason)
		}
	}
	if all.Usage.TotalTokens != whole.Usage.TotalTokens {
		t.Errorf("usage %d streamed, %d whole", all.Usage.TotalTokens, whole.Usage.TotalTokens)
	}
	text, err := client.Completions.New(t.Context(), official.CompletionNewParams{
		Model: "tiny", Prompt: official.CompletionNewParamsPromptUnion{OfString: official.String("the of")},
		Echo: official.Bool(true), Logprobs: official.Int(1), MaxTokens: official.Int(2),
	})
	if err != nil || !strings.HasPrefix(text.Choices[0].Text, "the of") || len(text.Choices[0].Logprobs.Tokens) < 3 {
		t.Errorf("completion %v, %v", text, err)
	}
	params.Temperature, params.StreamOptions = official.Float(-1), official.ChatCompletionStreamOptionsParam{}
	_, err = client.Chat.Completions.New(t.Context(), params)
	refused, ok := err.(*official.Error)
	if !ok || refused.StatusCode != 400 || refused.Param != "temperature" || refused.Type != invalidRequest || refused.Message == "" {
		t.Errorf("a bad temperature: %v %+v", err, refused)
	}
}

// pythonWithOpenAI is a Python that has OpenAI's library: what
// VITRINE_TEST_PYTHON names, which .ci/run makes, or the one of the path.
func pythonWithOpenAI(t *testing.T) string {
	t.Helper()
	python := os.Getenv("VITRINE_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import openai").CombinedOutput(); err != nil {
		const hint = "no Python with the package openai: make a virtual environment with it and let VITRINE_TEST_PYTHON name its python"
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: %v: %s", hint, err, out)
		}
		t.Skip(hint)
	}
	return python
}

// TestPythonClient runs testdata/client.py, which asks with OpenAI's own
// library and tells what it saw as JSON.
func TestPythonClient(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	cmd := exec.CommandContext(t.Context(), pythonWithOpenAI(t), filepath.Join("testdata", "client.py"), f.url+"/v1")
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &errOut)
	}
	var saw struct {
		Models                 []string
		Chat, Streamed, Finish string
		Tokens, StreamedTokens int
		LogProbs               int `json:"logprobs"`
		Choices                int
		JSON                   string
		TopK                   int `json:"top_k"`
		Text                   string
		Error                  struct {
			Status      int
			Param, Type string
		}
		Missing string
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if len(saw.Models) != 1 || saw.Models[0] != "tiny" || saw.Chat != saw.Streamed || saw.Tokens != saw.StreamedTokens || saw.Tokens == 0 ||
		saw.LogProbs != 6 || saw.Choices != 3 || saw.JSON != "7" || saw.TopK != 1 || !strings.HasPrefix(saw.Text, "the of") ||
		saw.Error.Status != 400 || saw.Error.Param != "top_p" || saw.Missing != "NotFoundError" {
		t.Errorf("Python saw %s", out)
	}
	f.quiet()
}
