package web

// A SamplerStage is a stage of the sampler as the Next token view has it.
type SamplerStage struct {
	Name      string    // as engine/sampler names its kind
	Label     string    // message key
	Parameter Parameter // the slider's, without an ID if there is none
}

// SamplerStages lists the stages that the page can show; the client puts those
// that run in the order in which they do.
func SamplerStages() []SamplerStage {
	return []SamplerStage{
		{Name: "raw", Label: "next.stage_raw"},
		{Name: "min_tokens", Label: "next.stage_min_tokens"},
		{Name: "logit_bias", Label: "next.stage_logit_bias"},
		{"repetition_penalty", "params.repetition", parameter("repetition-penalty")},
		{"frequency_penalty", "params.frequency", parameter("frequency-penalty")},
		{"presence_penalty", "params.presence", parameter("presence-penalty")},
		{"temperature", "params.temperature", parameter("temperature")},
		{"min_p", "params.min_p", parameter("min-p")},
		{"top_k", "params.top_k", parameter("top-k")},
		{"top_p", "params.top_p", parameter("top-p")},
		{Name: "greedy", Label: "next.stage_greedy"},
		{Name: "draw", Label: "next.stage_draw"},
	}
}

// parameter is the sampling parameter of that ID.
func parameter(id string) Parameter {
	for _, list := range [][]Parameter{FirstParameters(), MoreParameters()} {
		for _, p := range list {
			if p.ID == id {
				return p
			}
		}
	}
	return Parameter{}
}
