"""Tiny random models of every family that must load, with what transformers computes for them.

Usage: TORCH_COMPILE_DISABLE=1 python Tests/Golden/make_bitnet_golden.py [name ...]
Writes Tests/Golden/models/<name>/{config.json, model*.safetensors, golden.json, tokenizer*.json}.
"""

import shutil
import sys

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file
from golden_support import (
    HERE, MODES, base64_floats, greedy, hidden_rms, load, logits_of, made_by, pack, quantization_mode,
    write_config, write_json, write_tensors,
)
from tiny_tokenizer import save_tokenizer, train_tokenizer
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

VOCABULARY = 320
PROMPT_LENGTHS = (1, 2, 5, 12, 17, 33, 40)
ALL_POSITIONS = 3  # index of the prompt whose logits are kept at every position
STABLE_PROMPTS = 5  # the first prompts, up to 17 ids: results must not depend on rounding
STABLE = 1e-3  # and "not depend" means: no logit moves further than this
ROUNDING = 3e-7
GREEDY = 2  # index of the prompt that is continued
TEXTS = ("The quick brown fox", "Hello,  world!\n", "naïve café – 東京 🦊", "x = 3.14 * r**2\r\n\tend", "")


# --- configurations: written out, since published files are not what today's transformers would write ---


def common(model_type, architecture, **overrides):
    return {
        "architectures": [architecture],
        "model_type": model_type,
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "bfloat16",
    } | overrides


def bitnet(**overrides):
    shape = {"hidden_size": 128, "intermediate_size": 256, "hidden_act": "relu2", "rope_theta": 500000.0}
    return common("bitnet", "BitNetForCausalLM", **(shape | overrides))


def quantization(**keys):
    return {"quant_method": "bitnet", "modules_to_not_convert": None} | keys


ONLINE = quantization(linear_class="autobitlinear", quantization_mode="online")
AUTO_OFFLINE = quantization(linear_class="autobitlinear", quantization_mode="offline")
NARROW = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    # Short, so that kept, blended and divided frequencies all occur within the prompts.
    "original_max_position_embeddings": 64,
}

# name: configuration, and what differs from one bf16 file with master weights. The entries with `packed_from` hold
# the same weights as the model that they name.
MODELS = {
    "bitnet-online": (bitnet(quantization_config=ONLINE), {"tokenizer": True}),
    "bitnet-offline": (
        bitnet(quantization_config=AUTO_OFFLINE), {"packed_from": "bitnet-online", "reciprocal": False}),
    "bitnet-offline-reciprocal": (
        bitnet(quantization_config=quantization(linear_class="bitlinear", quantization_mode="offline")),
        {"packed_from": "bitnet-online", "reciprocal": True, "scale_dtype": torch.float32}),
    "bitnet-ragged": (
        bitnet(quantization_config=ONLINE, intermediate_size=200, torch_dtype="float32", **NARROW),
        {"dtype": torch.float32}),
    "llama-tied": (
        common("llama", "LlamaForCausalLM", head_dim=32, rope_scaling=LLAMA3_ROPE),
        {"tokenizer": True, "chat": True}),
    "llama-untied": (
        common("llama", "LlamaForCausalLM", tie_word_embeddings=False, num_key_value_heads=4,
               num_hidden_layers=3, intermediate_size=96, rope_scaling=LLAMA3_ROPE),
        {"shards": 3}),
    # As HF1BitLLM published theirs: no linear_class, which means "bitlinear", which means a reciprocal scale.
    "llama-bitnet": (
        common("llama", "LlamaForCausalLM", tie_word_embeddings=False, hidden_size=128, intermediate_size=384,
               rope_theta=500000.0, is_bitnet_config=True, quantization_config=quantization()),
        {"packed_from": None, "reciprocal": True}),
    "qwen2": (
        common("qwen2", "Qwen2ForCausalLM", torch_dtype="float16", rope_theta=1000000.0, rms_norm_eps=1e-6, **NARROW),
        {"dtype": torch.float16}),
    "qwen3": (
        common("qwen3", "Qwen3ForCausalLM", head_dim=32, attention_bias=False, intermediate_size=96,
               rms_norm_eps=1e-6, rope_theta=None,
               rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}, **NARROW),
        {}),
}

