"""Why llama.cpp and bitnet.cpp do not give this program's logits to the last bit: their arithmetic, in numpy.

Usage: peer_agreement.py MODEL.gguf OURS [--peer PROGRAM [--greedy N]] [--rounding NAME ...] [--layers N ...]
                         [--scale X] [--tokens ID,ID,...]

OURS is the `bitnet` binary; PROGRAM is peer_logits.cpp linked with the peer. Computes the logits after the tokens in
float64 with each of the roundings: of I2_S models `tokens`, int8 activations per token, and `bitnet.cpp`, with halves in
the attention and before the head too; of llama-like models `exact`, and `blocks`, activations in blocks of 32 or 256 as
ggml's Q8_0 and Q8_K. `tokens32` and `blocks32` are the same in float32: how far rounding alone goes. Prints the cosines
between them and the logits of both programs. `--layers` cuts the model after so many layers, `--scale` puts another scale on every I2_S tensor. Needs
numpy and gguf-py, and shares no code with the converter.
"""

import argparse
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize

I2_S = 36
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
FORMATS = {4: "<I", 6: "<f"}
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 34: (256, 54), 35: (256, 66), 30: (1, 2)}
EXACT_SCALES = (b"bitnet.ternary.tensors", b"bitnet.ternary.scales")


class File:
    """A GGUF file whose header can be changed: gguf-py refuses I2_S."""

    def __init__(self, path):
        self.data = np.memmap(path, np.uint8, "r")
        self.at = 8
        tensors, keys = self.take("<QQ")
        self.values = {}
        for _ in range(keys):
            name = self.text()
            (kind,) = self.take("<I")
            start = self.at
            self.skip(kind)
            self.values[name] = kind, self.data[start : self.at].tobytes()
        self.tensors = {}
        for _ in range(tensors):
            name = self.text()
            (dimensions,) = self.take("<I")
            shape = self.take(f"<{dimensions}Q")[::-1]
            kind, offset = self.take("<IQ")
            self.tensors[name.decode()] = shape, kind, offset
        start = (self.at + 31) // 32 * 32
        for name, (shape, kind, offset) in self.tensors.items():
            self.tensors[name] = shape, kind, self.data[start + offset :][: size_of(shape, kind)]

    def take(self, form):
        size = struct.calcsize(form)
        self.at += size
        return struct.unpack(form, self.data[self.at - size : self.at].tobytes())

    def text(self):
        (count,) = self.take("<Q")
        self.at += count
        return self.data[self.at - count : self.at].tobytes()

    def skip(self, kind):
        if kind == 8:
            self.text()
        elif kind == 9:
            kind, count = self.take("<IQ")
            if kind == 8:
                for _ in range(count):
                    self.text()
            else:
                self.at += SIZES[kind] * count
        else:
            self.at += SIZES[kind]

    def value(self, name):
        architecture = self.values[b"general.architecture"][1][8:].decode()
        kind, raw = self.values[f"{architecture}.{name}".encode()]
        return struct.unpack(FORMATS[kind], raw)[0]

    def cut(self, layers, path):
        """Writes the model with its first layers only."""
        names = [n for n in self.tensors if not n.startswith("blk.") or int(n.split(".")[1]) < layers]
        values = {k: v for k, v in self.values.items() if k not in EXACT_SCALES}
        (key,) = [key for key in values if key.endswith(b".block_count")]
        values[key] = 4, struct.pack("<I", layers)
        header = b"GGUF" + struct.pack("<IQQ", 3, len(names), len(values))
        for key, (kind, raw) in values.items():
            header += struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + raw
        end = 0
        for name in names:
            shape, kind, data = self.tensors[name]
            header += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape))
            header += struct.pack(f"<{len(shape)}Q", *shape[::-1]) + struct.pack("<IQ", kind, end)
            end += (len(data) + 31) // 32 * 32
        with open(path, "wb") as file:
            file.write(header + bytes(-len(header) % 32))
            for name in names:
                data = self.tensors[name][2]
                file.write(data.tobytes() + bytes(-len(data) % 32))


def size_of(shape, kind):
    count = int(np.prod(shape))
    if kind == I2_S:
        return count // 4 + 32
    elements, size = BLOCKS[kind]
    return count // elements * size


