package web

// A term is a word that the help explains, in both languages.
type term struct {
	Word  string // message key
	Twin  string // message key: the word in the other language
	Means string // message key: what it is, in a sentence
}

// glossary lists the terms in the order in which a token meets them.
func glossary() []term {
	return []term{
		{"glossary.token", "glossary.token_twin", "glossary.token_means"},
		{"glossary.template", "glossary.template_twin", "glossary.template_means"},
		{"glossary.vocabulary", "glossary.vocabulary_twin", "glossary.vocabulary_means"},
		{"glossary.embedding", "glossary.embedding_twin", "glossary.embedding_means"},
		{"glossary.layer", "glossary.layer_twin", "glossary.layer_means"},
		{"glossary.residual", "glossary.residual_twin", "glossary.residual_means"},
		{"glossary.norm", "glossary.norm_twin", "glossary.norm_means"},
		{"glossary.attention", "glossary.attention_twin", "glossary.attention_means"},
		{"glossary.head", "glossary.head_twin", "glossary.head_means"},
		{"glossary.query", "glossary.query_twin", "glossary.query_means"},
		{"glossary.rope", "glossary.rope_twin", "glossary.rope_means"},
		{"glossary.softmax", "glossary.softmax_twin", "glossary.softmax_means"},
		{"glossary.feed_forward", "glossary.feed_forward_twin", "glossary.feed_forward_means"},
		{"glossary.logit", "glossary.logit_twin", "glossary.logit_means"},
		{"glossary.lens", "glossary.lens_twin", "glossary.lens_means"},
		{"glossary.temperature", "glossary.temperature_twin", "glossary.temperature_means"},
		{"glossary.top_k", "glossary.top_k_twin", "glossary.top_k_means"},
		{"glossary.top_p", "glossary.top_p_twin", "glossary.top_p_means"},
		{"glossary.prefill", "glossary.prefill_twin", "glossary.prefill_means"},
		{"glossary.kv_cache", "glossary.kv_cache_twin", "glossary.kv_cache_means"},
		{"glossary.block", "glossary.block_twin", "glossary.block_means"},
		{"glossary.bandwidth", "glossary.bandwidth_twin", "glossary.bandwidth_means"},
	}
}
