"""Losses and gradients of the trainer's twin in PyTorch, and the losses of short trainings.

Usage: python Tests/Golden/make_training_golden.py
Writes Tests/Golden/training/. See README.md.
"""

import json

import numpy as np
import torch
from golden_support import HERE, made_by
from safetensors.torch import save_file
from torch.nn import functional as F
from training_twin import Random, Twin, causal_view, diffusion_view

FOLDER = HERE / "training"
SEED, TOKEN_SEED, MASK_SEED = 7, 8, 9
SMALL = dict(vocab=37, hidden=24, inner=40, layers=2, heads=4, kv=2, head=6, tied=True, subnorms=True, headnorms=False,
             biases=False, act="relu2")
PLAIN = SMALL | dict(tied=False, subnorms=False, act="silu")
QWEN = SMALL | dict(subnorms=False, act="silu", headnorms=True, biases=True)
DOCUMENTS = [[(0, 9), (9, 20), (20, 21)], [(0, 17), (17, 21)]]
MASK = 36


def weights(name, normals):
    """Large enough that attention and gates are far from linear."""
    if "norm" in name:
        return 1 + 0.1 * normals
    if "bias" in name:
        return 0.1 * normals
    return (0.5 if name.startswith(("token", "output")) else 0.25) * normals


def small_batch():
    random = Random(TOKEN_SEED)
    return [([random.value(s, i) % 36 for i in range(21)], documents) for s, documents in enumerate(DOCUMENTS)]


def twin(shape, lam, seed=SEED):
    model = Twin(shape)
    model.lam = lam
    model.fill(seed, weights)
    return model


def gradients(model, loss):
    for tensor in model.parameters.values():
        tensor.grad = None
    loss.backward()
    return {n: (torch.zeros_like(t) if t.grad is None else t.grad).float().contiguous()
            for n, t in model.parameters.items()}


VIEWS = {
    "causal": lambda batch: causal_view(batch),
    "diffusion": lambda batch: diffusion_view(batch, Random(MASK_SEED), MASK, 4),
    "diffusion-ratio": lambda batch: diffusion_view(batch, Random(MASK_SEED), MASK, 8, ratio=0.15, complementary=False),
    "diffusion-causal": lambda batch: diffusion_view(batch, Random(MASK_SEED), MASK, 4, ratio=0.5, causal=True),
}


def run(model, view):
    tokens, positions, mask, rows, targets = view
    x = model.hidden(tokens, positions, mask)
    return model.logits(x[torch.tensor(rows)]), torch.tensor(targets)


def write_gradients():
    cases = []
    batch = small_batch()
    for name, shape, lam, view, smoothing in [
        ("relu2-float", SMALL, 0, "causal", 0),
        ("relu2-mixed", SMALL, 0.5, "causal", 0),
        ("relu2-ternary", SMALL, 1, "causal", 0.1),
        ("silu-untied", PLAIN, 0, "causal", 0),
        ("qwen-ternary", QWEN, 1, "causal", 0),
        ("diffusion", SMALL, 1, "diffusion", 0),
        ("diffusion-ratio", SMALL, 0, "diffusion-ratio", 0),
        ("diffusion-causal", SMALL, 0, "diffusion-causal", 0),
    ]:
        model = twin(shape, lam)
        logits, targets = run(model, VIEWS[view](batch))
        loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
        cases.append(dict(name=name, shape=shape, lam=lam, view=view, smoothing=smoothing, loss=loss.item(),
                          count=len(targets)))
        save_file(gradients(model, loss), FOLDER / f"{name}.safetensors")
    return cases


# --- distillation: the teacher is another model in full precision ---


def relations(states, heads):
    x = states.reshape(states.shape[0], heads, -1)
    x = x / x.norm(dim=-1, keepdim=True)
    return torch.log_softmax(torch.einsum("ihd,jhd->hij", x, x), -1)


def attention_loss(student, teacher, documents, heads):
    """The sum over rows of documents, the mean over heads, of KL(teacher || student), over queries, keys and values."""
    total = 0
    for own, other in zip(student, teacher):
        for first, end in documents:
            q, p = relations(own[first:end], heads), relations(other[first:end].detach(), heads)
            total = total + (p.exp() * (p - q)).sum() / heads
    return total


