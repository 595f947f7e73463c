#!/usr/bin/env python3
"""Writes the logits of a PyTorch Lightning checkpoint, for `bitnet compare MODEL --logits FILE`.

    pip install torch transformers numpy
    scripts/dump-logits-lightning.py last.ckpt --config FOLDER -o theirs.npy
    bitnet compare MODEL --logits theirs.npy

FOLDER holds the config.json and the tokenizer that the training began with. The LightningModule's attribute with the
transformers model is its `model`; say --prefix for another name. For a model that transformers does not know, replace
`build` with a line that makes yours. Nothing in the checkpoint is executed (weights_only).
"""

import argparse

import numpy
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitNetQuantConfig
from transformers.integrations import replace_with_bitnet_linear


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="the .ckpt file")
    parser.add_argument("--config", required=True, help="a folder with config.json and, for texts, the tokenizer")
    parser.add_argument("--prefix", default="model.", help="what stands before the model's names in the state_dict")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("-p", "--prompt", default="The capital of France is")
    text.add_argument("--tokens", help="token ids instead of a text: 1,2,3")
    parser.add_argument("-o", "--output", required=True, help="the .npy file to write")
    return parser.parse_args()


def build(folder):
    """An untrained model, with the BitLinear layers that config.json asks for."""
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    quantization = getattr(config, "quantization_config", None)
    if quantization:
        options = {key: value for key, value in quantization.items() if key != "quant_method"}
        replace_with_bitnet_linear(model, ["lm_head"], BitNetQuantConfig(**options))
    return model


def weights(path, prefix):
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    names = {name.removeprefix("_orig_mod."): name for name in state}
    found = {name[len(prefix):]: state[names[name]] for name in names if name.startswith(prefix)}
    return {name.replace("_orig_mod.", ""): tensor.to(torch.float32) for name, tensor in found.items()}


if __name__ == "__main__":
    options = arguments()
    model = build(options.config)
    missing, unexpected = model.load_state_dict(weights(options.checkpoint, options.prefix), strict=False, assign=True)
    model.tie_weights()
    missing = [name for name in missing if not (name == "lm_head.weight" and model.config.tie_word_embeddings)]
    if missing or unexpected:
        raise SystemExit(f"the checkpoint does not fit: missing {missing[:5]}, unexpected {list(unexpected)[:5]}")
    if options.tokens:
        tokens = [int(token) for token in options.tokens.split(",")]
    else:
        tokens = AutoTokenizer.from_pretrained(options.config)(options.prompt)["input_ids"]
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([tokens])).logits[0]
    numpy.save(options.output, logits.numpy())
    print(",".join(map(str, tokens)))
