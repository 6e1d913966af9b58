package telling

import "strings"

// fieldNames are the words for the fields of commands and parameters that a
// problem can be with, as the pages call them: the chat's, and then the hall's.
var fieldNames = map[string]string{
	"text": "told.field_text", "system": "told.field_system", "Op": "told.field_op", "Count": "told.field_count",
	"Position": "told.field_position", "Token": "told.field_token", "Tokens": "told.field_tokens", "Branch": "told.field_branch",
	"Branches": "told.field_branch", "Active": "told.field_branch", "Messages": "told.field_messages", "Layer": "told.field_layer",
	"Head": "told.field_head", "Key": "told.field_key", "Block": "told.field_block", "Text": "told.field_asked",
	"What": "told.field_asked", "Millis": "told.field_pace",
	"temperature": "params.temperature", "top_k": "params.top_k", "top_p": "params.top_p", "min_p": "params.min_p",
	"repetition_penalty": "params.repetition", "presence_penalty": "params.presence", "frequency_penalty": "params.frequency",
	"max_tokens": "params.max_tokens", "min_tokens": "told.field_min_tokens", "seed": "params.seed", "order": "params.order",
	"stop": "told.field_stop", "logit_bias": "told.field_logit_bias", "prompt": "told.field_text",

	"count": "told.field_requests", "outputs": "hall.outputs", "sort": "hall.sort", "rate": "hall.rate", "request": "told.field_request",
	"blocks": "hall.blocks", "block_size": "hall.size", "batch_tokens": "hall.batch", "sequences": "hall.sequences", "drafts": "hall.drafts",
}

// Field is a field in words. Of one within a list it is the list's; one without words
// of its own is said by its name in English only.
func Field(field string) Message {
	name, _, _ := strings.Cut(field, "[")
	if key, known := fieldNames[name]; known {
		return Of(key)
	}
	return From(field, "told.field_other")
}