# save_pretrained cannot write a quantized BitNet (transformers 5.23 knows no way back from its unpacking), so the function
# that it cuts shards with is called by itself.
SHARDED = ("bitnet-online", "bitnet-offline")


def random_tensors(config, seed, dtype):
    """Weights that make every part matter: uneven norms, attention that picks, logits with a clear winner."""
    plain = {key: value for key, value in config.items() if key != "quantization_config" and value is not None}
    model = build(plain)
    generator = torch.Generator().manual_seed(seed)

    def normal(shape, deviation):
        return torch.randn(shape, generator=generator) * deviation

    tensors = {}
    for name, parameter in model.named_parameters():
        shape = parameter.shape
        if name.endswith("norm.weight"):
            tensors[name] = 0.5 + torch.rand(shape, generator=generator)
        elif name.endswith(".bias"):
            tensors[name] = normal(shape, 0.5)
        elif name in ("model.embed_tokens.weight", "lm_head.weight"):
            tensors[name] = normal(shape, 2.5 / shape[1] ** 0.5)
        else:
            tensors[name] = normal(shape, 1.4 / shape[1] ** 0.5)
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}


def build(config):
    """A model with this configuration and arbitrary weights, for the names and shapes of its parameters."""
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), dtype=torch.float32)


def write_shards(name, source):
    """The tensors of a golden model in three shards, as transformers and huggingface_hub cut them."""
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = load_file(HERE / "models" / source / "model.safetensors")
    size = sum(tensor.nbytes for tensor in tensors.values())
    save_torch_state_dict(tensors, folder, max_shard_size=size * 2 // 5)
    assert len(list(folder.glob("*.safetensors"))) == 3
    shutil.copy(HERE / "models" / source / "config.json", folder)


def prompts():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, VOCABULARY, (length,), generator=generator).tolist() for length in PROMPT_LENGTHS]


def write_model(folder, config, options, seed):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_config(folder, {key: value for key, value in config.items() if value is not None})
    tensors = random_tensors(config, seed, options.get("dtype", torch.bfloat16))
    if "packed_from" in options:
        tensors = pack(tensors, options.get("scale_dtype", torch.bfloat16), options["reciprocal"])
    write_tensors(folder, tensors, options.get("shards", 1))


def golden(name, model, ids, config, seed):
    native = "bitLinear" if "quantization_config" in config else "none"
    all_logits = logits_of(model, ids[ALL_POSITIONS])
    rms_last, rms_all = hidden_rms(model, ids[ALL_POSITIONS])
    tokens, margins = greedy(model, ids[GREEDY], 32)
    native_logits = [logits_of(model, prompt) for prompt in ids]
    modes, agreement = {}, 0.0
    for mode in MODES:
        with quantization_mode(model, mode):
            modes[mode] = base64_floats(logits_of(model, ids[ALL_POSITIONS])[-1])
            if mode == native:
                agreement = max(
                    (logits_of(model, prompt) - logits).abs().max().item()
                    for prompt, logits in zip(ids[:STABLE_PROMPTS], native_logits))
    result = {
        "made_by": made_by(__file__),
        "model": name,
        "seed": seed,
        "native_mode": native,
        # Largest difference between transformers' code and golden_support.linear on the stable prompts.
        "agreement": agreement,
        "prompts": ids,
        # How far another summation order may move a logit of each prompt: see noise_of.
        "noise": noise_of(model, ids, float("inf"))[0],
        "last_logits": [base64_floats(logits_of(model, prompt)[-1]) for prompt in ids],
        "entropy": -(all_logits.softmax(-1) * all_logits.log_softmax(-1)).sum(-1).mean().item(),
        "all_positions": {"prompt": ALL_POSITIONS, "logits": base64_floats(all_logits)},
        "hidden_rms": {"prompt": ALL_POSITIONS, "last_position": rms_last, "all_positions": rms_all},
        "greedy": {"prompt": GREEDY, "tokens": tokens, "margins": margins},
        "modes": {"prompt": ALL_POSITIONS, "last_logits": modes},
    }
    return result


