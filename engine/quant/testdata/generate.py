#!/usr/bin/env python3
"""Writes reference.json: random blocks of every format, with the values that the Python package gguf reads from them.

    pip install gguf==0.19.0 && python3 generate.py > reference.json

"dequantize" holds random bytes, only their float16 scales made ordinary, so that every bit of a block matters.
"quantize" holds random rows and the bytes that gguf writes for them.
"""
import json

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

# Where the float16 scales of a block stand.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
rng = np.random.default_rng(3)
read, written = [], []
for name, offsets in SCALES.items():
    size, length = GGML_QUANT_SIZES[Type[name]]
    blocks = rng.integers(0, 256, (3 if size == 32 else 2, length), dtype=np.uint8)
    for offset in offsets:
        scales = rng.normal(0, 0.02, (len(blocks), 1)).astype(np.float16)
        blocks[:, offset:offset + 2] = scales.view(np.uint8)
    values = gguf.quants.dequantize(blocks, Type[name])
    read.append({"type": name, "bytes": blocks.tobytes().hex(), "values": values.ravel().tolist()})

for name in ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]:
    values = rng.normal(0, [[0.01], [1], [1000], [0]], (4, 32)).astype(np.float32)
    written.append({"type": name, "bytes": gguf.quants.quantize(values, Type[name]).tobytes().hex(), "values": values.ravel().tolist()})

lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
print('{"dequantize": ' + lines(read) + ', "quantize": ' + lines(written) + "}")
