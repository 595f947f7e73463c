"""Two small models that have really learned some English, one ternary and one dense, and three broken relatives.

Usage: TORCH_COMPILE_DISABLE=1 python Tests/Golden/make_trained_golden.py [folder for the text]
Writes Tests/Golden/trained/<name>/, see README.md. Takes about six minutes on one thread.
"""

import copy
import json
import math
import shutil
import sys
import tempfile
import time
from collections import Counter

import torch
from golden_support import (
    HERE, MODES, base64_floats, greedy, hidden_rms, load, logits_of, made_by, mean_nll, pack,
    quantization_mode, quantize_rows, ternarize, write_config, write_json, write_tensors,
)
from tiny_tokenizer import save_tokenizer, train_tokenizer
from torch import nn
from training_text import documents
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.trainer_callback import TrainerState
from transformers.utils import logging

VOCABULARY = 512
END_OF_TEXT = 0
LENGTH, BATCH, STEPS, WARMUP = 256, 16, 1800, 100
STOPPED_AT = 20
LOG_EVERY, EVALUATE_EVERY = 50, 300
PROMPT_TEXT = "The man went down to the"


def configuration(model_type, architecture, **overrides):
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
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "bos_token_id": END_OF_TEXT,
        "eos_token_id": END_OF_TEXT,
        "torch_dtype": "bfloat16",
    } | overrides


ONLINE = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}
BITNET = configuration("bitnet", "BitNetForCausalLM", hidden_act="relu2", quantization_config=ONLINE)
DENSE = configuration("llama", "LlamaForCausalLM")
PACKED = BITNET | {"quantization_config": ONLINE | {"quantization_mode": "offline"}}


def straight_through(module, x):
    """BitLinear forward, identity backward."""
    codes, scale = ternarize(module.weight)
    weight = module.weight + (codes * scale - module.weight).detach()
    inputs, input_scale = quantize_rows(x)
    return (x + (inputs * input_scale - x).detach()) @ weight.T


class Text:
    def __init__(self, folder):
        texts = documents(folder)
        self.tokenizer = train_tokenizer(texts, VOCABULARY)
        held_out = len(texts) // 50
        self.training, self.held_out = self.stream(texts[held_out:]), self.stream(texts[:held_out])
        self.probe = self.tokenizer.encode((HERE / "probe.txt").read_text().strip()).ids
        counts = Counter(self.training.tolist())
        self.unigram = {token: counts.get(token, 0.5) / len(self.training) for token in range(VOCABULARY)}

    def stream(self, texts):
        ids = [END_OF_TEXT]
        for encoding in self.tokenizer.encode_batch(texts):
            ids += encoding.ids + [END_OF_TEXT]
        return torch.tensor(ids)

    def batch(self, stream, generator):
        starts = torch.randint(len(stream) - LENGTH - 1, (BATCH,), generator=generator)
        return torch.stack([stream[start : start + LENGTH + 1] for start in starts])


def loss_of(model, batch):
    logits = model(batch[:, :-1], use_cache=False).logits
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


@torch.no_grad()
def evaluate(model, text):
    generator = torch.Generator().manual_seed(9)
    return sum(loss_of(model, text.batch(text.held_out, generator)).item() for _ in range(4)) / 4


def learning_rate(step, peak, steps):
    if step < WARMUP:
        return peak * step / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (steps - WARMUP)))


def new_model(config, seed):
    torch.manual_seed(seed)
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**plain), dtype=torch.float32)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            nn.init.normal_(parameter, std=0.1 if "embed" in name else 1 / parameter.shape[1] ** 0.5)
    return model


def train(name, config, text, peak, steps=STEPS, seed=5):
    """The finished model with its trainer state, and the same after 0 and after STOPPED_AT steps."""
    model = new_model(config, seed)
    if "quantization_config" in config:
        for module_name, module in model.named_modules():
            if isinstance(module, nn.Linear) and module_name != "lm_head":
                module.forward = lambda x, module=module: straight_through(module, x)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}], betas=(0.9, 0.95))
    generator = torch.Generator().manual_seed(7)
    tokens_per_epoch = len(text.training)
    state = TrainerState(
        max_steps=steps, num_train_epochs=math.ceil(steps * BATCH * LENGTH / tokens_per_epoch),
        logging_steps=LOG_EVERY, eval_steps=EVALUATE_EVERY, save_steps=EVALUATE_EVERY, train_batch_size=BATCH)
    snapshots, losses, started = {}, [], time.time()
    for step in range(steps + 1):
        state.global_step = step
        state.num_input_tokens_seen = step * BATCH * LENGTH
        state.epoch = round(state.num_input_tokens_seen / tokens_per_epoch, 6)
        if step in (0, STOPPED_AT):
            snapshots[step] = (copy.deepcopy(model.state_dict()), copy.deepcopy(state))
        if step % EVALUATE_EVERY == 0 and step > 0:
            loss = evaluate(model, text)
            state.log_history.append({"epoch": state.epoch, "eval_loss": loss, "step": step})
            if state.best_metric is None or loss < state.best_metric:
                state.best_metric, state.best_global_step = loss, step
                state.best_model_checkpoint = f"./{name}/checkpoint-{step}"
            print(f"{name} step {step}: eval {loss:.3f}, {time.time() - started:.0f} s", flush=True)
        if step == steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step + 1, peak, steps)
        loss = loss_of(model, text.batch(text.training, generator))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % (10 if step < STOPPED_AT else LOG_EVERY) == 0:
            state.log_history.append({
                "epoch": round((step + 1) * BATCH * LENGTH / tokens_per_epoch, 6), "grad_norm": norm.item(),
                "learning_rate": group["lr"], "loss": sum(losses) / len(losses), "step": step + 1})
            losses = []
    snapshots[steps] = (model.state_dict(), state)
    return snapshots