@torch.no_grad()
def noise_of(model, runs, limit, draws=4):
    """For each run (a list of ids) the largest change of any logit, and whether any most likely token changes, when
    norms and embeddings are changed by float32's rounding. An activation on the border between two int8 codes makes
    this large: another summation order is enough to move it, and then every later number. Stops above `limit`."""
    expected = [logits_of(model, run) for run in runs]
    generator = torch.Generator().manual_seed(2)
    parameters = [p for name, p in model.named_parameters() if name.endswith("norm.weight") or "embed_tokens" in name]
    saved = [parameter.detach().clone() for parameter in parameters]
    changes, same_choice = [0.0] * len(runs), [True] * len(runs)
    for _ in range(draws):
        for parameter, exact in zip(parameters, saved):
            parameter.data = exact * (1 + ROUNDING * torch.randn(exact.shape, generator=generator))
        for index, (run, logits) in enumerate(zip(runs, expected)):
            noisy = logits_of(model, run)
            changes[index] = max(changes[index], (noisy - logits).abs().max().item())
            same_choice[index] &= torch.equal(noisy.argmax(-1), logits.argmax(-1))
            if changes[index] > limit:
                break
    for parameter, exact in zip(parameters, saved):
        parameter.data = exact
    return changes, same_choice


def is_usable(model, ids):
    """Whether the greedy path is no short loop, and rounding decides neither it nor the short prompts."""
    tokens, margins = greedy(model, ids[GREEDY], 32)
    path = ids[GREEDY] + tokens
    if min(margins) < 0.02 or len(set(tokens)) < 8:
        return False
    changes, _ = noise_of(model, [*ids[:STABLE_PROMPTS], path[:20]], STABLE)
    if max(changes) > STABLE:
        return False
    return noise_of(model, [path], float("inf"))[1][0]


def main():
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    tokenizer = train_tokenizer([(HERE / "probe.txt").read_text()], VOCABULARY)
    families = {}
    for name, (_, options) in MODELS.items():
        families.setdefault(options.get("packed_from") or name, []).append(name)
    for family, names in families.items():
        if sys.argv[1:] and family not in sys.argv[1:]:
            continue
        # The first seed whose greedy path is neither a loop nor decided by rounding noise, in all forms of the model.
        for seed in range(1, 2000):
            results = {}
            for name in names:
                config, options = MODELS[name]
                folder = HERE / "models" / name
                write_model(folder, config, options, seed)
                model, ids = load(folder), prompts()
                if not is_usable(model, ids):
                    break
                results[name] = golden(name, model, ids, config, seed)
                if results[name]["agreement"] > STABLE:
                    break
            else:
                break
        else:
            raise SystemExit(f"{family}: no seed gives a usable greedy path")
        for name, result in results.items():
            folder, options = HERE / "models" / name, MODELS[name][1]
            if options.get("tokenizer"):
                save_tokenizer(tokenizer, folder, chat=options.get("chat", False))
                result["texts"] = [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS]
            write_json(folder / "golden.json", result)
            size = sum(file.stat().st_size for file in folder.iterdir())
            tokens, margins = result["greedy"]["tokens"], result["greedy"]["margins"]
            print(f"{name:26} seed {seed:3}  {size / 1000:4.0f} kB  entropy {result['entropy']:.2f}"
                  f"  min margin {min(margins):.3f}  distinct {len(set(tokens)):2}"
                  f"  agreement {result['agreement']:.1e}", flush=True)
    for source in SHARDED:
        write_shards(f"{source}-shards", source)


if __name__ == "__main__":
    main()
