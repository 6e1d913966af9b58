// Package openai serves an engine over HTTP as OpenAI's API and vLLM's server
// do: /v1/models, /v1/completions and /v1/chat/completions, vLLM's /tokenize,
// /detokenize, /version and /metrics.
//
// # Fields
//
// Names, meanings and defaults are OpenAI's, and vLLM's for what only vLLM has.
// A body is read strictly: a field that is unknown, given twice, of another
// type or not supported gets 400 with its name in the error's param. Nothing is
// ignored but user and metadata, which are notes of the client's own.
// A field that is null has its default.
//
// With use_beam_search nothing is drawn: the choices are the n likeliest answers as a whole,
// ranked by length_penalty as vLLM ranks them. What would be about a draw is refused.
//
// # Errors
//
// Every error has OpenAI's shape, {"error": {"message", "type", "param",
// "code"}}, and one of the statuses 400 (the request), 401 (no key), 403, 404
// (the path or the model), 405, 413 (the body), 415, 429 (too many requests, with
// Retry-After) and 503 (no model yet, or the server is stopping). An answer that
// fails while it is being streamed ends with an event that holds the error.
//
// # Lifetimes
//
// A request ends with its client: who hangs up, or does not read for longer
// than the write timeout, has his request aborted and its blocks freed. So a
// slow reader holds no more than one answer's tokens.
package openai
