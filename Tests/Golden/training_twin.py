"""The trainer's model written again in PyTorch, from its definition: BitLinear with lambda and the straight-through
gradient, the blocks, and the views of a batch that the objectives read. And its counter-based randomness, so that both
sides begin from the same numbers without a file of them."""

import math

import numpy as np
import torch
from golden_support import quantize_rows, ternarize

STEP = 0x9E3779B97F4A7C15
ALL = (1 << 64) - 1
WEIGHTS, MASKING = 0, 1


def mix(value):
    """SplitMix64's finalizer, of a number or an array of them."""
    if isinstance(value, int):
        z = value & ALL
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & ALL
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & ALL
        return z ^ (z >> 31)
    z = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Random:
    """TrainingRandom."""

    def __init__(self, seed=None, key=None):
        self.key = mix((seed + STEP) & ALL) if key is None else key

    def hash(self, start, indices):
        state = mix((self.key + start * STEP) & ALL)
        for index in indices:
            state = mix(state ^ mix((index + STEP) & ALL))
        return state

    def child(self, stream, *indices):
        return Random(key=self.hash(stream + 1_000_003, indices))

    def value(self, *indices):
        return self.hash(0, indices)

    def unit(self, *indices):
        return (self.hash(0, indices) >> 11) * 2.0**-53

    def normals(self, count):
        place = mix(np.arange(count, dtype=np.uint64) + np.uint64(STEP))
        first = ((mix(np.uint64(self.key) ^ place) >> np.uint64(11)).astype(np.float64) + 1) * 2.0**-53
        second = (mix(np.uint64((self.key + STEP) & ALL) ^ place) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return np.sqrt(-2 * np.log(first)) * np.cos(2 * math.pi * second)


class Twin:
    """`shape` has vocab, hidden, inner, layers, heads, kv, head, act, tied, subnorms, headnorms, biases."""

    def __init__(self, shape, dtype=torch.float64, quantized=True):
        self.shape, self.dtype, self.quantized, self.lam = shape, dtype, quantized, 1.0
        self.parameters = {}
        s = shape
        queries, keys = s["heads"] * s["head"], s["kv"] * s["head"]
        self.add("token_embd.weight", s["vocab"], s["hidden"])
        for layer in range(s["layers"]):
            b = f"blk.{layer}."
            self.add(b + "attn_norm.weight", 1, s["hidden"])
            for name, rows in (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)):
                self.add(b + name + ".weight", rows, s["hidden"])
                if s["biases"]:
                    self.add(b + name + ".bias", 1, rows)
            if s["headnorms"]:
                self.add(b + "attn_q_norm.weight", 1, s["head"])
                self.add(b + "attn_k_norm.weight", 1, s["head"])
            if s["subnorms"]:
                self.add(b + "attn_sub_norm.weight", 1, queries)
            self.add(b + "attn_output.weight", s["hidden"], queries)
            self.add(b + "ffn_norm.weight", 1, s["hidden"])
            self.add(b + "ffn_gate.weight", s["inner"], s["hidden"])
            self.add(b + "ffn_up.weight", s["inner"], s["hidden"])
            if s["subnorms"]:
                self.add(b + "ffn_sub_norm.weight", 1, s["inner"])
            self.add(b + "ffn_down.weight", s["hidden"], s["inner"])
        self.add("output_norm.weight", 1, s["hidden"])
        if not s["tied"]:
            self.add("output.weight", s["vocab"], s["hidden"])

    def add(self, name, rows, columns):
        self.parameters[name] = torch.zeros(rows, columns, dtype=self.dtype)

    def fill(self, seed, value):
        """`value(name, normals)` makes the weights; both sides round them to 32 bits."""
        random = Random(seed)
        for index, (name, tensor) in enumerate(self.parameters.items()):
            values = value(name, random.child(WEIGHTS, index).normals(tensor.numel())).astype(np.float32)
            self.parameters[name] = torch.tensor(values).reshape(tensor.shape).to(self.dtype).requires_grad_()

    def linear(self, name, x):
        w = self.parameters[name + ".weight"]
        if self.quantized and self.lam > 0:
            trits, weight_scale = ternarize(w)
            codes, scale = quantize_rows(x)
            w = w + (self.lam * (trits * weight_scale - w)).detach()
            x = x + (self.lam * (codes * scale - x)).detach()
        y = x @ w.T
        bias = self.parameters.get(name + ".bias")
        return y if bias is None else y + bias

    def norm(self, name, x):
        gain = self.parameters[name + ".weight"][0]
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * gain

    def rotate(self, x, positions):
        size = x.shape[-1]
        frequencies = 10000.0 ** (-2 * torch.arange(size // 2, dtype=torch.float64) / size)
        angles = torch.tensor(positions, dtype=torch.float64)[:, None] * frequencies
        cos, sin = torch.cos(angles).to(self.dtype)[:, None], torch.sin(angles).to(self.dtype)[:, None]
        a, b = x[..., : size // 2], x[..., size // 2 :]
        return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)

    def hidden(self, tokens, positions, mask):
        """The streams behind the embedding and every block, and the states of every block's attention."""
        s, count = self.shape, len(tokens)
        x = self.parameters["token_embd.weight"][torch.tensor(tokens)]
        self.streams, self.states = [x], []
        for layer in range(s["layers"]):
            b = f"blk.{layer}."
            u = self.norm(b + "attn_norm", x)
            q = self.linear(b + "attn_q", u).reshape(count, s["heads"], s["head"])
            k = self.linear(b + "attn_k", u).reshape(count, s["kv"], s["head"])
            v = self.linear(b + "attn_v", u).reshape(count, s["kv"], s["head"])
            if s["headnorms"]:
                q, k = self.norm(b + "attn_q_norm", q), self.norm(b + "attn_k_norm", k)
            q, k = self.rotate(q, positions), self.rotate(k, positions)
            self.states.append((q.reshape(count, -1), k.reshape(count, -1), v.reshape(count, -1)))
            groups = s["heads"] // s["kv"]
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
            scores = torch.einsum("ihd,jhd->hij", q, k) / math.sqrt(s["head"])
            scores = scores.masked_fill(~mask, -math.inf)
            a = torch.einsum("hij,jhd->ihd", torch.softmax(scores, -1), v).reshape(count, -1)
            if s["subnorms"]:
                a = self.norm(b + "attn_sub_norm", a)
            x = x + self.linear(b + "attn_output", a)
            u = self.norm(b + "ffn_norm", x)
            gate, up = self.linear(b + "ffn_gate", u), self.linear(b + "ffn_up", u)
            g = (torch.relu(gate) ** 2 if s["act"] == "relu2" else torch.nn.functional.silu(gate)) * up
            if s["subnorms"]:
                g = self.norm(b + "ffn_sub_norm", g)
            x = x + self.linear(b + "ffn_down", g)
            self.streams.append(x)
        return x

    def logits(self, x):
        head = self.parameters["token_embd.weight" if self.shape["tied"] else "output.weight"]
        return self.norm("output_norm", x) @ head.T


# --- views: tokens, positions, the mask of who sees whom, the rows that predict, and what ---


def causal_view(batch):
    tokens, positions, document, rows, targets = [], [], [], [], []
    for sequence, documents in batch:
        for first, end in documents:
            document += [(id(sequence), first)] * (end - first)
            for offset in range(end - first - 1):
                rows.append(len(tokens) + offset)
                targets.append(sequence[first + offset + 1])
            tokens += sequence[first:end]
            positions += range(end - first)
    n = len(tokens)
    mask = torch.tensor([[document[i] == document[j] and j <= i for j in range(n)] for i in range(n)])
    return tokens, positions, mask, rows, targets


def diffusion_view(batch, random, mask_token, block, ratio=None, complementary=True, causal=False):
    """Each row is (document, copy, offset), the clean copy being None."""
    tokens, places, rows, targets = [], [], [], []
    for index, (sequence, documents) in enumerate(batch):
        for first, end in documents:
            n = end - first
            if n < 2:
                continue
            padded = n if causal else -(-n // block) * block
            place = random.child(MASKING, index, first)
            chosen = []
            for offset in range(n):
                p = ratio if ratio is not None else (1 - 0.001) * place.unit(0, offset // block) + 0.001
                chosen.append(place.unit(1, offset) < p)
            for copy in range(2 if complementary else 1):
                start = len(tokens)
                for offset in range(padded):
                    beyond = offset >= n
                    masked = beyond or (offset > 0 and chosen[offset] == (copy == 0))
                    tokens.append(mask_token if masked else sequence[first + offset])
                    places.append(((index, first), copy, offset))
                    if masked and not beyond:
                        rows.append(start + offset - 1)
                        targets.append(sequence[first + offset])
            if not causal:
                for offset in range(n):
                    tokens.append(sequence[first + offset])
                    places.append(((index, first), None, offset))

    def sees(q, k):
        if q[0] != k[0]:
            return False
        if causal:
            return q[1] == k[1] and k[2] <= q[2]
        own, other = q[2] // block, k[2] // block
        if q[1] is None:
            return k[1] is None and other <= own
        return (k[1] == q[1] and other == own) or (k[1] is None and other < own)

    mask = torch.tensor([[sees(q, k) for k in places] for q in places])
    return tokens, [p[2] for p in places], mask, rows, targets
