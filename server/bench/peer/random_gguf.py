"""Writes a GGUF file of a Llama with random weights in float32, to measure formats with.

    random_gguf.py MODEL.gguf OUT.gguf

Its widths are multiples of 256, so that llama-quantize --pure can write all of it in
one of the K formats: of SmolLM2 and Gemma 3 270M, whose widths are not, it writes most matrices
in others. The vocabulary is that of MODEL.gguf, a Llama's. Needs the packages gguf and numpy.
"""

import sys

import numpy
from gguf import GGUFReader, GGUFValueType, GGUFWriter

WIDTH, FFN, LAYERS, HEADS, KV_HEADS = 1024, 2816, 20, 16, 4
HEAD = WIDTH // HEADS

reader, out = GGUFReader(sys.argv[1]), GGUFWriter(sys.argv[2], "llama")
vocabulary = len(reader.fields["tokenizer.ggml.tokens"].contents())
out.add_name("random weights")
out.add_context_length(8192)
out.add_embedding_length(WIDTH)
out.add_block_count(LAYERS)
out.add_feed_forward_length(FFN)
out.add_head_count(HEADS)
out.add_head_count_kv(KV_HEADS)
out.add_layer_norm_rms_eps(1e-5)
out.add_rope_freq_base(100000.0)
out.add_rope_dimension_count(HEAD)
out.add_vocab_size(vocabulary)
for key, field in reader.fields.items():
    if key.startswith("tokenizer."):
        out.add_key_value(key, field.contents(), field.types[0], field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None)

random = numpy.random.default_rng(1)


def matrix(name, rows, cols, scale=1.0):
    out.add_tensor(name + ".weight", (scale / numpy.sqrt(cols) * random.standard_normal((rows, cols), dtype=numpy.float32)).astype(numpy.float32))


def ones(name):
    out.add_tensor(name + ".weight", numpy.ones(WIDTH, numpy.float32))


matrix("token_embd", vocabulary, WIDTH, 8)
ones("output_norm")
for layer in range(LAYERS):
    block = f"blk.{layer}."
    ones(block + "attn_norm")
    ones(block + "ffn_norm")
    matrix(block + "attn_q", WIDTH, WIDTH)
    matrix(block + "attn_k", KV_HEADS * HEAD, WIDTH)
    matrix(block + "attn_v", KV_HEADS * HEAD, WIDTH)
    matrix(block + "attn_output", WIDTH, WIDTH)
    matrix(block + "ffn_gate", FFN, WIDTH)
    matrix(block + "ffn_up", FFN, WIDTH)
    matrix(block + "ffn_down", WIDTH, FFN)
out.write_header_to_file()
out.write_kv_data_to_file()
out.write_tensors_to_file()
out.close()
