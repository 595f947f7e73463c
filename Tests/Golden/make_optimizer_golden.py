"""Writes Tests/Golden/optimizers.json: twenty steps of PyTorch's AdamW and Muon, and the norm of a gradient.

    /tmp/golden/bin/python Tests/Golden/make_optimizer_golden.py

Weights and gradients are exact in 32-bit floats and follow from a formula that the test repeats, so that only the results
are stored: value(k) = ((k * k * 7919 + k * seed * 31 + seed) % 2039 - 1019) / 1024 for the k-th number. PyTorch runs in float64; its
Muon would orthogonalize in bfloat16 whatever the weights are, which is turned off here: twenty steps are to be followed to
1e-5. Rates follow a line, as a schedule would have them.
"""

import json
from pathlib import Path

import torch

STEPS = 20
SHAPES = {"wide": (12, 20), "tall": (24, 16), "square": (16, 16)}


def numbers(seed, rows, columns, scale):
    k = torch.arange(rows * columns, dtype=torch.int64)
    return (((k * k * 7919 + k * seed * 31 + seed) % 2039 - 1019).double() / 1024 * scale).reshape(rows, columns)


def run(make, shape):
    rows, columns = shape
    weight = torch.nn.Parameter(numbers(1, rows, columns, 0.25))
    optimizer = make([weight])
    peak = optimizer.param_groups[0]["lr"]
    for step in range(STEPS):
        # One gradient is far larger than the others.
        weight.grad = numbers(step + 2, rows, columns, 8.0 if step == 11 else 0.125)
        optimizer.param_groups[0]["lr"] = peak * (1 - step / STEPS)
        optimizer.step()
    return weight.detach().flatten().tolist()


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)


def muon(adjustment):
    return lambda parameters: torch.optim.Muon(
        parameters, lr=2e-2, weight_decay=0.1, momentum=0.95, adjust_lr_fn=adjustment
    )


def main():
    torch.Tensor.bfloat16 = lambda self: self
    cases = []
    for name, shape in SHAPES.items():
        makers = {"adamw": adamw, "original": muon("original"), "match_rms_adamw": muon("match_rms_adamw")}
        for kind, make in makers.items():
            cases.append({"kind": kind, "shape": shape, "weights": run(make, shape)})
    norm = torch.linalg.vector_norm(torch.cat([numbers(2, *shape, 0.125).flatten() for shape in SHAPES.values()]))
    golden = {"torch": torch.__version__, "steps": STEPS, "cases": cases, "norm": norm.item()}
    path = Path(__file__).resolve().parent / "optimizers.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
