package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/chat"
	"vitrine/engine/hub"
	"vitrine/engine/model"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/engine/sampler"
)

// openTiny opens the tiny model with a tokenizer and a chat template.
func openTiny(t *testing.T, options ...engine.Option) *engine.LLM {
	t.Helper()
	llm, err := engine.New(tinymodel.Folder(t), append([]engine.Option{engine.WithThreads(2)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := llm.Close(); err != nil {
			t.Error(err)
		}
	})
	return llm
}

func texts(outputs []engine.RequestOutput) (list []string) {
	for _, r := range outputs {
		for _, o := range r.Outputs {
			list = append(list, o.Text)
		}
	}
	return list
}

// What a prompt becomes does not depend on what else is asked for, how large the
// pool is, or among how many ranks the model is divided.
func TestGenerateInABatch(t *testing.T) {
	var prompts []string
	for i := range 40 {
		prompts = append(prompts, strings.Repeat("the ", i)+fmt.Sprint("of ", i))
	}
	params := engine.SamplingParams{MaxTokens: 20, IgnoreEOS: true}
	exact := engine.WithKVCacheDType("float32") // as ref has
	alone := openTiny(t, exact)
	var want []string
	for _, p := range prompts {
		out, err := alone.Generate(t.Context(), []string{p}, params)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, out[0].Outputs[0].Text)
	}
	for name, options := range map[string][]engine.Option{
		"all at once":       nil,
		"a small pool":      {engine.WithBlockSize(4), engine.WithKVCacheBlocks(60)},
		"small steps":       {engine.WithMaxNumBatchedTokens(7), engine.WithMaxNumSeqs(3)},
		"two ranks":         {engine.WithTensorParallelSize(2)},
		"ref, on two ranks": {engine.WithBackend("ref"), engine.WithTensorParallelSize(2)},
	} {
		before := time.Now()
		out, err := openTiny(t, append(options, exact)...).Generate(t.Context(), prompts, params)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := texts(out); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		for i, r := range out {
			o := r.Outputs[0]
			ids, err := alone.Encode(prompts[i])
			if err != nil || r.Prompt != prompts[i] || !slices.Equal(r.PromptTokenIDs, ids) || len(o.TokenIDs) != 20 || o.FinishReason != "length" || o.StopReason != "max_tokens" {
				t.Errorf("%s: prompt %d became %+v, %v", name, i, r, err)
			}
			if o.LogProbs != nil || r.PromptLogProbs != nil {
				t.Errorf("%s: there are log-probabilities that nobody asked for", name)
			}
			if m := r.Metrics; m.Arrival.Before(before) || m.TimeToFirstToken() <= 0 || m.Finished.Before(m.FirstToken) {
				t.Errorf("%s: prompt %d has times %+v", name, i, m)
			}
		}
	}
	if out, err := alone.Generate(t.Context(), nil, params); err != nil || len(out) != 0 {
		t.Errorf("no prompts became %v, %v", out, err)
	}
}

func TestGenerateOutputs(t *testing.T) {
	llm := openTiny(t)
	params := engine.SamplingParams{N: 3, Temperature: 1, Seed: new(uint64(5)), LogProbs: new(2), PromptLogProbs: new(1), IgnoreEOS: true}
	out, err := llm.Generate(t.Context(), []string{"the heath"}, params)
	if err != nil {
		t.Fatal(err)
	}
	r := out[0]
	if len(r.Outputs) != 3 || len(r.PromptLogProbs) != len(r.PromptTokenIDs)-1 || len(r.PromptLogProbs[0].Top) != 1 || r.PromptLogProbs[0].Token != r.PromptTokenIDs[1] {
		t.Fatalf("got %+v", r)
	}
	for i, o := range r.Outputs {
		if o.Index != i || len(o.TokenIDs) != 16 || len(o.LogProbs) != 16 {
			t.Errorf("output %d is %+v, want 16 tokens, which is vLLM's default", i, o)
		}
		var sum float64
		for j, l := range o.LogProbs {
			sum += float64(l.LogProb)
			if l.Token != o.TokenIDs[j] || len(l.Top) != 2 || l.Top[0].LogProb < l.Top[1].LogProb || l.LogProb > 0 || l.Rank < 1 {
				t.Errorf("output %d, token %d: %+v", i, j, l)
			}
		}
		if math.Abs(sum-o.CumulativeLogProb) > 1e-9 {
			t.Errorf("output %d: the sum is %v, want %v", i, o.CumulativeLogProb, sum)
		}
		// Output i draws with seed + i.
		params := engine.SamplingParams{Temperature: 1, Seed: new(uint64(5 + i)), IgnoreEOS: true}
		one, err := llm.Generate(t.Context(), []string{"the heath"}, params)
		if err != nil || !slices.Equal(one[0].Outputs[0].TokenIDs, o.TokenIDs) {
			t.Errorf("with seed %d alone %v, %v; as one of three %v", 5+i, one, err, o.TokenIDs)
		}
	}
	// Without text.
	if out, err := llm.Generate(t.Context(), []string{"the"}, engine.SamplingParams{NoDetokenize: true}); err != nil || out[0].Outputs[0].Text != "" || len(out[0].Outputs[0].TokenIDs) == 0 {
		t.Errorf("without text: %+v, %v", out, err)
	}
}

