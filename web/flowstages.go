package web

// A FlowStage is one operation of a layer, as the attention view draws it.
type FlowStage struct {
	Name   string // as frames name it, see the wire's Stage; "input" is what enters the layer
	Symbol string // what stands on its box where a letter says more than a word; empty otherwise
	Label  string // message key of what it does
	Role   string // "q", "k" or "v" for the operands of attention: their colour
	About  string // message key of a sentence about it
}

// FlowStages lists the operations of a layer in their order. Those that only
// some architectures have stand among them; the client hides what a model lacks.
func FlowStages() []FlowStage {
	return []FlowStage{
		{"input", "", "attention.stage_input", "", "attention.about_input"},
		{"attn_norm", "", "attention.stage_norm", "", "attention.about_attn_norm"},
		{"q", "Q", "attention.stage_q", "q", "attention.about_q"},
		{"k", "K", "attention.stage_k", "k", "attention.about_k"},
		{"v", "V", "attention.stage_v", "v", "attention.about_v"},
		{"q_rope", "Q", "attention.stage_rope", "q", "attention.about_q_rope"},
		{"k_rope", "K", "attention.stage_rope", "k", "attention.about_k_rope"},
		{"scores", "", "attention.stage_scores", "", "attention.about_scores"},
		{"probs", "", "attention.stage_probs", "", "attention.about_probs"},
		{"attn_out", "a·V", "attention.stage_mean", "", "attention.about_attn_out"},
		{"o_proj", "", "attention.stage_out", "", "attention.about_o_proj"},
		{"attn_post_norm", "", "attention.stage_norm", "", "attention.about_attn_post_norm"},
		{"resid_mid", "+", "attention.stage_residual", "", "attention.about_resid_mid"},
		{"ffn_norm", "", "attention.stage_norm", "", "attention.about_ffn_norm"},
		{"gate", "", "attention.stage_gate", "", "attention.about_gate"},
		{"up", "", "attention.stage_up", "", "attention.about_up"},
		{"silu_mul", "", "attention.stage_glu", "", "attention.about_silu_mul"},
		{"down", "", "attention.stage_down", "", "attention.about_down"},
		{"ffn_post_norm", "", "attention.stage_norm", "", "attention.about_ffn_post_norm"},
		{"resid_out", "+", "attention.stage_residual", "", "attention.about_resid_out"},
	}
}