def distance(kind, x, t):
    if kind == "mse":
        return ((x - t) ** 2).mean(-1)
    if kind == "mse_normalized":
        return ((F.normalize(x, dim=-1) - F.normalize(t, dim=-1)) ** 2).mean(-1)
    return 1 - F.cosine_similarity(x, t, dim=-1)


def write_distillation():
    cases = []
    view = causal_view(small_batch())
    tokens, positions, mask, rows, targets = view
    lengths = [end - first for documents in DOCUMENTS for first, end in documents]
    starts = np.cumsum([0] + lengths)
    documents = list(zip(starts, starts[1:]))
    teacher = twin(SMALL | dict(subnorms=False, act="silu"), 0, seed=11)
    expected = run(teacher, view)[0].detach()
    for name in ("logits", "attention", "mse", "mse_normalized", "inner_product"):
        model = twin(SMALL, 1 if name in ("logits", "attention") else 0)
        logits, _ = run(model, view)
        if name == "logits":
            p, q = torch.log_softmax(expected / 5, -1), torch.log_softmax(logits / 5, -1)
            loss, count = 25 * (p.exp() * (p - q)).sum(-1).mean(), len(rows)
        elif name == "attention":
            loss, count = attention_loss(model.states[1], teacher.states[0], documents, 4) / len(tokens), len(tokens)
        else:
            weights = [1 / 3, 2 / 3]
            loss = sum(w * distance(name, model.streams[i + 1], teacher.streams[i + 1].detach()).mean()
                       for i, w in enumerate(weights))
            count = len(tokens)
        cases.append(dict(name=name, loss=loss.item(), count=count))
        save_file(gradients(model, loss), FOLDER / f"distill-{name}.safetensors")
    return cases


# --- short trainings ---

TRAINED = dict(vocab=256, hidden=128, inner=384, layers=4, heads=4, kv=2, head=32, tied=True, subnorms=True,
               headnorms=False, biases=False, act="relu2")
STEPS, SEQUENCES, LENGTH = 50, 4, 64


def initial(name, normals):
    if "norm" in name:
        return np.ones_like(normals)
    residual = name.endswith(("attn_output.weight", "ffn_down.weight"))
    return normals * (0.02 / np.sqrt(2 * TRAINED["layers"]) if residual else 0.02)


def text(step):
    """Mostly a rule that can be learned: three times the last token and one."""
    random, batch = Random(TOKEN_SEED), []
    for s in range(SEQUENCES):
        tokens = [random.value(step, s, 0) % 256]
        for i in range(1, LENGTH):
            follows = random.unit(step, s, i, 0) < 0.9
            tokens.append((3 * tokens[-1] + 1) % 256 if follows else random.value(step, s, i, 1) % 256)
        batch.append((tokens, [(0, LENGTH)]))
    return batch


def train(kind):
    model = Twin(TRAINED, torch.float32)
    model.fill(SEED, initial)
    tensors = model.parameters
    matrices = [t for n, t in tensors.items() if n.startswith("blk") and "norm" not in n]
    others = [t for n, t in tensors.items() if not (n.startswith("blk") and "norm" not in n)]
    if kind == "adamw":
        optimizers = [torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=others, weight_decay=0)],
                                        lr=2e-4, betas=(0.9, 0.95), eps=1e-8)]
    else:
        optimizers = [torch.optim.Muon(matrices, lr=0.002, weight_decay=0.01, momentum=0.95),
                      torch.optim.AdamW(others, lr=2e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0)]
    losses = []
    for step in range(STEPS):
        logits, targets = run(model, causal_view(text(step)))
        loss = F.cross_entropy(logits, targets)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
        print(kind, step, loss.item(), flush=True)
    return losses


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    random = Random(42)
    golden = dict(
        made_by=made_by(__file__),
        random=dict(value=str(random.value(1, 2, 3)), unit=random.unit(4), child=str(random.child(1, 5, 6).value(7)),
                    normals=list(random.child(0, 3).normals(4))),
        gradients=write_gradients(),
        distillation=write_distillation(),
        trainings={kind: train(kind) for kind in ("adamw", "muon")},
    )
    (FOLDER / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
