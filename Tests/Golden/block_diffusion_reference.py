"""Block-diffusion decoding as Fast-dLLM v2 does it (arXiv 2509.26328), in plain PyTorch: the loop that the Swift decoder
is held against, with keys and values kept by hand, and a naive loop without any cache."""

import json

import torch
from golden_support import quantize_rows, ternarize
from safetensors.torch import load_file
from transformers.integrations.bitnet import unpack_weights


def straight_through(weight, x):
    """BitLinear forward, identity backward."""
    codes, scale = ternarize(weight)
    weight = weight + (codes * scale - weight).detach()
    inputs, input_scale = quantize_rows(x)
    return (x + (inputs * input_scale - x).detach()) @ weight.T


class Network:
    """BitNetForCausalLM (autobitlinear) or LlamaForCausalLM without rope scaling, from its definition."""

    def __init__(self, config, tensors):
        self.config, self.tensors = config, tensors
        self.is_bitnet = config["model_type"] == "bitnet"
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.head_size = config["hidden_size"] // self.heads
        self.frequencies = config["rope_theta"] ** (-torch.arange(0, self.head_size, 2, dtype=torch.float64) / self.head_size)

    @staticmethod
    def load(folder):
        tensors = {}
        stored = load_file(folder / "model.safetensors")
        for name, tensor in stored.items():
            if tensor.dtype == torch.uint8:
                tensors[name] = unpack_weights(tensor, dtype=torch.float32) * stored[f"{name}_scale"].float()
            else:
                tensors[name] = tensor.float()
        return Network(json.loads((folder / "config.json").read_text()), tensors)

    def norm(self, name, x):
        variance = x.square().mean(-1, keepdim=True)
        return x * torch.rsqrt(variance + self.config["rms_norm_eps"]) * self.tensors[f"model.{name}.weight"]

    def linear(self, name, x):
        weight = self.tensors[f"model.{name}.weight"]
        if f"model.{name}.weight_scale" in self.tensors:  # packed: the weights are ternary already
            codes, scale = quantize_rows(x)
            return (codes @ weight.T) * scale
        return straight_through(weight, x) if self.is_bitnet else x @ weight.T

    def rotate(self, x, positions):
        angles = positions.double()[:, None] * self.frequencies
        angles = torch.cat([angles, angles], -1)[None, None]
        half = self.head_size // 2
        turned = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * angles.cos().float() + turned * angles.sin().float()

    def forward(self, ids, positions, allowed, past=None):
        """Logits [batch, n, vocabulary] and each layer's keys and values of `ids` [batch, n].

        allowed: [n, past + n] or [batch, 1, n, past + n], True where a query sees a key; `past` comes first.
        """
        x = self.tensors["model.embed_tokens.weight"][ids]
        stored = []
        for layer in range(self.config["num_hidden_layers"]):
            name = f"layers.{layer}"
            h = self.norm(f"{name}.input_layernorm", x)

            def split(projection, heads, h=h, name=name):
                return self.linear(f"{name}.self_attn.{projection}", h).unflatten(-1, (heads, self.head_size)).transpose(1, 2)

            q = self.rotate(split("q_proj", self.heads), positions)
            k, v = self.rotate(split("k_proj", self.kv_heads), positions), split("v_proj", self.kv_heads)
            stored.append((k, v))
            if past is not None:
                k, v = torch.cat([past[layer][0], k], 2), torch.cat([past[layer][1], v], 2)
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
            scores = (q @ k.transpose(2, 3)) / self.head_size**0.5
            a = scores.masked_fill(~allowed, float("-inf")).softmax(-1) @ v
            a = a.transpose(1, 2).flatten(2)
            if self.is_bitnet:
                a = self.norm(f"{name}.self_attn.attn_sub_norm", a)
            x = x + self.linear(f"{name}.self_attn.o_proj", a)
            h = self.norm(f"{name}.post_attention_layernorm", x)
            gate, up = self.linear(f"{name}.mlp.gate_proj", h), self.linear(f"{name}.mlp.up_proj", h)
            h = (gate.relu().square() if self.is_bitnet else torch.nn.functional.silu(gate)) * up
            if self.is_bitnet:
                h = self.norm(f"{name}.mlp.ffn_sub_norm", h)
            x = x + self.linear(f"{name}.mlp.down_proj", h)
        return self.norm("norm", x) @ self.tensors["model.embed_tokens.weight"].T, stored


def block_causal(queries, keys, block):
    return queries[:, None] // block >= keys[None, :] // block


