"""Writes Tests/Golden/dequantize/: random blocks of every tensor type, and what they decode to.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install gguf==0.19.0 numpy
    /tmp/venv/bin/python Tests/Golden/make_dequantize_golden.py [SmolLM2-135M-Instruct.Q4_1.gguf]

TYPE.blocks holds the encoded bytes, TYPE.f32 the bits of the decoded floats, by gguf-py; for I2_S, which gguf-py does not
know, by the numpy lines below, written from the layout as bitnet.cpp documents it. With the model file given,
smollm2-rows.json gets, for every tensor, the FNV-1a hash over the float bits of its first, middle and last row.
"""

import json
import pathlib
import sys

import gguf
import numpy as np

folder = pathlib.Path(__file__).parent / "dequantize"
folder.mkdir(exist_ok=True)
random = np.random.default_rng(158)

# Where the f16 scales stand in a block, and how many blocks to make.
types = {
    "Q4_0": ([0], 48), "Q4_1": ([0, 2], 48), "Q5_0": ([0], 48), "Q5_1": ([0, 2], 48), "Q8_0": ([0], 48),
    "Q4_K": ([0, 2], 8), "Q5_K": ([0, 2], 8), "Q6_K": ([208], 8), "TQ1_0": ([52], 8), "TQ2_0": ([64], 8),
}


def scales(count):
    """Finite halves of all magnitudes: a quarter of them subnormal, and both zeros."""
    bits = random.integers(0, 0x7C00, count, dtype=np.uint16)
    subnormal = random.random(count) < 0.25
    bits[subnormal] = random.integers(1, 0x400, int(subnormal.sum()), dtype=np.uint16)
    bits |= random.integers(0, 2, count, dtype=np.uint16) << 15
    bits[0], bits[-1] = 0, 0x8000
    return bits


def write(name, blocks, floats):
    assert floats.dtype == np.float32
    (folder / f"{name}.blocks").write_bytes(np.ascontiguousarray(blocks).tobytes())
    (folder / f"{name}.f32").write_bytes(np.ascontiguousarray(floats).tobytes())


for name, (positions, count) in types.items():
    kind = gguf.GGMLQuantizationType[name]
    size = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for position in positions:
        blocks[:, position : position + 2] = scales(count).view(np.uint8).reshape(count, 2)
    write(name, blocks, gguf.quants.dequantize(blocks, kind))

halves = np.concatenate([scales(500), np.array([0x7C00, 0xFC00, 0x0001, 0x03FF, 0x0400, 0x7BFF], dtype=np.uint16)])
write("F16", halves, halves.view(np.float16).astype(np.float32))
upper = random.integers(0, 1 << 16, 512, dtype=np.uint16)
write("BF16", upper, gguf.quants.dequantize(upper.view(np.uint8).reshape(1, -1), gguf.GGMLQuantizationType.BF16).ravel())

# I2_S: rows of 192, so that every second row begins in the middle of a block of 128.
codes = random.integers(0, 3, 192 * 8)
scale = np.float32(0.7654321)
packed = np.zeros(codes.size // 4, dtype=np.uint8)
for element, code in enumerate(codes):
    block, within = divmod(element, 128)
    packed[32 * block + within % 32] |= int(code) << (6 - 2 * (within // 32))
trailer = np.concatenate([np.array([scale]).view(np.uint8), random.integers(0, 256, 28, dtype=np.uint8)])
write("I2_S", np.concatenate([packed, trailer]), (codes - 1).astype(np.float32) * scale)

if len(sys.argv) > 1:
    def fnv(words):
        state = 0xCBF29CE484222325
        for word in words:
            state = ((state ^ int(word)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return f"{state:016x}"

    tensors = []
    for tensor in gguf.GGUFReader(sys.argv[1]).tensors:
        floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        shape = [int(n) for n in reversed(tensor.shape)]
        rows = floats.reshape(-1, shape[-1])
        picked = sorted({0, len(rows) // 2, len(rows) - 1})
        hashes = [fnv(np.ascontiguousarray(rows[r]).view(np.uint32)) for r in picked]
        tensors.append({"name": tensor.name, "type": tensor.tensor_type.name, "shape": shape, "rows": picked, "hashes": hashes})
    lines = ",\n".join(json.dumps(tensor) for tensor in tensors)
    (folder / "smollm2-rows.json").write_text(f"[\n{lines}\n]\n")
