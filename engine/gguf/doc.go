// Package gguf reads and writes GGUF, the file format in which llama.cpp and its relatives keep a model: a list of
// named values (architecture, hyperparameters, vocabulary, chat template) and a list of named tensors.
//
// The format is specified at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. A file is
//
//	"GGUF", version, number of tensors, number of metadata entries
//	metadata entries: key, type of the value, value
//	tensor infos: name, number of dimensions, dimensions, number format, offset in the data
//	padding to the alignment (general.alignment, 32 if not said)
//	tensor data, each tensor at a multiple of the alignment
//
// # Reading
//
// Open maps the file into memory, so that a model of gigabytes opens at once and its weights are read from the disk
// when they are first touched; Parse reads from a slice. Versions 2 and 3 are read, little-endian.
//
// A model file comes from the network and is not trusted. Every count, length, dimension and offset is held against
// what the file has room for before it is used, so a damaged or hostile file gives an error that names the field, and
// no allocation is larger than a small multiple of the file. Values of arrays stay in the file until they are asked
// for.
//
// # Caveats
//
// Values and tensors are views of the mapping: Close ends them, and a program that touches a Tensor's Data after Close
// crashes. What the getters return (strings, slices) is copied, and stays. Nobody may shorten the file while it is
// mapped; replace a model by renaming another over it.
package gguf