class Decoder:
    """One sequence. `trace` lists the passes: [kind, first position, tokens computed, {position: token revealed}]."""

    def __init__(self, network, mask, block, sub_block, thresholds, uses_cache, stops=()):
        self.network, self.mask, self.block, self.sub_block = network, mask, block, sub_block
        self.thresholds, self.uses_cache, self.stops = thresholds, uses_cache, set(stops)
        self.trace, self.margin = [], float("inf")

    def best(self, logits):
        """Token and confidence; MASK is never chosen. Keeps how close any decision was."""
        logits = logits.clone()
        logits[self.mask] = float("-inf")
        two = logits.topk(2).values
        self.margin = min(self.margin, (two[0] - two[1]).item())
        p = logits.softmax(-1)
        token = int(logits.argmax())
        return token, float(p[token])

    def compute(self, tokens, start, prefix, past):
        """The pass over `tokens`, which see `past` (keys of `prefix` positions) and each other."""
        positions = torch.arange(start, start + len(tokens))
        keys = torch.cat([torch.arange(prefix), positions])
        allowed = block_causal(positions, keys, self.block)
        logits, stored = self.network.forward(torch.tensor([tokens]), positions, allowed, past)
        return logits[0], stored

    @torch.no_grad()
    def decode(self, prompt, count):
        """The first `count` tokens after the prompt, without and behind the first stop token nothing."""
        B, S, mask = self.block, self.sub_block, self.mask
        x, past, done = list(prompt), None, len(prompt) // B * B
        if done:
            logits, past = self.compute(x[:done], 0, 0, None)
            self.trace.append(["prefill", 0, done, {}])
        if len(x) % B == 0:
            x.append(self.best(logits[-1])[0])
            self.trace[-1][3] = {len(prompt): x[-1]}
        while not self.finished(x[len(prompt):], count):
            x += [mask] * (done + B - len(x))
            cache = None
            for low in range(done, done + B, S):
                number = 0
                while mask in x[low : low + S]:
                    number += 1
                    if S == B or not self.uses_cache or cache is None or x[low] == mask:
                        logits, cache = self.compute(x[done:], done, done, past)
                        first, kind = done, "full"
                    else:
                        logits, cache = self.compute_sub_block(x, low, done, past, cache)
                        first, kind = low, "sub-block"
                    guesses = {i: self.best(logits[i - 1 - first]) for i in range(low, low + S) if x[i] == mask}
                    threshold = self.thresholds(number)
                    likeliest = max(guesses, key=lambda i: (guesses[i][1], -i))
                    shown = {i: t for i, (t, c) in guesses.items() if c > threshold or i == likeliest}
                    if 0 < threshold < 1:
                        self.margin = min(self.margin, *(abs(c - threshold) for _, c in guesses.values()))
                    others = sorted((c for i, (_, c) in guesses.items() if i != likeliest), reverse=True)
                    if others and others[0] <= threshold:
                        self.margin = min(self.margin, guesses[likeliest][1] - others[0])
                    for i, token in shown.items():
                        x[i] = token
                    self.trace.append([kind, first, B if kind == "full" else S, shown])
                    if self.finished(x[len(prompt):], count):
                        return self.cut(x[len(prompt):], count)
            logits, own = self.compute(x[done:], done, done, past)
            past = own if past is None else [
                (torch.cat([k, ok], 2), torch.cat([v, ov], 2)) for (k, v), (ok, ov) in zip(past, own)]
            done += B
            x.append(self.best(logits[-1])[0])
            self.trace.append(["commit", done - B, B, {done: x[-1]}])
        return self.cut(x[len(prompt):], count)

    def compute_sub_block(self, x, low, done, past, cache):
        """The S positions alone; they see the prefix and all B positions of the block, the others as last computed."""
        S, offset = self.sub_block, low - done
        # The keys of the sub-block itself are fresh; forward() appends them, so the stale ones are left out.
        keep = torch.tensor([i for i in range(self.block) if not offset <= i < offset + S], dtype=torch.long)
        others = [(k[:, :, keep], v[:, :, keep]) for k, v in cache]
        if past is not None:
            others = [(torch.cat([pk, k], 2), torch.cat([pv, v], 2)) for (pk, pv), (k, v) in zip(past, others)]
        positions = torch.arange(low, low + S)
        allowed = torch.ones(S, done + self.block, dtype=torch.bool)
        logits, own = self.network.forward(torch.tensor([x[low : low + S]]), positions, allowed, others)
        fresh = []
        for (k, v), (ok, ov) in zip(cache, own):
            k, v = k.clone(), v.clone()
            k[:, :, offset : offset + S], v[:, :, offset : offset + S] = ok, ov
            fresh.append((k, v))
        return logits[0], fresh

    def known(self, tokens):
        return tokens.index(self.mask) if self.mask in tokens else len(tokens)

    def finished(self, generated, count):
        known = generated[: self.known(generated)]
        return len(known) >= count or any(token in self.stops for token in known)

    def cut(self, generated, count):
        known = generated[: min(count, self.known(generated))]
        return known[: next((i for i, token in enumerate(known) if token in self.stops), len(known))]


@torch.no_grad()
def naive(network, mask, block, prompt, count):
    """Threshold 1 without any cache: the whole sequence anew for every token, the most confident of the block revealed."""
    x = list(prompt)
    while len(x) - len(prompt) < count or mask in x:
        positions = torch.arange(len(x))
        logits = network.forward(torch.tensor([x]), positions, block_causal(positions, positions, block))[0][0]
        logits[:, mask] = float("-inf")
        if mask not in x:
            if len(x) % block == 0:
                x.append(int(logits[-1].argmax()))
            x += [mask] * (-len(x) % block)
            continue
        p = logits.softmax(-1)
        best = max((i for i in range(len(x)) if x[i] == mask), key=lambda i: (float(p[i - 1].max()), -i))
        x[best] = int(logits[best - 1].argmax())
    return x[len(prompt):][:count]


def autoregressive(network, prompt, count, stops=()):
    """Greedy, causal."""
    x = list(prompt)
    with torch.no_grad():
        while len(x) - len(prompt) < count:
            n = len(x)
            logits = network.forward(torch.tensor([x]), torch.arange(n), torch.ones(n, n).tril().bool())[0][0, -1]
            token = int(logits.argmax())
            if token in stops:
                break
            x.append(token)
    return x[len(prompt):]