func TestChat(t *testing.T) {
	llm := openTiny(t)
	conversation := []engine.Message{{Role: "user", Content: "of"}}
	params := engine.SamplingParams{MaxTokens: 10, IgnoreEOS: true}
	out, err := llm.Chat(t.Context(), [][]engine.Message{conversation, append(conversation, engine.Message{Role: "assistant", Content: "the"})}, params)
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Prompt != "<s>user: of\nassistant: " || out[0].PromptTokenIDs[0] != tinymodel.BOS || out[0].PromptTokenIDs[1] == tinymodel.BOS {
		t.Errorf("the conversation became %q, %v", out[0].Prompt, out[0].PromptTokenIDs)
	}
	if len(out) != 2 || !strings.Contains(out[1].Prompt, "assistant: the") {
		t.Errorf("the second conversation became %+v", out[1:])
	}
	var streamed string
	for piece, err := range llm.StreamChat(t.Context(), conversation, params) {
		if err != nil {
			t.Fatal(err)
		}
		streamed += piece.Text
	}
	if streamed != out[0].Outputs[0].Text {
		t.Errorf("streamed %q, want %q", streamed, out[0].Outputs[0].Text)
	}

	folder := tinymodel.Folder(t)
	if err := os.Remove(filepath.Join(folder, "tokenizer_config.json")); err != nil {
		t.Fatal(err)
	}
	base, err := engine.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	if _, err := base.Chat(t.Context(), [][]engine.Message{conversation}, params); !errors.Is(err, chat.ErrNoTemplate) || !strings.Contains(err.Error(), "conversation 0") {
		t.Errorf("a model without a template chats: %v", err)
	}
	for _, err := range base.StreamChat(t.Context(), conversation, params) {
		if !errors.Is(err, chat.ErrNoTemplate) {
			t.Errorf("a model without a template chats: %v", err)
		}
	}
}

// A stream tells what Generate does, piece by piece, and at last why it ended.
func TestStream(t *testing.T) {
	llm := openTiny(t)
	params := engine.SamplingParams{N: 2, Temperature: 0.9, Seed: new(uint64(3)), LogProbs: new(0), MaxTokens: 12, IgnoreEOS: true}
	want, err := llm.Generate(t.Context(), []string{"the"}, params)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]engine.CompletionOutput, 2)
	for piece, err := range llm.Stream(t.Context(), "the", params) {
		if err != nil {
			t.Fatal(err)
		}
		o := &got[piece.Index]
		if o.FinishReason != "" || len(piece.TokenIDs) > 1 || (len(piece.TokenIDs) == 0) != (piece.FinishReason != "") {
			t.Errorf("after %+v came %+v", o, piece)
		}
		o.Index, o.FinishReason, o.StopReason = piece.Index, piece.FinishReason, piece.StopReason
		o.Text += piece.Text
		o.TokenIDs, o.LogProbs = append(o.TokenIDs, piece.TokenIDs...), append(o.LogProbs, piece.LogProbs...)
		o.CumulativeLogProb += piece.CumulativeLogProb
	}
	if !reflect.DeepEqual(got, want[0].Outputs) {
		t.Errorf("streamed %+v, want %+v", got, want[0].Outputs)
	}
}

