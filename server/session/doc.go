// Package session is the layer between the engine and the page: WebSocket
// connections, conversations, and the answers to what a page asks.
//
// # Who owns what
//
// A [Server] holds the sessions. A session is one conversation: a tree of
// branches, its messages, and at most one request of the engine that runs; those of
// the branches that were left are set aside, and share their blocks with it until
// memory is short ([engine.Handle.Fork]). One goroutine owns the session (the function
// run in session.go); everything reaches it by channels:
//
//	page ── reader ──► commands ─┐                       ┌─► outbox ── writer ──► page
//	engine ── pump ──► events ───┼─► session (one owner) ┤
//	query worker ────► answers ──┘                       └─► engine's Handle
//
// Questions that make the engine compute are answered by a worker of their own
// beside the owner, one at a time, so that a long one does not hold up the
// pause button. The worker gets a snapshot of the conversation; if the
// conversation has moved to other tokens by the time the answer is there, the
// page is told so instead ("gone").
//
// # Slow pages
//
// What goes to the page waits in an outbox of two parts. Tokens, messages,
// states, answers and problems wait in order and are never dropped. Visual
// frames (attention rows, logits, steps, blocks) go after them, and of each
// sort only the latest is kept. A page that does not read for longer than the
// write time-out, or lets the ordered part grow over its bound, is
// disconnected; its session stays for [Options.KeepAlive] and says everything
// again to the page that opens it next.
//
// # Bad input
//
// A command that cannot be done is answered with a wire.Problem that names the
// field and says what would be right; the session goes on. Only a page that
// sends nothing but garbage is closed, after [maxBadFrames].
package session
