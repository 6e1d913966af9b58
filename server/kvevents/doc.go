// Package kvevents publishes what happens to the blocks of the engine's prefix
// cache, in the format in which vLLM does (vllm/distributed/kv_events.py), so
// that a router that knows vLLM, or another Vitrine, sees which prompts are in
// memory here.
//
// Each batch is a message of three frames: the topic, a sequence number of
// eight bytes, big-endian, and [time, events, rank] in MessagePack. Who was late
// or fell behind asks the replay endpoint for everything from a number on.
//
// Whoever can reach the endpoints learns the token ids of all prompts and
// answers, as with vLLM.
package kvevents
