// Package engine runs a large language model for many requests at once, on
// one goroutine that owns its state.
//
// # Basics
//
// [New] opens a model by its name and fetches it if it is not here; an [LLM]
// continues prompts as vLLM's class of that name does, all in common batches:
//
//	llm, err := engine.New("smollm2-135m-instruct", engine.WithTensorParallelSize(2))
//	…
//	defer llm.Close()
//	outputs, err := llm.Generate(ctx, prompts, engine.SamplingParams{Temperature: 0.8, TopP: 0.95})
//
// [LLM.Chat] answers conversations in the model's own template, [LLM.Stream] yields
// tokens as they are drawn, [LLM.Encode] tells token ids. [SamplingParams] have
// vLLM's names; the zero value of a field is vLLM's default, but a Temperature
// of 0 is greedy. There are some for all prompts, or for each its own.
//
// [LLM.GeneratePrompts] takes prompts as token ids, with a priority or a cache salt;
// SamplingParams.StructuredOutputs asks for a form of the answer; [LLM.BeamSearch] looks for the
// likeliest answers. [WithSchedulingPolicy], [WithPrefixCaching] and [WithPromptLookup] say
// how the engine serves.
//
// # The engine inside
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
// A token travels like this: [scheduler.Planner] decides which positions of
// which requests the next step computes; package kvcache gives them blocks, or
// finds blocks that hold what they begin with;
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
// # Serving
//
// Requests are batched continuously: whoever has tokens to compute gets a share of
// the next step, many of a prompt or one behind the last, under a budget
// ([Options.MaxBatchTokens]). Where memory runs out, the last comer, or under
// the policy [Priority] the lowest, loses its blocks and is computed anew later
// ([Preempted]); nobody comes in whose tokens do not all fit beside those of whoever runs, so
// that this does not happen again and again. What can never fit is refused by [Engine.Add].
//
// Full blocks are found again by their tokens ([Options.DisablePrefixCaching],
// [Request.CacheSalt]); guesses taken from the sequence itself are verified
// many at a time ([PromptLookup]). Neither changes a token: a token depends on the
// request, its seed and its position alone, whatever else is in the step.
//
// [StaticBatching], [OneAtATime], [Contiguous] and [NoCache] are what engines
// did before. They exist to be compared with, run the same kernels, and can be
// changed to while the engine rests ([Engine.Configure]).
//
// [Engine.Stats] are the figures, with vLLM's meanings. An [Observer] is told each
// step, request, state and block. [Engine.AllowSteps] makes single steps.
//
// # Tensor parallelism
//
// A model on a backend of package parallel is divided among ranks, goroutines
// that each have whole KV heads, columns of the feed-forward layer and a part of the
// vocabulary, and add up what they have in all-reduces, which an [Observer] sees. The
// tokens are those of a single rank, the logits differ from its in the last digits,
// as any other order of a sum does. Heads, taps and the KV cache are numbered as ever.
//
// # Caveats
//
// A model belongs to one engine at a time, or to several that take turns
// ([Options].Turn). Events for the eye (attention,
// logits, steps) are dropped when their reader is slow; tokens and states
// never are: a request whose reader has too much to read ([Options.MaxUnread])
// is not computed on until he has read some, and others may take its blocks. A
// request whose attention is watched computes its whole prompt and guesses nothing;
// one whose prompt is scored computes it whole too. A paused request keeps its blocks: many of them can
// leave no memory for those that would run.
// Functions of an [Observer] run inside the engine and must not call it.
//
// A panic, which is a mistake in the program, ends the request or the call that met it, and a
// panic in the model those of its step: see [Panic].
//
// The first call of [New] for a known model may fetch it from the network, hundreds
// of megabytes; [WithContext] bounds that, and a path never does.
//
// Ranks wait for one another more than a hundred times a token. On one machine they
// are no faster than a single rank with as many threads, and on one whose
// processors are busy with other things they are much slower: a rank that the
// system holds back holds up all. They are there to be seen, and for backends on several devices.
package engine
