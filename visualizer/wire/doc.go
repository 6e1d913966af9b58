// Package wire is the language between the server and the page: what the
// messages are, and how each becomes bytes and comes back. Both ends use this
// package, so neither can drift from the other.
//
// A [Frame] travels from the server to the page, a [Command] from the page to
// the server. Each is one binary WebSocket message; the records of a recording
// hold the same bytes (package recording).
//
// # Format
//
// A message is
//
//	byte 0   Version
//	byte 1   Kind
//	byte 2…  the fields of the struct in the order of its declaration
//
// and nothing after the last field. All numbers are little-endian.
//
//	bool                  1 byte, 0 or 1; nothing else is accepted
//	uint8, Phase, Role …  1 byte; a value that this version does not define is refused
//	uint16                2 bytes
//	uint32, int32         4 bytes, int32 in two's complement
//	uint64                8 bytes
//	float32               4 bytes, IEEE 754 binary32; NaN keeps its payload
//	Views                 4 bytes; unknown bits are refused
//	string                uint32 length in bytes, then UTF-8
//	[]byte, []uint8       uint32 length, then the bytes
//	slice of T            uint32 count, then each T
//	struct                its fields, with nothing around them
//
// The encoding is canonical: one value has one encoding, so what decodes
// encodes to the same bytes again. A string that is not UTF-8 is written with
// U+FFFD in place of what is wrong and is refused by the decoder.
//
// # Sizes
//
// With SmolLM2-135M (30 layers, 9 heads, width 576, vocabulary 49,152):
//
//	Tokens, one drawn token                     about 50 B
//	Step                                        36 B
//	AttentionRows, the row of position 511      138,260 B (135 KiB)
//	Logits, the whole vocabulary                196,634 B (192 KiB)
//	Vector                                      2,324 B
//	HeadMatrix, 512 tokens                      525,334 B (513 KiB)
//	Projection, 512 tokens                      190,616 B (186 KiB)
//	Timing, one step                            1,510 B
//
// A page that asks for a [Pace] gets several of them in one message, a [Bundle].
//
// # Reading defensively
//
// The decoders accept any bytes. A version or kind that is not known, a
// message that ends early or goes on too long, a count that the rest of the
// message cannot hold, a value outside its enumeration and sizes that
// contradict each other give an [*Error] that names the kind, the field, the
// offset and what was wanted. They do not panic, and they allocate at most
// eight times the length of the message.
//
// Whether a well-formed value makes sense (a temperature of NaN, a layer that
// the model does not have) is for the receiver to say.
//
// # Two sockets
//
// The chat and the hall (/serving) have a socket each, and each has its own decoders
// ([DecodeFrame], [DecodeHallFrame], …) that know no other kinds, so that neither
// program of the browser carries what only the other reads.
//
// # Aliasing
//
// Byte slices ([Token].Bytes, [AttentionRows].Values, …) alias the decoder's
// input: leave it as it is for as long as the frame lives. Strings and slices
// of numbers are copies. In particular [Logits], [Step], [State] and [Message]
// alias nothing.
//
// # Versioning
//
// There is no negotiation: the server serves the page that speaks its version,
// and a recording says its version in every record. Any change of a message's
// bytes or of a field's meaning, a new enumeration value and a new flag
// included, raises [Version]; a new kind alone does not, for no one sends what
// the other end did not ask for, nor a new value at the end of [Operation], which
// leaves everything readable that was written before. Numbers of kinds are never used twice. The
// golden vectors in testdata hold every kind to its bytes, so the format
// cannot change unnoticed.
package wire
