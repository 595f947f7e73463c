"""Writes Tests/Golden/encode/: random values, and what the reference encoders make of them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install gguf==0.19.0 numpy
    /tmp/venv/bin/python Tests/Golden/make_encode_golden.py [BITNET_CPP]

values.f32 holds rows of 512 floats; TYPE.blocks what gguf-py's quantizer of that type makes of them. ternary.f32 holds 8
rows of 256 values -s, 0, +s; ternary-TYPE.blocks the same of it, and with the folder of a bitnet.cpp checkout (tried:
6d113cd) ternary-I2_S.blocks what its quantize_i2_s makes of it, compiled from src/ggml-bitnet-mad.cpp. The 28 bytes after
the scale, which that function leaves as they are, are zero as its Python converters write them.
"""

import ctypes
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

folder = pathlib.Path(__file__).parent / "encode"
folder.mkdir(exist_ok=True)
random = np.random.default_rng(1580)


def encode(name, values):
    return gguf.quants.quantize(values, gguf.GGMLQuantizationType[name])


rows = [
    random.normal(size=512), random.normal(size=512) * 1e-3, random.normal(size=512) * 1e-6,
    random.normal(size=512) * 3e4, np.zeros(512), random.integers(-8, 9, 512) / 2,
    random.integers(-254, 255, 512) / 2, np.where(random.random(512) < 0.5, 0.0, random.normal(size=512)),
    random.standard_cauchy(512), random.uniform(-1, 1, 512) * 6e-8,
]
values = np.array(rows, dtype=np.float32)
# Halfway between two halves, and between two bfloat16s.
values[0, :4] = [1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8]
values[0, 4:8] = [65504, 65519, 65520, 2**-24]
values[0, 8:10] = [2**-25, 3 * 2**-25]
(folder / "values.f32").write_bytes(values.tobytes())
with np.errstate(all="ignore"):
    for name in ["F16", "BF16", "Q8_0", "Q4_0", "TQ1_0", "TQ2_0"]:
        (folder / f"{name}.blocks").write_bytes(encode(name, values).tobytes())

trits = random.integers(-1, 2, (8, 256))
trits[3] = 0
ternary = trits.astype(np.float32) * np.float32(0.0765432)
(folder / "ternary.f32").write_bytes(ternary.tobytes())
for name in ["TQ1_0", "TQ2_0", "F16", "Q8_0"]:
    (folder / f"ternary-{name}.blocks").write_bytes(encode(name, ternary).tobytes())

if len(sys.argv) > 1:
    peer = pathlib.Path(sys.argv[1])
    ggml = peer / "3rdparty/llama.cpp/ggml"
    with tempfile.TemporaryDirectory() as work:
        library = f"{work}/mad.so"
        flags = ["-O1", "-mavx2", "-mfma", "-shared", "-fPIC", "-fpermissive", "-w"]
        includes = [f"-I{path}" for path in [peer / "include", ggml / "include", ggml / "src"]]
        source = str(peer / "src/ggml-bitnet-mad.cpp")
        # It asks ggml for the size that it returns, and nothing else.
        stub = pathlib.Path(work) / "stub.cpp"
        stub.write_text('#include "ggml.h"\nsize_t ggml_row_size(enum ggml_type, int64_t n) { return n; }\n')
        subprocess.run(["g++", *flags, *includes, source, str(stub), "-o", library], check=True)
        mad = ctypes.CDLL(library)
    quantize = mad.quantize_i2_s
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    out = np.zeros(ternary.size // 4 + 32, dtype=np.uint8)
    quantize(ternary.ctypes.data, out.ctypes.data, ternary.shape[0], ternary.shape[1], None)
    out[-28:] = 0
    (folder / "ternary-I2_S.blocks").write_bytes(out.tobytes())
