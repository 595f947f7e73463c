"""A small ternary model that has learned to write lists by block diffusion, and traces of decoding with it and with two
models that have not.

Usage: TORCH_COMPILE_DISABLE=1 python Tests/Golden/make_diffusion_golden.py [train]
With `train` it writes Tests/Golden/diffusion/tiny-lists/ anew (about ten minutes on one idle thread); it always writes
Tests/Golden/diffusion/golden.json. See README.md.
"""

import json
import math
import random
import shutil
import sys
import time

import torch
from block_diffusion_reference import Decoder, Network, autoregressive, block_causal, naive
from golden_support import HERE, made_by, pack, write_config, write_json, write_tensors
from tiny_tokenizer import SPECIAL, save_tokenizer, train_tokenizer
from tokenizers import Tokenizer
from torch import nn

MASK_TEXT = "|<MASK>|"
VOCABULARY, END_OF_TEXT, MASK = 260, 0, 259
BLOCK, LENGTH, BATCH, STEPS = 32, 128, 16, 1500
WARMUP, SCHEDULE, PEAK = 100, 2400, 6e-3  # the learning rate falls as for a longer run
CONFIG = {
    "architectures": ["BitNetForCausalLM"],
    "model_type": "bitnet",
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_act": "relu2",
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "bos_token_id": END_OF_TEXT,
    "eos_token_id": END_OF_TEXT,
    "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"},
}

# --- the language ---

NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = "january february march april may june july august september october november december".split()
COLOURS = "red green blue black white grey".split()
LETTERS = list("abcdefghijklmnopqrstuvwxyz")


def lists(chance):
    """One list. All but the colours follow from how they begin."""
    start = chance.randrange
    kind = chance.choice(("count", "back", "days", "months", "letters", "colours"))
    if kind == "count":
        words = NUMBERS[start(8):]
    elif kind == "back":
        words = NUMBERS[::-1][start(8):]
    elif kind == "days":
        first = start(7)
        words = DAYS[first:] + DAYS[:first]
    elif kind == "months":
        words = MONTHS[start(8):]
    elif kind == "letters":
        words = LETTERS[start(16):]
    else:
        words = chance.sample(COLOURS, len(COLOURS))
    return f"{kind}: {' '.join(words)}.\n"


def document(chance):
    text = lists(chance)
    while True:
        more = text + lists(chance)
        if len(more) >= LENGTH:
            return text
        text = more


# --- training ---


def batch_of(tokenizer, chance):
    """[BATCH, LENGTH]: documents, end of text, then MASK as padding, which is never a target."""
    rows = []
    for _ in range(BATCH):
        ids = tokenizer.encode(document(chance)).ids + [END_OF_TEXT]
        rows.append(ids + [MASK] * (LENGTH - len(ids)))
    return torch.tensor(rows)


def causal_loss(network, clean):
    n = clean.shape[1]
    logits = network.forward(clean, torch.arange(n), torch.ones(n, n).tril().bool())[0]
    targets = clean[:, 1:].masked_fill(clean[:, 1:] == MASK, -100)
    return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=-100)


