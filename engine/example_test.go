package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"

	"vitrine/engine"
)

// Two prompts in one batch. Without a temperature the likeliest token is taken
// each time, so the text is always the same.
func ExampleLLM_Generate() {
	llm, err := engine.New("smollm2-135m-instruct", engine.WithTensorParallelSize(2))
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	prompts := []string{"The capital of France is", "Water boils at"}
	outputs, err := llm.Generate(context.Background(), prompts, engine.SamplingParams{Stop: []string{".", ","}})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range outputs {
		fmt.Printf("%s|%s (%s)\n", o.Prompt, o.Outputs[0].Text, o.Outputs[0].FinishReason)
	}
	// Output:
	// The capital of France is| Paris (stop)
	// Water boils at| 100°C (stop)
}

// The seed decides what is drawn, so an answer with a temperature can be drawn again.
func ExampleLLM_Generate_sampling() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	params := engine.SamplingParams{Temperature: 0.8, TopP: 0.95, Seed: new(uint64(7)), MaxTokens: 12}
	again := make([]string, 2)
	for i := range again {
		outputs, err := llm.Generate(context.Background(), []string{"Once upon a time"}, params)
		if err != nil {
			log.Fatal(err)
		}
		again[i] = outputs[0].Outputs[0].Text
	}
	fmt.Println(again[0] == again[1])
	// Output: true
}

// A conversation in the model's own template.
func ExampleLLM_Chat() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	conversation := []engine.Message{{Role: "user", Content: "What is the capital of France?"}}
	outputs, err := llm.Chat(context.Background(), [][]engine.Message{conversation}, engine.SamplingParams{MaxTokens: 20})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(outputs[0].Outputs[0].Text)
	// Output: The capital of France is Paris.
}

// Tokens as they are drawn. Who has read enough breaks out, and the request ends.
func ExampleLLM_Stream() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	var text strings.Builder
	for piece, err := range llm.Stream(context.Background(), "One, two, three,", engine.SamplingParams{MaxTokens: 100}) {
		if err != nil {
			log.Fatal(err)
		}
		text.WriteString(piece.Text)
		if strings.Contains(text.String(), "seven") {
			break
		}
	}
	fmt.Println(text.String())
	// Output: four, five, six, seven
}

// Token ids of a text.
func ExampleLLM_Encode() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	ids, err := llm.Encode("Hello world")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	// Output: [19556 905]
}

// Prompts as token ids, and each with parameters of its own.
func ExampleLLM_GeneratePrompts() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	ids, err := llm.Encode("The opposite of hot is")
	if err != nil {
		log.Fatal(err)
	}
	prompts := []engine.Prompt{{Text: "The capital of France is"}, {TokenIDs: ids, CacheSalt: "mine alone"}}
	outputs, err := llm.GeneratePrompts(context.Background(), prompts,
		engine.SamplingParams{MaxTokens: 1}, engine.SamplingParams{MaxTokens: 20, Stop: []string{".", ","}})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range outputs {
		fmt.Printf("%d tokens became%s\n", len(o.PromptTokenIDs), o.Outputs[0].Text)
	}
	// Output:
	// 5 tokens became Paris
	// 5 tokens became cold
}

// An answer that is one of a few texts, and one that is valid against a JSON schema.
func ExampleLLM_Chat_structuredOutputs() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	conversations := [][]engine.Message{
		{{Role: "user", Content: "Is Paris a city or a river?"}},
		{{Role: "user", Content: "Name a city of France."}},
	}
	outputs, err := llm.Chat(context.Background(), conversations,
		engine.SamplingParams{StructuredOutputs: &engine.StructuredOutputsParams{Choice: []string{"a city", "a river"}}},
		engine.SamplingParams{MaxTokens: 40, StructuredOutputs: &engine.StructuredOutputsParams{
			JSON: `{"type":"object","properties":{"city":{"type":"string"},"country":{"enum":["France","Spain"]}},"required":["city","country"]}`,
		}})
	if err != nil {
		log.Fatal(err)
	}
	var place struct{ City, Country string }
	if err := json.Unmarshal([]byte(outputs[1].Outputs[0].Text), &place); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %+v\n", outputs[0].Outputs[0].Text, place)
	// Output:
	// a city: {City:Paris Country:France}
}

// The likeliest continuations, the best first.
func ExampleLLM_BeamSearch() {
	llm, err := engine.New("smollm2-135m-instruct")
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	outputs, err := llm.BeamSearch(context.Background(), engine.TextPrompts("The capital of France is"), engine.BeamSearchParams{BeamWidth: 2, MaxTokens: 3})
	if err != nil {
		log.Fatal(err)
	}
	for _, beam := range outputs[0].Sequences {
		fmt.Printf("%q\n", beam.Text)
	}
	// Output:
	// " Paris.\n"
	// " Paris. The"
}

// Where memory or sequences are short, the policy says who comes first. Guesses are
// verified, so that they change nothing but the time.
func ExampleNew() {
	llm, err := engine.New("smollm2-135m-instruct",
		engine.WithSchedulingPolicy(engine.Priority), engine.WithMaxNumSeqs(1), engine.WithPromptLookup(engine.PromptLookup{Tokens: 4}))
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()

	prompts := []engine.Prompt{{Text: "One, two, three,", Priority: 2}, {Text: "Two, four, six,", Priority: 1}}
	outputs, err := llm.GeneratePrompts(context.Background(), prompts, engine.SamplingParams{MaxTokens: 8})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range outputs {
		fmt.Println(o.Prompt + o.Outputs[0].Text)
	}
	// Output:
	// One, two, three, four, five, six, seven,
	// Two, four, six, seven, eight, nine, ten,
}
