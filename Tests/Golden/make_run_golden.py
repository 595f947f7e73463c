"""Logs of training runs as the real packages write them: W&B's offline runs, torch's SummaryWriter, Lightning.

Usage: python Tests/Golden/make_run_golden.py
Writes Tests/Golden/runs/, see README.md. Needs an environment of its own with
    pip install wandb==0.31.0 tensorboard==2.21.0 torch pytorch-lightning==2.6.6
The curves are made up (a trainer of 2 B parameters takes longer); the files are not. Three runs of 3,600 steps out of
9,536, logged by both packages: the cross-entropy loss on and falling, off, and on until it is lost at step 2,400.
"""

import json
import math
import os
import pickle
import random
import shutil
import tempfile
from pathlib import Path

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")

import pytorch_lightning
import torch
import wandb
from torch.utils.tensorboard import SummaryWriter

HERE = Path(__file__).resolve().parent / "runs"
TOTAL, STEPS, EVERY = 9536, 3600, 200
WARMUP, PEAK = 550, 0.02
PHASES = [("warmup", 0.1, 1, 0), ("dlm_ramp", 0.3, 1, 0.3), ("main", 0.8, 1, 0.5), ("dlm_focus", 1, 0.5, 1)]


def config(with_ce):
    return {
        "total_tokens": 10_000_000_000,
        "max_seq_length": 2048,
        "batch_size": 32,
        "gradient_accumulation_steps": 16,
        "optimizer": {"type": "muon", "lr_muon": PEAK, "lr_adam": 3e-4},
        "scheduler": {"type": "wsd", "warmup_steps": WARMUP, "decay_ratio": 0.2, "min_lr_ratio": 0.0},
        "lambda_warmup": {"enabled": True, "warmup_steps": 500, "schedule": "linear"},
        "objectives": {
            "continue_pretrain": {"enabled": with_ce, "weight": 1.0},
            "dlm": {"enabled": True, "weight": 0.5},
            "layerwise_distill": {"enabled": False, "weight": 0.5},
        },
        "curriculum": {
            "enabled": True,
            "interpolation": "linear",
            "phases": [
                {"name": name, "end_ratio": end,
                 "objectives": {**({"continue_pretrain": ce} if with_ce else {}), "dlm": dlm}}
                for name, end, ce, dlm in PHASES
            ],
        },
        "validation": {"batch_size": 8},
    }


def rate(step):
    """Warm-up, constant, linear decay over the last fifth."""
    if step < WARMUP:
        return PEAK * (0.01 + 0.99 * step / WARMUP)
    return PEAK * min(1, (TOTAL - step) / (TOTAL - round(TOTAL * 0.8)))


def weights(step):
    progress, before = step / TOTAL, None
    for _, end, ce, dlm in PHASES:
        if progress <= end:
            if before is None:
                return ce, dlm
            share = (progress - before[0]) / (end - before[0])
            return before[1] + share * (ce - before[1]), before[2] + share * (dlm - before[2])
        before = end, ce, dlm


def rows(kind):
    """What a trainer logs under the names that WrinkleFree and Lightning use."""
    noise = random.Random(kind)
    for step in range(EVERY, STEPS + 1, EVERY):
        ce_weight, dlm_weight = weights(step)
        ce = 3.1 + 7.6 * math.exp(-step / 500) + noise.gauss(0, 0.05)
        dlm = 4.2 + 6.4 * math.exp(-step / 900) + noise.gauss(0, 0.08)
        if kind == "diverging" and step > 1800:
            ce = ce + 0.004 * (step - 1800) if step < 2400 else math.nan
        row = {"train/dlm_loss": dlm, "schedule/dlm_weight": dlm_weight}
        total = dlm_weight * dlm
        if kind != "ce-off":
            row |= {"train/continue_pretrain_loss": ce, "schedule/continue_pretrain_weight": ce_weight}
            total += ce_weight * ce
        yield step, {"train/loss": total, **row, "lr-Muon": rate(step), "train/lambda": min(1, step / 500)}


def log_wandb(kind, folder):
    settings = wandb.Settings(
        x_disable_stats=True, x_disable_meta=True, x_disable_machine_info=True, x_save_requirements=False,
        console="off", disable_git=True, disable_code=True, host="host")
    with tempfile.TemporaryDirectory() as temporary:
        run = wandb.init(
            project="runs", name=kind, id=kind, dir=temporary, config=config(kind != "ce-off"), settings=settings)
        for step, row in rows(kind):
            run.log(row | {"trainer/global_step": step})
        run.finish()
        wandb.teardown()  # waits until the file is written
        (source,) = Path(temporary, "wandb").glob("offline-run-*")
        target = folder / "wandb" / f"offline-run-20260101_000000-{kind}"
        target.mkdir(parents=True)
        shutil.copy(source / f"run-{kind}.wandb", target)


def log_tensorboard(kind, folder):
    with SummaryWriter(folder / "tensorboard") as writer:
        for step, row in rows(kind):
            for name, value in row.items():
                # The newer form keeps the number in a tensor.
                writer.add_scalar(name, value, step, walltime=1.75e9 + step, new_style=kind == "diverging")
    (file,) = (folder / "tensorboard").iterdir()
    file.rename(file.parent / "events.out.tfevents.1750000000.host.1.0")


class Tiny(pytorch_lightning.LightningModule):
    def __init__(self, total_tokens, scheduler):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch):
        loss = self.layer(batch[0]).square().mean()
        self.log("val_loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)]


def save_lightning(folder):
    torch.manual_seed(0)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(24, 2)), batch_size=2)
    keeper = pytorch_lightning.callbacks.ModelCheckpoint(dirpath=folder, monitor="val_loss", filename="last")
    trainer = pytorch_lightning.Trainer(
        max_steps=5, accumulate_grad_batches=2, accelerator="cpu", logger=False, callbacks=[keeper],
        enable_progress_bar=False, enable_model_summary=False)
    with tempfile.TemporaryDirectory() as temporary:
        keeper.dirpath = temporary
        trainer.fit(Tiny(1000, {"type": "cosine"}), data)
        # The second writing leaves out the folder that the callback wrote to.
        state = torch.load(keeper.best_model_path, weights_only=False)
        for callback in state["callbacks"].values():
            for key in ("best_model_path", "last_model_path", "dirpath", "kth_best_model_path"):
                callback[key] = ""
            callback["best_k_models"] = {}
        folder.mkdir(parents=True)
        torch.save(state, folder / "last.ckpt")


def write_expected():
    """The series as they were logged, NaN as null; and one object in every protocol of pickle, as hexadecimals."""
    series = {}
    for kind in ("ce-on", "ce-off", "diverging"):
        series[kind] = {}
        for step, row in rows(kind):
            for name, value in row.items():
                series[kind].setdefault(name, []).append([step, None if math.isnan(value) else value])
    shared = [1.5, -2, True, None, "naïve", 2**40, -(2**63)]
    thing = {"shared": [shared, shared], "step": 300, "long": 2**70, "bytes": b"\0\xff", "nested": {"a": {"b": (1, 2, 3)}}}
    pickles = {str(protocol): pickle.dumps(thing, protocol).hex() for protocol in range(6)}
    (HERE / "expected.json").write_text(json.dumps({"series": series, "pickles": pickles}) + "\n")


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    for kind in ("ce-on", "ce-off", "diverging"):
        log_wandb(kind, HERE / kind / "by-wandb")
        log_tensorboard(kind, HERE / kind / "by-tensorboard")
    save_lightning(HERE / "lightning")
    write_expected()


if __name__ == "__main__":
    main()
