// Package serving is the server's side of the hall (/serving): one engine with
// a small pool of KV blocks, on the model that the chat runs on too, which
// everyone who opens the page fills with requests and watches.
//
// One goroutine owns the hall: who is here, which requests they added, how the
// engine is run. What the engine does comes from its observer as records with
// consecutive numbers (recorder); each is applied to the hall's own copy of what
// pages know (vitrine/visualizer/hall) and sent to every page, so a page that
// joins gets the same history as those that were there.
//
// A request is the reader's who added it: others cannot cancel it, nor set up the
// engine anew while it runs, which would end it. A page on the server's own machine
// may. Pausing, stepping, arrivals and races are everyone's.
//
// A request may have several outputs. Each is told of under its own number from when
// it is forked off; what they share and copy is in the blocks' records and in the events.
//
// The hall's engine, the chat's and those of a race share the model by turns
// ([engine.Options].Turn). During a race the hall's engine stands still, and a side's
// time is that of its own steps, so neither disturbs what is measured.
package serving
