"""SmolLM2-135M from its GGUF file in plain numpy, in the three quantization modes, float32 and float64.

Usage: python Tests/Golden/smollm2_reference.py
Reads ${BITNET_CACHE:-~/.cache/bitnet}/SmolLM2-135M-Instruct.Q4_1.gguf (scripts/fetch-smollm2 puts it there) and
writes Tests/Golden/smollm2/{reference,weights}.json. Takes the bytes apart with gguf-py; shares no code with the
PyTorch scripts beside it.
"""

import json
import os
import platform
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

CACHE = Path(os.environ.get("BITNET_CACHE") or Path.home() / ".cache" / "bitnet")
MODEL = CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf"
OUTPUT = Path(__file__).resolve().parent / "smollm2"
PROMPT_TEXT = "The capital of France is"
PROMPT = [504, 3575, 282, 4649, 314]
MODES = ("none", "weightOnly", "bitLinear")
LINEARS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
KEPT_LOGITS = 200


class Model:
    def __init__(self, path):
        reader = GGUFReader(path)

        def value(key):
            return reader.fields[f"llama.{key}"].contents()

        self.layers = value("block_count")
        self.heads = value("attention.head_count")
        self.kv_heads = value("attention.head_count_kv")
        self.head_size = value("rope.dimension_count")
        self.rope_base = value("rope.freq_base")
        self.epsilon = value("attention.layer_norm_rms_epsilon")
        self.vocabulary = reader.fields["tokenizer.ggml.tokens"].contents()
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}

    def weight(self, name):
        """[outputs, inputs] in float32"""
        tensor = self.tensors[f"{name}.weight"]
        return dequantize(tensor.data, tensor.tensor_type).astype(np.float32)


def ternarize(weight):
    """Codes and scale, so that the quantized weight is codes * scale; numpy rounds halves to even."""
    scale = max(np.abs(weight).mean(dtype=np.float64).astype(weight.dtype), weight.dtype.type(1e-5))
    return np.clip(np.rint(weight / scale), -1, 1), scale


def quantize_rows(x):
    scale = np.maximum(np.abs(x).max(axis=-1, keepdims=True), x.dtype.type(1e-5)) / x.dtype.type(127)
    return np.clip(np.rint(x / scale), -128, 127), scale


class Forward:
    """One mode and one precision of the model; weights are prepared once."""

    def __init__(self, model, mode, dtype):
        self.model, self.mode, self.dtype = model, mode, dtype
        self.embedding = model.weight("token_embd").astype(dtype)
        self.final_norm = model.weight("output_norm").astype(dtype)
        self.blocks = []
        for index in range(model.layers):
            block = {n: model.weight(f"blk.{index}.{n}").astype(dtype) for n in ("attn_norm", "ffn_norm")}
            for name in LINEARS:
                weight = model.weight(f"blk.{index}.{name}").astype(dtype)
                block[name] = (weight, None) if mode == "none" else ternarize(weight)
            self.blocks.append(block)

    def linear(self, x, layer):
        weight, scale = layer
        if self.mode == "none":
            return x @ weight.T
        if self.mode == "weightOnly":
            return x @ (weight * scale).T
        codes, input_scale = quantize_rows(x)
        return (codes @ weight.T) * scale * input_scale

    def norm(self, x, weight):
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.dtype(self.model.epsilon)) * weight

    def rope(self, x):
        """[positions, heads, head size]; pairs are neighbours (2i, 2i + 1), as the llama converter orders them."""
        size = self.model.head_size
        frequencies = self.model.rope_base ** (-np.arange(0, size, 2) / size)
        angles = np.arange(len(x))[:, None, None] * frequencies
        cosine, sine = np.cos(angles).astype(self.dtype), np.sin(angles).astype(self.dtype)
        a, b = x[..., 0::2], x[..., 1::2]
        return np.stack([a * cosine - b * sine, a * sine + b * cosine], axis=-1).reshape(x.shape)

    def attention(self, x, block):
        model, count = self.model, len(x)
        q = self.rope(self.linear(x, block["attn_q"]).reshape(count, model.heads, model.head_size))
        k = self.rope(self.linear(x, block["attn_k"]).reshape(count, model.kv_heads, model.head_size))
        v = self.linear(x, block["attn_v"]).reshape(count, model.kv_heads, model.head_size)
        repeat = model.heads // model.kv_heads
        k, v = k.repeat(repeat, axis=1), v.repeat(repeat, axis=1)
        scores = np.einsum("qhd,khd->hqk", q, k) / self.dtype(model.head_size**0.5)
        scores = np.where(np.tri(count, dtype=bool), scores, -np.inf)
        return np.einsum("hqk,khd->qhd", softmax(scores), v).reshape(count, -1)

    def run(self, ids):
        """Logits [positions, vocabulary] and the residual stream after each layer."""
        x, states = self.embedding[ids], []
        for block in self.blocks:
            x = x + self.linear(self.attention(self.norm(x, block["attn_norm"]), block), block["attn_output"])
            u = self.norm(x, block["ffn_norm"])
            gate = self.linear(u, block["ffn_gate"])
            gated = gate / (1 + np.exp(-gate)) * self.linear(u, block["ffn_up"])
            x = x + self.linear(gated, block["ffn_down"])
            states.append(x)
        return self.norm(x, self.final_norm) @ self.embedding.T, states


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def significant(values, digits=7):
    return [float(f"{float(value):.{digits}g}") for value in values]