def decode(tensor):
    """The values as float64, or for I2_S the codes and their scale."""
    shape, kind, data = tensor
    if kind == I2_S:
        # Of 128 codes, the first 32 are in the upper two bits of 32 bytes.
        packed = data[:-32].reshape(-1, 1, 32) >> np.array([6, 4, 2, 0], np.uint8)[:, None] & 3
        return packed.reshape(shape).astype(np.float32) - 1, float(data[-32:].view(np.float32)[0])
    if kind in (0, 1):
        return data.view([np.float32, np.float16][kind]).reshape(shape).astype(np.float64)
    return dequantize(data.reshape(shape[0], -1), GGMLQuantizationType(kind)).astype(np.float64)


# --- activations, as the programs round them ---


def per_token(x):
    scale = np.maximum(np.abs(x).max(-1, keepdims=True), 1e-5) / 127
    return np.clip(np.rint(x / scale), -128, 127), scale


def per_block(x, kind):
    """What ggml multiplies a type with: Q8_K for the ternary types, Q8_0 for Q4_0 and Q8_0, halves for F16."""
    if kind == 1:
        return halves(x)
    if kind not in (2, 8, 34, 35):
        return x
    size = 256 if kind in (34, 35) else 32
    blocks = x.reshape(len(x), -1, size).astype(np.float32)
    # Multiplied, not divided: that decides ties, which the embedding's 8-bit codes make.
    largest = np.maximum(np.abs(blocks).max(-1, keepdims=True), np.float32(1e-30))
    codes, scale = np.rint(blocks * (np.float32(127) / largest)), largest / np.float32(127)
    kept = scale if size == 256 else scale.astype(np.float16).astype(np.float32)
    return (codes * kept).astype(np.float64).reshape(x.shape)


def halves(x):
    return x.astype(np.float16).astype(np.float64)


