// Package safetensors reads and writes safetensors, the file format in which Hugging Face keeps weights.
//
// The format is specified at https://github.com/huggingface/safetensors#format. A file is
//
//	8 bytes   N, the length of the header, little-endian
//	N bytes   the header, JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}, and under
//	          "__metadata__" pairs of strings
//	the rest  the tensors' elements, row-major, little-endian, at the offsets that the header gives
//
// A large model comes in several files (shards) and model.safetensors.index.json, which says what is where.
//
// # Reading
//
// Open maps a file, or all the shards of a folder, into memory; Parse reads from a slice. Files are not trusted: the
// header is at most 100 MB and no longer than the file, no name comes twice, every shape fits its bytes, and the
// tensors cover the data without a hole or an overlap. These are the rules of the reference implementation, and leave
// no room in which something could hide. What breaks them gives an error that names the tensor and the field.
//
// # Caveats
//
// Tensors are views of the mapping: Close ends them, and a program that touches a Tensor's Data after Close crashes.
// Nobody may shorten the files while they are mapped; replace a model by renaming another over it.
package safetensors
