// Package engine runs a large language model for many requests at once, on
// one goroutine that owns its state.
//
// # Basics
//
// An [Engine] is made of a model and its tokenizer. [Engine.Add] takes in a
// [Request] and returns a [Handle], whose [Handle.Next] tells what happens to
// it: tokens as they are drawn, changes of state, and, if it is watched,
// attention weights and logits.
//
//	b := cpu.New(0)
//	m, err := model.Load("smollm2.gguf", b, model.LoadOptions{})
//	…
//	e, err := engine.Start(m, tok, engine.Options{})
//	h, err := e.Add(ctx, engine.Request{Prompt: ids, Params: sampler.Defaults()})
//	for {
//		event, err := h.Next(ctx)
//		…
//	}
//
// A token travels like this: [scheduler.Plan] decides which positions of
// which requests the next step computes; package kvcache gives them blocks;
// [model.Model.Forward] computes them on a backend; package sampler draws the
// next token of each request that has caught up.
//
// A held request can be paused, stepped by single tokens, rewound, continued
// with other tokens, and looked into: [Handle.Probe] computes positions again
// against the KV cache and returns any number inside the model.
//
// A request may have several outputs (Params.N). Its prompt is computed once;
// then they are forked, and hold the prompt's full blocks together until they
// end. They can be paused, stepped and aborted, all at once; what looks into a
// single sequence or changes it is refused to them.
//
// A request may ask for a form of its answer (Request.Structured), which package
// structured makes of a JSON schema, a regular expression or a list of texts. The
// answer ends when nothing can follow. [Engine.BeamSearch] looks for the likeliest
// continuations instead of drawing one; its beams are forks too.
//
// # Caveats
//
// A model belongs to one engine at a time. Events for the eye (attention,
// logits, steps) are dropped when their reader is slow; tokens and states
// never are, so a handle that nobody reads holds its tokens' events in memory.
// Functions of an [Observer] run inside the engine and must not call it.
package engine
