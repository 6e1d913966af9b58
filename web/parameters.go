package web

import "cmp"

// A Parameter is one of the sampling parameters that the page offers, with the
// slider's range. The number field beside it takes every value the sampler
// takes; the slider covers the ones worth sliding through.
type Parameter struct {
	ID       string // the field of wire.Params in kebab case: "top-k" is TopK
	Label    string // message key
	Help     string // message key: what it does, in a sentence
	Min      string // the slider's least value, as HTML writes it
	Max      string // the slider's greatest
	Step     string
	Least    string // the least that the sampler takes
	Greatest string // the greatest, empty if there is none
	Value    string // where the page starts
}

// Common is the parameter as it starts where another server runs the model:
// what not every OpenAI-compatible server takes is off, for else its first answer
// would be a refusal.
func (p Parameter) Common() Parameter {
	if p.ID == "top-k" {
		p.Value = "0"
	}
	return p
}

// wholeNumbers bounds the fields without a greatest value: an int32's.
const wholeNumbers = "2147483647"

// bound is the number field's greatest value, as HTML writes it.
func (p Parameter) bound() string { return cmp.Or(p.Greatest, wholeNumbers) }

// numberStep is what the number field's values are multiples of: a slider that goes
// in ones is a whole number's.
func (p Parameter) numberStep() string {
	if p.Step == "1" {
		return "1"
	}
	return "any"
}

// limits says which numbers the parameter takes.
func (p Parameter) limits(w words) string {
	key := "params.invalid"
	switch whole := p.numberStep() == "1"; {
	case whole:
		key = "params.invalid_whole"
	case p.Greatest != "":
		key = "params.invalid_range"
	}
	return w.filled(key, map[string]string{"Name": w.text(p.Label), "Least": p.Least, "Greatest": p.Greatest})
}

// seedLimits says what a seed is.
func seedLimits(w words) string { return w.text("params.invalid_seed") }

// FirstParameters are always in sight: the dice that a lesson turns.
func FirstParameters() []Parameter {
	return []Parameter{
		{"temperature", "params.temperature", "params.temperature_help", "0", "2", "0.05", "0", "", "0.8"},
		{"top-k", "params.top_k", "params.top_k_help", "0", "100", "1", "-1", "", "40"},
		{"top-p", "params.top_p", "params.top_p_help", "0.05", "1", "0.01", "0.0001", "1", "0.95"},
	}
}

// MoreParameters open on demand.
func MoreParameters() []Parameter {
	return []Parameter{
		{"min-p", "params.min_p", "params.min_p_help", "0", "0.5", "0.01", "0", "1", "0"},
		{"repetition-penalty", "params.repetition", "params.repetition_help", "0.8", "1.5", "0.01", "0.0001", "", "1"},
		{"presence-penalty", "params.presence", "params.presence_help", "-2", "2", "0.05", "-2", "2", "0"},
		{"frequency-penalty", "params.frequency", "params.frequency_help", "-2", "2", "0.05", "-2", "2", "0"},
		{"max-tokens", "params.max_tokens", "params.max_tokens_help", "1", "512", "1", "1", "", "256"},
	}
}