class Forward:
    def __init__(self, file, rounding):
        self.file, self.rounding = file, rounding
        self.is_bitnet = file.values[b"general.architecture"][1][8:].startswith(b"bitnet")
        self.heads, self.kv_heads = file.value("attention.head_count"), file.value("attention.head_count_kv")
        self.size, self.base = file.value("rope.dimension_count"), file.value("rope.freq_base")
        self.epsilon = file.value("attention.layer_norm_rms_epsilon")
        # float32 to see how far its rounding alone goes.
        self.dtype = np.float32 if rounding.endswith("32") else np.float64
        # bitnet.cpp keeps keys and values as halves and, of more than one token, multiplies queries as halves too; its sgemm
        # takes the attention's weights as they are.
        self.half = halves if rounding == "bitnet.cpp" else lambda x: x

    def linear(self, x, name):
        tensor = self.file.tensors[name + ".weight"]
        if tensor[1] == I2_S:
            codes, scale = decode(tensor)
            inputs, input_scale = per_token(x)
            # Integers below 2^24, which float32 adds exactly.
            return ((inputs.astype(np.float32) @ codes.T) * scale * input_scale).astype(self.dtype)
        x = per_block(x, tensor[1]) if self.rounding.startswith("blocks") else x
        return (x @ decode(tensor).T).astype(self.dtype)

    def norm(self, x, name):
        weight = decode(self.file.tensors[name + ".weight"]).astype(self.dtype)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.dtype(self.epsilon)) * weight

    def rope(self, x):
        frequencies = self.base ** (-np.arange(0, self.size, 2) / self.size)
        angles = np.arange(len(x))[:, None, None] * frequencies
        cosine, sine = np.cos(angles).astype(self.dtype), np.sin(angles).astype(self.dtype)
        a, b = (x[..., : self.size // 2], x[..., self.size // 2 :]) if self.is_bitnet else (x[..., ::2], x[..., 1::2])
        pair = a * cosine - b * sine, a * sine + b * cosine
        return np.concatenate(pair, -1) if self.is_bitnet else np.stack(pair, -1).reshape(x.shape)

    def attention(self, x, block):
        count, repeat = len(x), self.heads // self.kv_heads
        q, k, v = (self.linear(x, f"{block}.attn_{part}").reshape(count, -1, self.size) for part in "qkv")
        q, k, v = self.half(self.rope(q)), self.half(self.rope(k)), self.half(v)
        k, v = k.repeat(repeat, 1), v.repeat(repeat, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) / self.dtype(self.size**0.5)
        scores = np.where(np.tri(count, dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", weights, v).reshape(count, -1)

    def feed_forward(self, x, block):
        gate, up = self.linear(x, f"{block}.ffn_gate"), self.linear(x, f"{block}.ffn_up")
        if not self.is_bitnet:
            return gate / (1 + np.exp(-gate)) * up
        return self.norm(np.maximum(gate, 0) ** 2 * up, f"{block}.ffn_sub_norm")

    def logits(self, ids, layers):
        """After the last of the ids, of the model cut after the layers."""
        embedding = decode(self.file.tensors["token_embd.weight"])
        x = embedding[ids].astype(self.dtype)
        for index in range(layers):
            block = f"blk.{index}"
            mixed = self.attention(self.norm(x, f"{block}.attn_norm"), block)
            mixed = self.norm(mixed, f"{block}.attn_sub_norm") if self.is_bitnet else mixed
            x = x + self.linear(mixed, f"{block}.attn_output")
            x = x + self.linear(self.feed_forward(self.norm(x, f"{block}.ffn_norm"), block), f"{block}.ffn_down")
        last = self.norm(x[-1:], "output_norm")
        kind = self.file.tensors["token_embd.weight"][1]
        last = per_block(last, kind) if self.rounding.startswith(("blocks", "bitnet.cpp")) else last
        return (last @ embedding.T)[0].astype(np.float64)


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def ours(binary, model, ids, is_bitnet, folder):
    """[positions, vocabulary]"""
    output = Path(folder) / "ours.npy"
    mode = "bitlinear" if is_bitnet else "weight-only"
    command = [binary, "logits", model, "--tokens", ",".join(map(str, ids)), "--mode", mode, "-o", output]
    subprocess.run(command, check=True, capture_output=True)
    return np.load(output).astype(np.float64)


def theirs(program, model, ids, count, folder):
    """The logits, and the greedy tokens with their lead over the second."""
    output = Path(folder) / "theirs.f32"
    command = [program, model, output, str(count), *map(str, ids)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    steps = [(int(token), float(lead)) for token, lead in re.findall(r"^(\d+) (\S+)$", text, re.M)]
    return np.fromfile(output, np.float32).astype(np.float64), steps


def agreement(steps, binary, model, ids, is_bitnet, folder):
    """How many of the peer's greedy tokens are ours too, each after the same tokens."""
    tokens = [token for token, _ in steps]
    rows = ours(binary, model, ids + tokens[:-1], is_bitnet, folder)[len(ids) - 1 :]
    same = [row.argmax() == token for row, token in zip(rows, tokens)]
    parts = "" if all(same) else f", parts first where the peer's lead is {steps[same.index(False)][1]}"
    print(f"    {sum(same)} of the peer's {len(same)} greedy tokens are ours{parts}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("ours")
    parser.add_argument("--peer")
    parser.add_argument("--greedy", type=int, default=1, help="so many tokens of the peer's continuation are compared")
    parser.add_argument("--rounding", nargs="*", default=["tokens"])
    parser.add_argument("--layers", nargs="+", type=int)
    parser.add_argument("--scale", type=float)
    parser.add_argument("--tokens", default="504,3575,282,4649,314")
    arguments = parser.parse_args()
    file = File(arguments.model)
    ids = [int(token) for token in arguments.tokens.split(",")]
    if arguments.scale:
        for name, (shape, kind, data) in file.tensors.items():
            if kind == I2_S:
                trailer = np.float32([arguments.scale] + 7 * [0]).view(np.uint8)
                file.tensors[name] = shape, kind, np.concatenate([data[:-32], trailer])
    with tempfile.TemporaryDirectory() as folder:
        for layers in arguments.layers or [file.value("block_count")]:
            model = f"{folder}/cut.gguf"
            file.cut(layers, model)
            results = {name: Forward(file, name).logits(ids, layers) for name in arguments.rounding}
            is_bitnet = Forward(file, "").is_bitnet
            results["ours"] = ours(arguments.ours, model, ids, is_bitnet, folder)[-1]
            if arguments.peer:
                results["peer"], steps = theirs(arguments.peer, model, ids, arguments.greedy, folder)
            names = list(results)
            pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
            print(f"{layers} layers: " + ", ".join(f"{a}/{b} {cosine(results[a], results[b]):.7f}" for a, b in pairs), flush=True)
            if arguments.peer:
                agreement(steps, arguments.ours, model, ids, is_bitnet, folder)


if __name__ == "__main__":
    main()
