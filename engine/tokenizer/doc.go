// Package tokenizer turns text into the ids that a language model reads, and
// ids back into text.
//
// A tokenizer is a line of stages, each of which may be absent:
//
//	text ─ added tokens ─ normalizer ─ pre-tokenizer ─ model ─► ids ─ decoder ─► text
//
// Added tokens (<|im_start|>, </s>, …) are cut out of the text first and become
// their id whole. The normalizer rewrites what is left: Unicode NFC for Qwen, spaces
// to ▁ for Gemma and Llama 2, lower case for BERT. The pre-tokenizer cuts it into
// words, which no token crosses. The model turns each word into ids: byte-level BPE
// (GPT-2, Llama 3, Qwen, SmolLM2), BPE with byte fallback (SentencePiece: Llama 2,
// Gemma), or WordPiece (BERT).
//
// The stages come from a Hugging Face tokenizer.json ([FromJSON]) or from the
// metadata of a GGUF file ([FromGGUF]); [Load] tells the two apart. The reference
// is the Hugging Face tokenizers library, and transformers for what it makes of a
// GGUF file: its ids with add_special_tokens=False are those of
// EncodeOptions{ParseSpecial: true} here.
//
// [Tokenizer.Trace] tells an encoding step by step, down to each merge and its
// rank. [Tokenizer.NewStream] decodes ids as they come and never lets out half
// a character.
//
// # Bytes that are not UTF-8
//
// A tokenizer that has a token for every byte encodes invalid UTF-8 as the bytes
// it is, so that [Tokenizer.Bytes] of the ids gives the input back. One that lacks
// a token for one of the invalid bytes, and WordPiece always, refuses the text
// with [ErrInvalidUTF8] and says where. Decoding puts U+FFFD in place of each
// maximal ill-formed sequence (Unicode, section 3.9, best practice for U+FFFD);
// the reference does so for byte-level BPE, and for byte fallback puts one in place
// of every byte of a run that is not valid as a whole.
//
// # What a vocabulary cannot say
//
// Valid text may hold characters that a vocabulary without an unknown token has
// no id for: SmolLM2, for one, has no token for the control bytes 04 and 06. Such
// a character yields no id, as in the reference, and a trace has no symbol for it.
//
// # Versions of Unicode
//
// Whether a character is a letter, a digit or a mark is asked of Go's tables, which
// are those of Unicode 15 in Go 1.26; the reference asks Unicode 16. A text in one
// of the scripts that the later version added may be cut at other places.
package tokenizer
