"""Writes Tests/Golden/comparison/: pairs of logits with numpy's measures of their difference, and arrays in numpy's files.

    python3 Tests/Golden/make_comparison_golden.py      # numpy only

golden.json: for each pair, the float32 logits `a` and `b` and, in float64: cosine, KL(a || b) in nats, the largest
difference, ||a - b|| / ||a|| with the means taken out, and the likeliest tokens. *.npy: the array of `array` in golden.json
in every form that is read, and some that are refused.
"""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "comparison"
FOLDER.mkdir(exist_ok=True)
random = np.random.default_rng(158)


def log_softmax(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def measure(a, b):
    x, y = a.astype(np.float64), b.astype(np.float64)
    p, q = log_softmax(x), log_softmax(y)
    u, v = x - x.mean(), y - y.mean()
    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "cosine": float(x @ y / np.sqrt((x @ x) * (y @ y))),
        "divergence": float((np.exp(p) * (p - q)).sum()),
        "maximum": float(np.abs(x - y).max()),
        "relative": float(np.linalg.norm(u - v) / np.linalg.norm(u)),
        "topA": int(x.argmax()),
        "topB": int(y.argmax()),
    }


pairs = []
for scale, noise, shift in [(1, 0.01, 0), (5, 0.5, 0), (3, 3, 0), (20, 1, 0), (2, 0.1, -40), (300, 5, 100)]:
    a = (random.standard_normal(50) * scale).astype(np.float32)
    b = (a + random.standard_normal(50) * noise + shift).astype(np.float32)
    pairs.append(measure(a, b))

array = (np.arange(12).reshape(3, 4) - 5.5).astype(np.float32)
np.save(FOLDER / "f2.npy", array.astype("<f2"))
np.save(FOLDER / "f4.npy", array)
np.save(FOLDER / "f8.npy", array.astype("<f8"))
np.save(FOLDER / "one-dimension.npy", array[0])
np.save(FOLDER / "three-dimensions.npy", array[None])
for version in [(2, 0), (3, 0)]:
    with open(FOLDER / f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)
np.save(FOLDER / "refused-fortran.npy", np.asfortranarray(array))
np.save(FOLDER / "refused-big-endian.npy", array.astype(">f4"))
np.save(FOLDER / "refused-integers.npy", array.astype("<i4"))
(FOLDER / "golden.json").write_text(
    json.dumps({"made_by": {"numpy": np.__version__}, "pairs": pairs, "array": array.tolist()}, indent=1) + "\n"
)
