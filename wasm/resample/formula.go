package resample

import (
	"math"

	"vitrine/engine/sampler"
	"vitrine/visualizer/view"
)

// Softmax tells how a token got its probability after a stage: its logit, the
// temperature that had been applied by then, and the sum over what was left.
// It is empty for a token that is gone by then.
func Softmax(r *sampler.Report, stage int, token int32) []view.Line {
	z, p := r.LogitAt(stage, token), r.ProbAt(stage, token)
	top := likeliest(r, stage)
	most := r.ProbAt(stage, top)
	if p == 0 || most == 0 {
		return nil
	}
	temperature := 1.0
	if at := StageOf(r, sampler.Temperature); at >= 0 && at <= stage {
		temperature, z = r.Stages[at].Value, r.LogitAt(at-1, token)
	}
	return view.Probability(float64(z), temperature, float64(r.LogitAt(stage, top)), 1/most, p)
}

// likeliest is the token with the largest logit after a stage. From the first
// cut on it is the one that the draw's order begins with.
func likeliest(r *sampler.Report, stage int) int32 {
	if r.Stages[stage].Kind >= sampler.Temperature {
		return r.Candidates(1)[0].Token
	}
	best, top := int32(0), float32(math.Inf(-1))
	for id := range int32(r.Vocab()) {
		if z := r.LogitAt(stage, id); z > top {
			best, top = id, z
		}
	}
	return best
}

// Changes tells what the stages up to the deciding one did to a token's logit,
// one line a stage with its operands: penalties, bias and temperature.
func Changes(v *sampler.Verdict) []view.Line {
	var lines []view.Line
	for _, s := range v.Steps {
		before, after, value := view.Number(float64(s.Before)), view.Number(float64(s.After)), view.Number(s.Value)
		text := ""
		switch {
		case math.IsInf(float64(s.After), -1):
			text = before + " → " + after
		case s.Kind == sampler.Temperature:
			text = before + " / " + value + " = " + after
		case s.Kind == sampler.RepetitionPenalty && s.Before > 0:
			text = before + " / " + value + " = " + after
		case s.Kind == sampler.RepetitionPenalty:
			text = before + " · " + value + " = " + after
		case s.Kind == sampler.LogitBias:
			text = before + " + " + value + " = " + after
		case s.Kind == sampler.FrequencyPenalty && s.Value != 0:
			count := view.Number(math.Round(float64(s.Before-s.After) / s.Value))
			text = before + " − " + value + " · " + count + " = " + after
		default:
			text = before + " − " + value + " = " + after
		}
		lines = append(lines, view.Line{Name: s.Kind.String(), Parts: []view.Part{{Text: text}}})
	}
	return lines
}

// Decision is the comparison that decided about a token, with its operands;
// empty where nothing was compared.
func Decision(v *sampler.Verdict) string {
	have, need := view.Number(v.Have), view.Number(v.Need)
	switch v.Kind {
	case sampler.TopK:
		return "z = " + have + " < z₍ₖ₎ = " + need
	case sampler.MinP:
		return "p = " + have + " < min_p · p₍₁₎ = " + need
	case sampler.TopP:
		return "Σ before = " + have + " ≥ p = " + need
	case sampler.Greedy:
		if v.Fate == sampler.Chosen {
			return "z = " + have + " = max z"
		}
		return "z = " + have + " ≤ max z = " + need
	case sampler.Draw:
		u, lo, hi := view.Number(v.Have), view.Number(v.Lo), view.Number(v.Hi)
		switch {
		case v.Fate == sampler.Chosen:
			return lo + " ≤ u = " + u + " < " + hi
		case v.Have < v.Lo:
			return "u = " + u + " < " + lo
		}
		return "u = " + u + " ≥ " + hi
	}
	return ""
}

// StageFormula is what a stage does, in symbols with its operands.
func StageFormula(r *sampler.Report, stage int) string {
	s := &r.Stages[stage]
	value, threshold := view.Number(s.Value), view.Number(s.Threshold)
	switch s.Kind {
	case sampler.Raw:
		return "p = exp(z − max z)/Σ exp(z′ − max z)"
	case sampler.RepetitionPenalty:
		return "z > 0: z/" + value + "\nz ≤ 0: z·" + value
	case sampler.FrequencyPenalty:
		return "z − " + value + " · n"
	case sampler.PresencePenalty:
		return "z − " + value
	case sampler.Temperature:
		return "z/T = z/" + value
	case sampler.MinP:
		return "p ≥ " + value + " · p₍₁₎ = " + threshold
	case sampler.TopK:
		return "z ≥ z₍ₖ₎ = " + threshold + ", k = " + view.Number(s.Value)
	case sampler.TopP:
		return "Σ p ≥ " + value + ": " + threshold
	case sampler.Greedy:
		return "argmax z = " + threshold
	case sampler.Draw:
		return "F(i−1) ≤ u = " + value + " < F(i)"
	}
	return ""
}

// FuncSoftmax fills operands into a probability's formula, and FuncDecision into
// the comparison that decided about a token.
const (
	FuncSoftmax  = "wasm/resample.Softmax"
	FuncDecision = "wasm/resample.Decision"
	FuncFormula  = "wasm/resample.StageFormula"
)

// Functions lists all functions that this package names.
func Functions() []string {
	names := []string{FuncSoftmax, FuncDecision, FuncFormula}
	for k := sampler.Raw; k <= sampler.Draw; k++ {
		names = append(names, Func(k))
	}
	return names
}

// Func is the function of the engine that does a stage.
func Func(k sampler.Kind) string {
	method := map[sampler.Kind]string{
		sampler.Raw: "load", sampler.StructuredOutputs: "allowMask", sampler.AllowedTokens: "allowOnly", sampler.BadWords: "banWords", sampler.MinTokens: "ban",
		sampler.LogitBias: "edit", sampler.RepetitionPenalty: "penalizeRepetition", sampler.FrequencyPenalty: "penalizeFrequency",
		sampler.PresencePenalty: "penalizePresence", sampler.Temperature: "cut", sampler.MinP: "cutMinP", sampler.TopK: "cutTopK",
		sampler.TopP: "cutTopP", sampler.Greedy: "choose", sampler.Draw: "draw",
	}[k]
	if method == "" {
		return ""
	}
	return "engine/sampler.(*Sampler)." + method
}
