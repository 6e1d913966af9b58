// Package remote is a client of an engine that runs elsewhere: vLLM, or any
// other server that speaks OpenAI's API.
//
// # What is asked
//
//   - /v1/models names the model, with vLLM the longest sequence, and its owner:
//     that is how vLLM and Vitrine are known, which take parameters that OpenAI's
//     API does not have and tell token ids (return_token_ids,
//     return_tokens_as_token_ids).
//   - /version tells which vLLM or Vitrine it is.
//   - /v1/chat/completions and /v1/completions stream an answer with the
//     log-probabilities of its tokens and of the likeliest others.
//   - /detokenize, where there is one, says what a token id stands for.
//   - /metrics, where there is one, gives the [Gauges], once a second.
//   - A ZeroMQ publisher, where one is named, tells of the blocks of its prefix
//     cache (vLLM's --kv-events-config).
//
// A [Forward] passes on what clients of the API ask for.
//
// # What is not told stays unknown
//
// A number that the server does not tell is NaN, an id is −1 and a text is nil.
// Nothing is filled in from elsewhere.
//
// # Trust
//
// The server is somebody else's. Everything that is read from it is bounded:
// the size of an answer, of a line and of a whole stream, the time without a
// word, the number of blocks. What does not fit is an [*Error] that says so in
// plain words.
package remote
