#!/usr/bin/env python3
"""Writes python.safetensors with the Python package safetensors: several types and shapes, and awkward names.

    pip install safetensors==0.8.0 numpy && python3 generate.py python.safetensors
"""
import sys

import numpy as np
import safetensors

FLOATS = np.array([1.5, -2, 0.25, 8, 0, -0.5], np.float32)
UPPER_HALVES = (FLOATS.view(np.uint32) >> 16).astype(np.uint16)  # all of FLOATS have zeros below

arrays = {
    "matrix": ("float32", FLOATS.reshape(2, 3)),
    "half": ("float16", FLOATS.astype(np.float16).reshape(3, 2)),
    "brain": ("bfloat16", UPPER_HALVES),
    "number": ("float32", FLOATS[:1].reshape(())),
    "nothing": ("float32", np.zeros((0, 4), np.float32)),
    "ids": ("int64", np.array([7, -7])),
    "byte": ("uint8", np.array([5], np.uint8)),
    'a "quoted" <name> 注意': ("uint32", np.array([1], np.uint32)),
}
specs = {
    name: safetensors.TensorSpec(dtype=dtype, shape=list(a.shape), data_ptr=a.ctypes.data, data_len=a.nbytes)
    for name, (dtype, a) in arrays.items()
}
with open(sys.argv[1], "wb") as f:
    # One entry of metadata: the package writes several in random order.
    f.write(safetensors.serialize(specs, {"format": "<np> & 注意"}))
