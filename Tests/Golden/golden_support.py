"""What the scripts in this folder share: the BitLinear arithmetic in PyTorch, and how golden values are written."""

import base64
import contextlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.integrations.bitnet import AutoBitLinear, BitLinear, pack_weights, unpack_weights

HERE = Path(__file__).resolve().parent
MODES = ("none", "weightOnly", "bitLinear")


# --- the arithmetic, written from its definition and not from transformers ---


def ternarize(weight):
    """The codes T in {-1, 0, 1} as float and the one scale s_w, so that the quantized weight is T * s_w."""
    scale = weight.abs().mean().clamp(min=1e-5)
    return (weight / scale).round().clamp(-1, 1), scale


def quantize_rows(x):
    """int8 codes as float and one scale per row, so that the quantized input is X * s_x."""
    scale = x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5) / 127
    return (x / scale).round().clamp(-128, 127), scale


def ternary_parts(module):
    """Codes [outputs, inputs] and scale of one linear layer, read from the file where it is packed."""
    if isinstance(module, BitLinear):
        return unpack_weights(module.weight, dtype=torch.float32), 1 / module.weight_scale
    if isinstance(module, AutoBitLinear) and not module.online_quant:
        return module.weight, module.weight_scale
    return ternarize(module.weight)


def linear(module, x, mode):
    """One linear layer in one of the three quantization modes."""
    packed = isinstance(module, BitLinear) or (isinstance(module, AutoBitLinear) and not module.online_quant)
    if mode == "none" and not packed:
        y = x @ module.weight.to(x.dtype).T
    else:
        codes, scale = ternary_parts(module)
        codes, scale = codes.to(x.dtype), scale.to(x.dtype)
        if mode == "bitLinear":
            inputs, input_scale = quantize_rows(x)
            y = (inputs @ codes.T) * scale * input_scale
        else:
            y = x @ (codes * scale).T
    return y if module.bias is None else y + module.bias.to(x.dtype)


@contextlib.contextmanager
def quantization_mode(model, mode):
    """Runs every linear layer but the head through `linear` instead of through transformers' code."""
    replaced = []
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, BitLinear)) and name != "lm_head":
            module.forward = lambda x, module=module: linear(module, x, mode)
            replaced.append(module)
    try:
        yield model
    finally:
        for module in replaced:
            del module.forward


# --- running ---


def load(folder):
    """The model by transformers' own code, with float32 arithmetic whatever the file's type is."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    # The packed layers keep the configuration's type in spite of `dtype`, and transformers refuses model.float().
    model = nn.Module.float(model).eval()
    for module in model.modules():
        if isinstance(module, BitLinear):
            module.dtype = torch.float32
    return model


@torch.no_grad()
def logits_of(model, ids):
    """[positions, vocabulary]"""
    return model(torch.tensor([ids]), use_cache=False).logits[0].float()


@torch.no_grad()
def hidden_rms(model, ids):
    """Root mean square of the residual stream after each layer, before the final norm: (last position, all)."""
    seen = []
    hooks = [
        layer.register_forward_hook(
            lambda _, __, output: seen.append(output[0] if isinstance(output, tuple) else output)
        )
        for layer in model.model.layers
    ]
    logits_of(model, ids)
    for hook in hooks:
        hook.remove()
    states = [state.reshape(len(ids), -1).double() for state in seen]
    return (
        [state[-1].square().mean().sqrt().item() for state in states],
        [state.square().mean().sqrt().item() for state in states],
    )


def greedy(model, prompt, count):
    """The next `count` tokens, always the most likely one, and how far its logit is above the second."""
    ids, margins = list(prompt), []
    for _ in range(count):
        best = logits_of(model, ids)[-1].topk(2)
        ids.append(best.indices[0].item())
        margins.append((best.values[0] - best.values[1]).item())
    return ids[len(prompt) :], margins


def mean_nll(model, ids):
    """Mean negative log-likelihood in nats per token of ids[1:], each given all ids before it."""
    log_probabilities = torch.log_softmax(logits_of(model, ids).double(), dim=-1)
    return -log_probabilities[:-1].gather(1, torch.tensor(ids[1:])[:, None]).mean().item()


# --- writing ---


def base64_floats(tensor):
    """Little-endian float32, row-major, in base64."""
    return base64.b64encode(tensor.detach().contiguous().to(torch.float32).numpy().astype("<f4").tobytes()).decode()


def made_by(script):
    return {
        "script": f"Tests/Golden/{Path(script).name}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")},
    }


def write_json(path, value):
    """One line per top-level entry: small, and still readable in a diff."""
    lines = [f"{json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_config(folder, config):
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def write_tensors(folder, tensors, shards=1):
    """model.safetensors, or as many shards with their index, named as Hugging Face names them."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {"format": "pt"}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return
    names = sorted(tensors)
    per_shard = -(-len(names) // shards)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        own = names[shard * per_shard : (shard + 1) * per_shard]
        save_file({name: tensors[name] for name in own}, folder / file, metadata)
        weight_map |= {name: file for name in own}
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def pack(tensors, scale_dtype, reciprocal):
    """The offline form of a checkpoint: each projection as packed codes and a scale, the rest as it is.

    `reciprocal` says which of the two meanings the stored scale has: linear_class "bitlinear" divides by it.
    """
    packed = {}
    for name, tensor in tensors.items():
        if not name.endswith("_proj.weight"):
            packed[name] = tensor
            continue
        codes, scale = ternarize(tensor.float())
        packed[name] = pack_weights(codes.clone())  # pack_weights changes its argument
        packed[f"{name}_scale"] = (1 / scale if reciprocal else scale).reshape(1).to(scale_dtype)
    return packed
