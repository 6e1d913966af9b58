#!/usr/bin/env python3
"""Writes python.gguf with the Python package gguf: a value of every type and tensors of several formats and shapes.

    pip install gguf==0.19.0 && python3 generate.py python.gguf
"""
import sys

import gguf
import numpy as np

w = gguf.GGUFWriter(sys.argv[1], "vitrine")
w.add_custom_alignment(64)
w.add_uint8("a.uint8", 200)
w.add_int8("a.int8", -100)
w.add_uint16("a.uint16", 60000)
w.add_int16("a.int16", -30000)
w.add_uint32("a.uint32", 4000000000)
w.add_int32("a.int32", -2000000000)
w.add_float32("a.float32", 1.5)
w.add_bool("a.bool", True)
w.add_string("a.string", "注意力 attention")
w.add_uint64("a.uint64", 2**64 - 1)
w.add_int64("a.int64", -(2**63))
w.add_float64("a.float64", 0.1)
w.add_array("an.array.of.strings", ["", "a", "注意"])
w.add_array("an.array.of.ints", [1, -2, 3])
w.add_array("an.array.of.floats", [0.5, -0.25])
w.add_array("an.array.of.bools", [True, False])
w.add_array("an.array.of.arrays", [[1, 2], [3]])
w.add_tensor("matrix", np.arange(6, dtype=np.float32).reshape(2, 3))
w.add_tensor("half", np.arange(8, dtype=np.float16).reshape(2, 2, 2))
w.add_tensor("quantized", gguf.quants.quantize(np.arange(64, dtype=np.float32).reshape(1, 64), gguf.GGMLQuantizationType.Q8_0),
             raw_dtype=gguf.GGMLQuantizationType.Q8_0)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
