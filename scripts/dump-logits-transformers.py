#!/usr/bin/env python3
"""Writes the logits that Hugging Face transformers computes, for `bitnet compare MODEL --logits FILE`.

    pip install torch transformers numpy
    scripts/dump-logits-transformers.py FOLDER -p "The capital of France is" -o theirs.npy
    bitnet compare FOLDER --logits theirs.npy -p "The capital of France is"

The array is float32 [positions, vocabulary]; row i holds the logits of the token after token i. The token ids are printed
as `--tokens` of `bitnet compare` takes them.
"""

import argparse

import numpy
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder, or a name on the hub")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("-p", "--prompt", default="The capital of France is")
    text.add_argument("-f", "--file", help="a file with the text")
    text.add_argument("--tokens", help="token ids instead of a text: 1,2,3")
    parser.add_argument("-o", "--output", required=True, help="the .npy file to write")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    return parser.parse_args()


def token_ids(options, tokenizer_from):
    if options.tokens:
        return [int(token) for token in options.tokens.split(",")]
    text = open(options.file, encoding="utf-8").read() if options.file else options.prompt
    return AutoTokenizer.from_pretrained(tokenizer_from)(text)["input_ids"]


def dump(model, tokens, path):
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([tokens])).logits[0]
    numpy.save(path, logits.to(torch.float32).numpy())
    print(",".join(map(str, tokens)))


if __name__ == "__main__":
    options = arguments()
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype))
    dump(model, token_ids(options, options.model), options.output)
