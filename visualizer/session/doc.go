// Package session is what the page knows: it applies the server's frames and
// answers the views' questions. It is pure state, without DOM, clock or
// network, and is used by one goroutine.
//
// # What depends on what
//
// A token's vectors, attention row, flow and lens depend on the tokens at and
// before its position and on nothing else: attention is causal. So the session
// files every such value under a 64-bit hash of that prefix (as engines file
// KV blocks for prefix caching), not under a position. Cutting the sequence or
// changing the branch then takes away everything that hung on the dropped
// tokens, because their prefixes are gone; coming back to a branch brings back
// what is still held of it; and nothing has to be invalidated by hand. (Two of
// n prefixes collide with probability under n²/2⁶⁵: 10⁻¹³ for a thousand
// conversations of a thousand tokens.)
//
// # Questions
//
// A view that needs an answer calls the accessor; if that has none, it passes
// the question to [Session.Want] and sends what that returns. Want says no to
// what is already answered, under way or was refused. An answer that arrives
// after its tokens were replaced is dropped.
//
// # Limits
//
// Memory is bounded, whatever the length of the conversation:
//
//	attention rows      MaxAttentionBytes  rows of other branches go first, then those of the oldest positions
//	full logit vectors  MaxLogits          least recently used goes first
//	answers             MaxAnswerBytes     least recently used goes first
//	pieces              MaxPieces          all go
//	refusals            MaxRefusals        all go
//
// The tokens, messages, branches and changed blocks themselves are kept whole;
// they are as large as the frames that brought them.
//
// # Ownership
//
// The session keeps the frames given to [Session.Apply] or parts of them, so
// the caller must not reuse the bytes that they were decoded from, with the
// exception of frames that alias nothing (see package wire) and of
// [wire.AttentionRows], which are copied. Slices that the accessors return are
// for reading, and valid until the next Apply.
package session