def rms(x):
    return np.sqrt((x.astype(np.float64) ** 2).mean())


def summary(model, logits, states):
    last = logits[-1].astype(np.float64)
    p = softmax(last)
    order = np.argsort(-last, kind="stable")
    return {
        "entropy": significant([-(p * np.log(p)).sum()])[0],
        "top": [
            {"id": int(i), "text": model.vocabulary[i], "probability": significant([p[i]])[0]} for i in order[:20]
        ],
        "p0": significant([p[0]])[0],
        "p2": significant([p[2]])[0],
        "logits": {"ids": order[:KEPT_LOGITS].tolist(), "values": significant(last[order[:KEPT_LOGITS]])},
        "logits_mean": significant([last.mean()])[0],
        "logits_deviation": significant([last.std()])[0],
        "hidden_rms_all_positions": significant([rms(state) for state in states]),
        "hidden_rms_last_position": significant([rms(state[-1]) for state in states]),
    }


def sensitivity(forward, draws=8, rounding=3e-7):
    """How far float32's rounding alone can move the result: the embedding is changed by that much, several times.

    In bitLinear an activation on the border between two int8 codes takes the other one, and every later number moves
    with it: two correct implementations then differ by as much as this."""
    exact = forward.embedding
    expected = forward.run(PROMPT)[0][-1].astype(np.float64)
    generator = np.random.default_rng(1)
    changes, tops, entropies = [], [], []
    for _ in range(draws):
        noise = generator.standard_normal(exact.shape, dtype=np.float32)
        forward.embedding = exact * (1 + forward.dtype(rounding) * noise)
        last = forward.run(PROMPT)[0][-1].astype(np.float64)
        p = softmax(last)
        changes.append(np.abs(last - expected).max())
        tops.append(p[expected.argmax()])
        entropies.append(-(p * np.log(p)).sum())
    forward.embedding = exact
    return {
        "relative_noise": rounding, "draws": draws, "largest_logit_change": significant([max(changes)], 3)[0],
        "probability_of_top": significant([min(tops), max(tops)], 5),
        "entropy": significant([min(entropies), max(entropies)], 5),
    }


def weight_statistics(model):
    columns = ("name", "frobenius", "frobenius_ternary", "min", "max", "absmean", "absmean_ternary", "zeros")
    rows = []
    for index in range(model.layers):
        for name in LINEARS:
            weight = model.weight(f"blk.{index}.{name}").astype(np.float64)
            codes, scale = ternarize(weight)
            quantized = codes * scale
            rows.append([f"blk.{index}.{name}.weight"] + significant([
                np.linalg.norm(weight), np.linalg.norm(quantized), weight.min(), weight.max(),
                np.abs(weight).mean(), np.abs(quantized).mean(), (codes == 0).mean(),
            ], 6))
    return columns, rows


def write_json(path, entries):
    lines = []
    for key, value in entries.items():
        if isinstance(value, list) and value and isinstance(value[0], list):
            body = "[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"
        else:
            body = json.dumps(value)
        lines.append(f"{json.dumps(key)}: {body}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    model = Model(MODEL)
    OUTPUT.mkdir(exist_ok=True)
    made_by = {
        "script": "Tests/Golden/smollm2_reference.py", "python": platform.python_version(), "numpy": np.__version__,
        "gguf": "0.19.0", "file": MODEL.name,
    }
    result = {"made_by": made_by, "prompt": {"text": PROMPT_TEXT, "ids": PROMPT}}
    for mode in MODES:
        for dtype in (np.float32, np.float64):
            forward = Forward(model, mode, dtype)
            logits, states = forward.run(PROMPT)
            kind = f"{mode}.{dtype.__name__}"
            result[kind] = summary(model, logits, states)
            top, layers = result[kind]["top"][0], result[kind]["hidden_rms_all_positions"]
            print(f"{kind:20} {top['text']!r} {top['probability']:.4f}  entropy {result[kind]['entropy']:.3f}"
                  f"  P(2) {result[kind]['p2']:.3g}  P(0) {result[kind]['p0']:.3g}"
                  f"  rms {layers[0]:.3g} {layers[15]:.4g} {layers[29]:.4g}"
                  f"  last {[round(result[kind]['hidden_rms_last_position'][i], 3) for i in (0, 15, 29)]}", flush=True)
            if dtype is np.float32:
                result[f"{mode}.sensitivity"] = sensitivity(forward)
                print(f"  with noise: {result[f'{mode}.sensitivity']}", flush=True)
            if mode == "none" and dtype is np.float32:
                ids, margins = list(PROMPT), []
                for _ in range(20):
                    last = forward.run(ids)[0][-1]
                    second, best = np.argsort(last)[-2:]
                    ids.append(int(best))
                    margins.append(last[best] - last[second])
                tokens = ids[len(PROMPT):]
                result["greedy.none"] = {"tokens": tokens, "margins": significant(margins, 5)}
                print(tokens, "min margin", min(margins), [model.vocabulary[i] for i in tokens])
    write_json(OUTPUT / "reference.json", result)

    columns, rows = weight_statistics(model)
    print(dict(zip(columns, rows[0])))
    write_json(OUTPUT / "weights.json", {"made_by": made_by, "columns": list(columns), "weights": rows})


if __name__ == "__main__":
    main()
