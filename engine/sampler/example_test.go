package sampler_test

import (
	"fmt"

	"vitrine/engine/sampler"
)

// Why a token was not drawn, with the numbers that decided.
func ExampleReport_Why() {
	logits := []float32{3, 2.5, 1, -1}
	p := sampler.Defaults()
	p.Temperature, p.TopP, p.Seed = 0.5, 0.9, 7
	history := sampler.History{Prompt: []int32{2}}

	report, err := sampler.New(len(logits)).Explain(logits, &p, history, len(history.Prompt))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, stage := range report.Stages {
		fmt.Printf("%-11v %d tokens, %.2f bits\n", stage.Kind, stage.Out, stage.Entropy)
	}
	for id := range int32(4) {
		v := report.Why(id)
		fmt.Printf("token %d: %v at %v, [%.2f, %.2f) of the distribution there\n", id, v.Fate, v.Kind, v.Lo, v.Hi)
	}
	fmt.Printf("the needle is at %.2f\n", report.Draw)
	// Output:
	// raw         4 tokens, 1.35 bits
	// temperature 4 tokens, 0.93 bits
	// top_p       2 tokens, 0.84 bits
	// draw        2 tokens, 0.84 bits
	// token 0: lost_draw at draw, [0.00, 0.73) of the distribution there
	// token 1: chosen at draw, [0.73, 1.00) of the distribution there
	// token 2: removed at top_p, [0.99, 1.00) of the distribution there
	// token 3: removed at top_p, [1.00, 1.00) of the distribution there
	// the needle is at 0.80
}