def diffusion_loss(network, clean, generator):
    """Noised and clean copy side by side; the masked tokens, predicted from the position before."""
    rows, n = clean.shape
    share = torch.rand(rows, n // BLOCK, 1, generator=generator) * 0.999 + 0.001
    masked = (torch.rand(rows, n // BLOCK, BLOCK, generator=generator) < share).flatten(1) & (clean != MASK)
    masked[:, 0] = False
    noised = clean.masked_fill(masked, MASK)
    p = torch.arange(n)
    blocks = p // BLOCK
    own, before = blocks[:, None] == blocks[None], blocks[:, None] > blocks[None]
    allowed = torch.cat([
        torch.cat([own, before], 1), torch.cat([torch.zeros_like(own), block_causal(p, p, BLOCK)], 1)])
    logits = network.forward(torch.cat([noised, clean], 1), torch.cat([p, p]), allowed)[0]
    # The first token of a block is predicted at decoding from the finished block before it.
    source = torch.where(p % BLOCK == 0, n + p - 1, p - 1).clamp(min=0)
    targets = clean.masked_fill(~masked, -100)
    return nn.functional.cross_entropy(logits[:, source].flatten(0, 1), targets.flatten(), ignore_index=-100)


def new_network():
    torch.manual_seed(5)
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    kv = hidden // CONFIG["num_attention_heads"] * CONFIG["num_key_value_heads"]
    shapes = {"model.embed_tokens": (VOCABULARY, hidden), "model.norm": (hidden,)}
    for layer in range(CONFIG["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        shapes |= {
            f"{name}.self_attn.q_proj": (hidden, hidden), f"{name}.self_attn.k_proj": (kv, hidden),
            f"{name}.self_attn.v_proj": (kv, hidden), f"{name}.self_attn.o_proj": (hidden, hidden),
            f"{name}.mlp.gate_proj": (inner, hidden), f"{name}.mlp.up_proj": (inner, hidden),
            f"{name}.mlp.down_proj": (hidden, inner), f"{name}.input_layernorm": (hidden,),
            f"{name}.post_attention_layernorm": (hidden,), f"{name}.self_attn.attn_sub_norm": (hidden,),
            f"{name}.mlp.ffn_sub_norm": (inner,)}
    tensors = {}
    for name, shape in shapes.items():
        tensor = torch.ones(shape)
        if len(shape) == 2:
            nn.init.normal_(tensor, std=0.1 if "embed" in name else 1 / shape[1] ** 0.5)
        tensors[f"{name}.weight"] = tensor.requires_grad_()
    return Network(CONFIG, tensors)


def train(tokenizer):
    network, chance, generator = new_network(), random.Random(1), torch.Generator().manual_seed(7)
    parameters = list(network.tensors.values())
    optimizer = torch.optim.AdamW([
        {"params": [p for p in parameters if p.dim() == 2], "weight_decay": 0.02},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}], betas=(0.9, 0.95))
    started = time.time()
    for step in range(STEPS):
        rate = PEAK * min(step / WARMUP, 0.5 * (1 + math.cos(math.pi * max(0, step - WARMUP) / (SCHEDULE - WARMUP))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        clean = batch_of(tokenizer, chance)
        causal, diffusion = causal_loss(network, clean), diffusion_loss(network, clean, generator)
        optimizer.zero_grad()
        (causal + diffusion).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 100 == 99:
            print(f"step {step + 1}: causal {causal:.3f}, diffusion {diffusion:.3f}, {time.time() - started:.0f} s", flush=True)
    return {name: tensor.detach().to(torch.bfloat16) for name, tensor in network.tensors.items()}


def write_model(tokenizer, tensors):
    folder = HERE / "diffusion/tiny-lists"
    write_config(folder, CONFIG | {"quantization_config": CONFIG["quantization_config"] | {"quantization_mode": "offline"}})
    write_tensors(folder, pack(tensors, torch.bfloat16, reciprocal=False))
    save_tokenizer(tokenizer, folder, chat=False)
    (folder / "dlm_config.json").write_text(json.dumps({
        "bd_size": BLOCK, "mask_token": MASK_TEXT, "mask_token_id": MASK, "attention": "bidirectional",
        "token_shift": True, "training_method": "fast-dllm-v2", "total_tokens_trained": STEPS * BATCH * LENGTH,
    }, indent=2) + "\n")


# --- traces ---


def thresholds(mode, threshold):
    if mode == "adaptive":
        return lambda number: {1: max(0.5, threshold - 0.4), 2: max(0.7, threshold - 0.2)}.get(number, threshold)
    return lambda number: -1 if mode == "greedy" else threshold


def trace(model, mask, prompt, block, sub_block, mode, threshold, cache, count, stops=()):
    network = Network.load(HERE / model)
    decoder = Decoder(network, mask, block, sub_block, thresholds(mode, threshold), cache, stops)
    tokens = decoder.decode(prompt, count)
    if mode == "iterative" and threshold == 1 and sub_block == block and not stops:
        assert tokens == naive(network, mask, block, prompt, count), "the caches change the result"
    return {
        "model": model, "mask": mask, "prompt": prompt, "block": block, "sub_block": sub_block, "mode": mode,
        "threshold": threshold, "cache": cache, "count": count, "stops": list(stops), "tokens": tokens,
        "passes": [{"kind": k, "start": s, "tokens": n, "revealed": sorted(r.items())} for k, s, n, r in decoder.trace],
        "margin": decoder.margin}


RULES = (
    ("iterative", 1), ("iterative", 0.9), ("iterative", 0.5), ("iterative", 0.2), ("greedy", 1), ("adaptive", 0.9),
)
STABLE = 2e-4  # no decision closer than this; float32 implementations agree to 1e-4 of a logit


def dense_traces():
    """A model that knows no masks makes all kinds of confidences, and float arithmetic makes them exact."""
    tokenizer = Tokenizer.from_file(str(HERE / "trained/tiny-dense/tokenizer.json"))
    text = tokenizer.encode((HERE / "probe.txt").read_text()).ids
    for block, sub_block, lengths in ((8, 4, (5, 7, 8, 9, 20)), (32, 8, (5, 31, 32, 33, 64)), (8, 8, (16, 19)), (6, 2, (4,))):
        for index, (mode, threshold) in enumerate(RULES):
            for cache in (True, False):
                # The first text without a close decision.
                for first in range(40):
                    prompt = text[first : first + lengths[index % len(lengths)]]
                    found = trace("trained/tiny-dense", 300, prompt, block, sub_block, mode, threshold, cache, 2 * block + 3)
                    if found["margin"] > STABLE:
                        break
                else:
                    raise SystemExit("every text has a close decision")
                yield found
                middle = found["tokens"][len(found["tokens"]) * 2 // 3]
                yield trace("trained/tiny-dense", 300, prompt, block, sub_block, mode, threshold, cache, 2 * block + 3, (middle,))


def list_traces(tokenizer):
    for text in ("days: wednesday", "letters: c d", "count: three four", "months: may", "back: ten nine eight"):
        prompt = tokenizer.encode(text).ids
        for mode, threshold in RULES:
            for cache in (True, False):
                found = trace("diffusion/tiny-lists", MASK, prompt, BLOCK, 8, mode, threshold, cache, 100, (END_OF_TEXT,))
                if found["margin"] > 5e-3:
                    yield found


def main():
    torch.set_num_threads(1)
    tokenizer = train_tokenizer([], VOCABULARY - 1)
    tokenizer.add_special_tokens([MASK_TEXT])
    assert tokenizer.token_to_id(MASK_TEXT) == MASK and tokenizer.token_to_id(SPECIAL[0]) == END_OF_TEXT
    if "train" in sys.argv[1:]:
        shutil.rmtree(HERE / "diffusion/tiny-lists", ignore_errors=True)
        (HERE / "diffusion/tiny-lists").mkdir(parents=True)
        write_model(tokenizer, train(tokenizer))
    network = Network.load(HERE / "diffusion/tiny-lists")
    cases = [*dense_traces(), *list_traces(tokenizer)]
    prompts = ["days: wednesday", "months: may"]
    write_json(HERE / "diffusion/golden.json", {
        "made_by": made_by(__file__),
        "autoregressive": [
            {"prompt": p, "text": tokenizer.decode(autoregressive(network, tokenizer.encode(p).ids, 100, (END_OF_TEXT,)))}
            for p in prompts],
        "cases": cases})
    print(f"{len(cases)} traces, closest decision {min(case['margin'] for case in cases):.1e}")


if __name__ == "__main__":
    main()