// Who breaks out of a stream, or gives up waiting, ends the request.
func TestNobodyWaits(t *testing.T) {
	var mu sync.Mutex
	aborted := map[uint32]bool{}
	ended := make(chan struct{}, 100)
	llm := openTiny(t, engine.WithObserver(&engine.Observer{State: func(s engine.StateInfo) {
		mu.Lock()
		defer mu.Unlock()
		if s.State == engine.FinishedAborted {
			aborted[s.Request] = true
			ended <- struct{}{}
		}
	}}))
	// The engine makes so few steps that it cannot be at the end first.
	allow := func(steps int) {
		t.Helper()
		if err := llm.Engine().AllowSteps(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
	}
	long := engine.SamplingParams{MaxTokens: 240, IgnoreEOS: true}
	allow(4)
	for piece, err := range llm.Stream(t.Context(), "the", long) {
		if err != nil || len(piece.TokenIDs) == 0 {
			t.Fatalf("%+v, %v", piece, err)
		}
		break
	}
	<-ended

	allow(4)
	ctx, cancel := context.WithCancel(t.Context())
	for piece, err := range llm.Stream(ctx, "the", long) {
		cancel()
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled stream ends with %v", err)
			}
			break
		}
		if piece.FinishReason != "" {
			t.Error("a cancelled stream went on to its end")
		}
	}
	<-ended

	allow(0)
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	prompts := slices.Repeat([]string{"the"}, 60)
	if out, err := llm.Generate(ctx, prompts, long); !errors.Is(err, context.DeadlineExceeded) || out != nil {
		t.Errorf("with no time left: %v, %v", out, err)
	}
	// One prompt that is refused ends the others.
	prompts = append(prompts[:20], strings.Repeat("of", 300))
	var wrong *engine.RequestError
	if _, err := llm.Generate(t.Context(), prompts, long); !errors.As(err, &wrong) || wrong.Field != "prompt" || !strings.Contains(err.Error(), "prompt 20: prompt: is") {
		t.Errorf("a prompt that is too long: %v", err)
	}
	// The engine is free again.
	allow(-1)
	if out, err := llm.Generate(t.Context(), []string{"of"}, engine.SamplingParams{MaxTokens: 3, IgnoreEOS: true}); err != nil || len(out[0].Outputs[0].TokenIDs) != 3 {
		t.Errorf("afterwards: %+v, %v", out, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(aborted) < 2+2 {
		t.Errorf("%d requests were aborted, want those of both streams and some of each batch", len(aborted))
	}
}

func TestGenerateRefuses(t *testing.T) {
	llm := openTiny(t)
	for name, c := range map[string]struct {
		params engine.SamplingParams
		want   string
	}{
		"no number":            {engine.SamplingParams{Temperature: float32(math.NaN())}, "prompt 0: temperature: got NaN"},
		"a negative top_p":     {engine.SamplingParams{TopP: -1}, "top_p: got -1"},
		"several, greedy":      {engine.SamplingParams{N: 2}, "n: got 2"},
		"negative tokens":      {engine.SamplingParams{MaxTokens: -1}, "max_tokens: got -1"},
		"more than there are":  {engine.SamplingParams{LogProbs: new(1000)}, "logprobs: got 1000"},
		"no token":             {engine.SamplingParams{LogitBias: map[int32]float32{320: 1}}, "logit_bias"},
		"an empty stop string": {engine.SamplingParams{Stop: []string{"a", ""}}, "stop: got"},
		"a word that is none":  {engine.SamplingParams{BadWords: []string{"of", "  "}}, `bad_words[1]: is "", want a word`},
		"nothing allowed":      {engine.SamplingParams{AllowedTokenIDs: []int32{}}, "allowed_token_ids"},
	} {
		_, err := llm.Generate(t.Context(), []string{"the"}, c.params)
		var param *sampler.ParamError
		var request *engine.RequestError
		if !errors.As(err, &param) && !errors.As(err, &request) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
		for _, err := range llm.Stream(t.Context(), "the", c.params) {
			if !errors.As(err, &param) && !errors.As(err, &request) {
				t.Errorf("%s: a stream ends with %v", name, err)
			}
		}
	}
}

// Bad words are not drawn, whether they begin a text or follow a space.
func TestBadWordsAreNotDrawn(t *testing.T) {
	llm := openTiny(t)
	params := engine.SamplingParams{Temperature: 1, Seed: new(uint64(1)), MaxTokens: 200, IgnoreEOS: true, AllowedTokenIDs: []int32{tinymodel.SpaceOf, tinymodel.He, tinymodel.Byte('x')}}
	free, err := llm.Generate(t.Context(), []string{"the"}, params)
	if err != nil || !strings.Contains(free[0].Outputs[0].Text, " of") {
		t.Fatalf("%+v, %v", free, err)
	}
	params.BadWords = []string{"of"}
	if bound, err := llm.Generate(t.Context(), []string{"the"}, params); err != nil || strings.Contains(bound[0].Outputs[0].Text, "of") {
		t.Errorf("%+v, %v", bound, err)
	}
}

func TestNewRefuses(t *testing.T) {
	folder := tinymodel.Folder(t)
	for name, c := range map[string]struct {
		option engine.Option
		want   string
	}{
		"no rank":            {engine.WithTensorParallelSize(0), "tensor-parallel-size: got 0, want at least 1"},
		"far too many ranks": {engine.WithTensorParallelSize(1 << 20), "tensor-parallel-size: got 1048576"},
		"negative threads":   {engine.WithThreads(-1), "threads: got -1"},
		"another backend":    {engine.WithBackend("tpu"), `backend: got "tpu", want cpu or ref`},
		"another format":     {engine.WithKVCacheDType("fp4"), `kv-cache-dtype: got "fp4"`},
		"no length":          {engine.WithMaxModelLen(0), "max-model-len: got 0, want at least 1"},
		"a length too many":  {engine.WithMaxModelLen(257), "max-model-len: got 257, want at most the model's context of 256"},
		"no block":           {engine.WithKVCacheBlocks(0), "kv-blocks: got 0"},
		"an empty block":     {engine.WithBlockSize(-1), "block-size: got -1"},
		"no batch":           {engine.WithMaxNumBatchedTokens(0), "max-num-batched-tokens: got 0"},
		"no sequence":        {engine.WithMaxNumSeqs(0), "max-num-seqs: got 0"},
		"an unknown policy":  {engine.WithSchedulingPolicy(9), "scheduling-policy: got Policy(9)"},
		"unknown memory":     {engine.WithKVMemory(9), "kv-memory: got Memory(9)"},
		"too many guesses":   {engine.WithPromptLookup(engine.PromptLookup{Tokens: 65}), "num-speculative-tokens: got 65, want 0 (the default) to 64"},
		"n-grams of no size": {engine.WithPromptLookup(engine.PromptLookup{Tokens: 1, MinNGram: 3, MaxNGram: 2}), "prompt-lookup-max: got 2, want at least prompt-lookup-min, which is 3"},
		"no memory":          {engine.WithKVCacheMemoryBytes(0), "kv-cache-memory-bytes: got 0"},
		"too little memory":  {engine.WithKVCacheMemoryBytes(100), "kv-cache-memory-bytes: got 100, want at least 6144, which is a block of 16 tokens"},
		"too much memory":    {engine.WithKVCacheBlocks(math.MaxInt), "memory"},
	} {
		llm, err := engine.New(folder, c.option)
		if err == nil {
			t.Errorf("%s is accepted", name)
			llm.Close()
			continue
		}
		var wrong *engine.OptionError
		if !strings.Contains(err.Error(), c.want) || !errors.As(err, &wrong) && name != "too much memory" {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	var many *model.DivisionError
	if _, err := engine.New(folder, engine.WithTensorParallelSize(3)); !errors.As(err, &many) || many.Most != 2 {
		t.Errorf("three ranks for two KV heads: %v", err)
	}
	var unknown *hub.UnknownModelError
	if _, err := engine.New("smollm3"); !errors.As(err, &unknown) {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestOptions(t *testing.T) {
	var steps []int
	llm := openTiny(t, engine.WithMaxModelLen(20), engine.WithBlockSize(8), engine.WithKVCacheDType("float32"),
		engine.WithKVCacheMemoryBytes(1e6), engine.WithMaxNumBatchedTokens(5),
		engine.WithObserver(&engine.Observer{Step: func(s engine.StepInfo) { steps = append(steps, s.Batch) }}))
	if p := llm.Engine().Pool(); p.BlockSize != 8 || p.SlotBytes != 3*2*2*16*4 || p.Blocks != 1e6/(8*p.SlotBytes) {
		t.Errorf("the pool is %+v", p)
	}
	out, err := llm.Generate(t.Context(), []string{"abcdefghijkl"}, engine.SamplingParams{MaxTokens: 100, IgnoreEOS: true})
	if err != nil {
		t.Fatal(err)
	}
	if o := out[0].Outputs[0]; len(out[0].PromptTokenIDs)+len(o.TokenIDs) != 20 || o.FinishReason != "length" || o.StopReason != "context" {
		t.Errorf("a sequence of at most 20 tokens became %+v", out[0])
	}
	if err := llm.Close(); err != nil {
		t.Fatal(err)
	}
	if len(steps) < 3 || slices.Max(steps) > 5 {
		t.Errorf("steps of %v tokens, want at most 5", steps)
	}
	if _, err := llm.Generate(t.Context(), []string{"the"}, engine.SamplingParams{}); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}

	// A model that is not in the folder for models is fetched to it: here New is
	// told to end before.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := engine.New(hub.Default, engine.WithDownloadDir(dir), engine.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 || names[0].Name() != hub.Default {
		t.Errorf("the folder for models holds %v, %v", names, err)
	}
}
