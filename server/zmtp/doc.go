// Package zmtp speaks ZeroMQ's wire protocol, ZMTP 3.0 (rfc.zeromq.org/spec/23),
// over TCP with the security mechanism NULL: as much of it as vLLM's KV events
// need, which a PUB socket publishes and a ROUTER socket replays.
//
// It is our own, for a peer is not to be trusted with more than its own
// connection: what it sends is bounded before there is memory for it, a
// greeting has a time to come in, and who does not read holds up nobody else.
// The queues that ZeroMQ has between a program and its connections are the
// caller's, who knows what may be dropped.
package zmtp