def tensors_of(state_dict):
    """What is stored: bf16, without the tied head."""
    return {name: t.detach().to(torch.bfloat16) for name, t in state_dict.items() if name != "lm_head.weight"}


def write_state(folder, state, **extra):
    content = json.loads(json.dumps(state.__dict__, default=lambda value: value.__dict__)) | extra
    (folder / "trainer_state.json").write_text(json.dumps(content, indent=2) + "\n")


def write_golden(folder, name, text, native):
    model = load(folder)
    prompt = text.tokenizer.encode(PROMPT_TEXT).ids
    result = {"made_by": made_by(__file__), "model": name, "native_mode": native, "probe": text.probe, "nll": {},
              "nll_after_end_of_text": {}, "end_of_text_after_probe": {}, "entropy": {}, "greedy": {}}
    result["nll_native"] = mean_nll(model, text.probe)
    result["nll_unigram"] = -sum(math.log(text.unigram[token]) for token in text.probe[1:]) / (len(text.probe) - 1)
    result["last_logits_native"] = base64_floats(logits_of(model, text.probe)[-1])
    result["hidden_rms_native"] = dict(zip(("last_position", "all_positions"), hidden_rms(model, text.probe)))
    for mode in MODES:
        with quantization_mode(model, mode):
            result["nll"][mode] = mean_nll(model, text.probe)
            result["nll_after_end_of_text"][mode] = mean_nll(model, [END_OF_TEXT, *text.probe])
            logits = logits_of(model, text.probe)
            probabilities = logits.softmax(-1)
            result["end_of_text_after_probe"][mode] = probabilities[-1, END_OF_TEXT].item()
            result["entropy"][mode] = -(probabilities * logits.log_softmax(-1)).sum(-1).mean().item()
            tokens, margins = greedy(model, prompt, 32)
            result["greedy"][mode] = {
                "text": PROMPT_TEXT, "prompt": prompt, "tokens": tokens, "margins": margins,
                "continuation": text.tokenizer.decode(tokens)}
    write_json(folder / "golden.json", result)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:22} {size / 1000:4.0f} kB  unigram {result['nll_unigram']:.3f}  native {result['nll_native']:.3f}  "
          + "  ".join(f"{mode} {result['nll'][mode]:.3f}" for mode in MODES)
          + f"  P(end) {result['end_of_text_after_probe'][native]:.3f}"
          + f"  {result['greedy'][native]['continuation']!r}", flush=True)


def write_model(name, config, tensors, state, text, **extra_state):
    folder = HERE / "trained" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_config(folder, config)
    write_tensors(folder, tensors)
    save_tokenizer(text.tokenizer, folder, chat=False)
    if state is not None:
        write_state(folder, state, **extra_state)
    write_golden(folder, name, text, "none" if config is DENSE else "bitLinear")


def main():
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    text = Text(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp())
    print(f"{len(text.training) / 1e6:.2f} million tokens; the probe has {len(text.probe)}")

    snapshots = train("tiny-bitnet", BITNET, text, peak=6e-3)
    weights, state = snapshots[STEPS]
    tensors = tensors_of(weights)
    write_model("tiny-bitnet", BITNET, tensors, state, text)
    write_model("tiny-bitnet-packed", PACKED, pack(tensors, torch.bfloat16, reciprocal=False), None, text)
    weights, state = snapshots[STOPPED_AT]
    write_model("tiny-stopped", BITNET, tensors_of(weights), state, text)
    weights, state = snapshots[0]
    # best_eval_loss is not Hugging Face's: trainers of one's own write it, infinite until the first evaluation.
    write_model("tiny-untrained", BITNET, tensors_of(weights), state, text, best_eval_loss=math.inf)

    weights, state = train("tiny-dense", DENSE, text, peak=4e-3)[STEPS]
    write_model("tiny-dense", DENSE, tensors_of(weights), state, text)


if __name__ == "__main__":
    main()
