"""More small models that have learned some English, of another make each: what `diagnose` must find nothing wrong with.

Usage: TORCH_COMPILE_DISABLE=1 python Tests/Golden/make_corpus_golden.py [folder for the text]
Writes Tests/Golden/corpus/<name>/, see README.md. Takes about twenty minutes on one thread.
"""

import shutil
import sys
import tempfile

import torch
from golden_support import HERE, MODES, load, made_by, mean_nll, pack, quantization_mode, write_config, write_json, write_tensors
from make_trained_golden import ONLINE, Text, configuration, train
from tiny_tokenizer import save_tokenizer
from transformers.utils import logging

OFFLINE = ONLINE | {"quantization_mode": "offline"}
STEPS = 1200
# name, configuration while training, what the stored configuration says besides, peak learning rate, seed
MODELS = (
    # As microsoft's 2B: squared ReLU, sub-norms, tied; more blocks than the other tiny ones.
    ("deep-ternary", configuration(
        "bitnet", "BitNetForCausalLM", hidden_act="relu2", num_hidden_layers=6, rope_theta=500000.0,
        quantization_config=ONLINE), 6e-3, 11),
    # As Qwen2: biases, a head of its own.
    ("deep-dense", configuration(
        "qwen2", "Qwen2ForCausalLM", num_hidden_layers=4, tie_word_embeddings=False, rope_theta=1000000.0), 4e-3, 12),
    # As HF1BitLLM's: SiLU, no sub-norms. Rows of 256 fit I2_S, TQ1_0 and TQ2_0.
    ("wide-ternary", configuration(
        "llama", "LlamaForCausalLM", hidden_size=256, intermediate_size=256, quantization_config=ONLINE), 3e-3, 13),
)


def write_model(name, config, weights, text):
    folder = HERE / "corpus" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = {key: value.detach().to(torch.bfloat16) for key, value in weights.items()}
    if config["tie_word_embeddings"]:
        del tensors["lm_head.weight"]
    if "quantization_config" in config:
        config = config | {"quantization_config": OFFLINE}
        tensors = pack(tensors, torch.bfloat16, reciprocal=False)
    write_config(folder, config)
    write_tensors(folder, tensors)
    save_tokenizer(text.tokenizer, folder, chat=False)
    model, result = load(folder), {"made_by": made_by(__file__), "nll": {}}
    for mode in MODES:
        with quantization_mode(model, mode):
            result["nll"][mode] = mean_nll(model, text.probe)
    write_json(folder / "golden.json", result)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:16} {size / 1000:4.0f} kB  {result['nll']}", flush=True)


def main():
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    text = Text(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp())
    for name, config, peak, seed in MODELS:
        weights, _ = train(name, config, text, peak, steps=STEPS, seed=seed)[STEPS]
        write_model(name, config, weights, text)


if __name__ == "__main__":
    main()
