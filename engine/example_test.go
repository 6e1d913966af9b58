package engine_test

import (
	"context"
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
