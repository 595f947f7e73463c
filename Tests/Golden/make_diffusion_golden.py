"""A small ternary model that has learned to write lists by block diffusion, and traces of decoding with it and with two
models that have not.

Usage: TORCH_COMPILE_DISABLE=1 python Tests/Golden/make_diffusion_golden.py [train]
With `train` it writes Tests/Golden/diffusion/tiny-lists/ anew (about ten minutes on one thread); it always writes
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
from torch import nn

MASK_TEXT = "|<MASK>|"
VOCABULARY, END_OF_TEXT, MASK = 260, 0, 259
BLOCK, LENGTH, BATCH, STEPS, WARMUP, PEAK = 32, 128, 16, 2400, 100, 6e-3
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
        rate = PEAK * min(step / WARMUP, 0.5 * (1 + math.cos(math.pi * max(0, step - WARMUP) / (STEPS - WARMUP))))
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
            write_tensors(HERE / "diffusion", {n: t.detach().to(torch.bfloat16) for n, t in network.tensors.items()})
    return {name: tensor.detach().to(torch.bfloat16) for name, tensor in network.tensors.items()}


def write_model(tokenizer, tensors):
    folder = HERE / "diffusion/tiny-lists"
    write_config(folder, CONFIG)
    write_tensors(folder, tensors)
    save_tokenizer(tokenizer, folder, chat=False)
    (folder / "dlm_config.json").write_text(json.dumps({
        "bd_size": BLOCK, "mask_token": MASK_TEXT, "mask_token_id": MASK, "attention": "bidirectional",
        "token_shift": True, "training_method": "fast-dllm-v2", "total_tokens_trained": STEPS * BATCH * LENGTH,
    }, indent=2) + "\n")


def main():
    torch.set_num_threads(1)
    tokenizer = train_tokenizer([], VOCABULARY - 1)
    tokenizer.add_special_tokens([MASK_TEXT])
    assert tokenizer.token_to_id(MASK_TEXT) == MASK and tokenizer.token_to_id(SPECIAL[0]) == END_OF_TEXT
    if "train" in sys.argv[1:]:
        shutil.rmtree(HERE / "diffusion/tiny-lists", ignore_errors=True)
        (HERE / "diffusion/tiny-lists").mkdir(parents=True)
        write_model(tokenizer, train(tokenizer))


if __name__ == "__main__":
    main()
