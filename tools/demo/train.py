#!/usr/bin/env python3
"""Trains one of the demo's YOLO11 models (detect, pose or segment) with Ultralytics, inside a time limit.

The architecture is Ultralytics' own yolo11*.yaml at width 0.125, a quarter of yolo11n's weights. Writes a stock
checkpoint (FP16, no optimizer, no path of the machine that made it) and the scores on the test split as JSON.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "true")

import torch
from ultralytics import YOLO
from ultralytics.data import utils as data_utils
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.models.yolo.pose import PoseTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.utils import ROOT, YAML

TRAINERS = {"detect": DetectionTrainer, "pose": PoseTrainer, "segment": SegmentationTrainer}
ARCHITECTURES = {"detect": "yolo11.yaml", "pose": "yolo11-pose.yaml", "segment": "yolo11-seg.yaml"}
WIDTH, DEPTH, IMAGE_SIZE = 0.125, 0.5, 320
MOSAIC_UNTIL = 0.8  # of the time; the rest sees whole scenes, as they are met in use
VALIDATE_EVERY = 0.05  # of the time

RECIPE = {
    "imgsz": IMAGE_SIZE, "batch": 32, "nbs": 32, "optimizer": "AdamW", "lr0": 2e-3, "lrf": 0.01, "weight_decay": 5e-4,
    "warmup_epochs": 2.0, "warmup_bias_lr": 0.01, "mosaic": 0.5, "close_mosaic": 0, "scale": 0.4, "translate": 0.1,
    "hsv_h": 0.01, "hsv_s": 0.4, "hsv_v": 0.3, "fliplr": 0.5, "erasing": 0.0, "cache": "ram", "patience": 0,
    "amp": False, "deterministic": False, "plots": False, "pretrained": False, "epochs": 100_000, "exist_ok": True,
}  # fmt: skip

# Going on from a checkpoint: whole scenes at a low rate, and keypoints, the slowest to learn, count twice as much.
REFINEMENT = {"lr0": 6e-4, "batch": 16, "nbs": 16, "warmup_epochs": 0.5, "mosaic": 0.0, "pose": 24.0}


def timed(base):
    """A trainer whose learning rate, mosaic and validation follow the clock rather than a number of epochs."""

    class Timed(base):
        def progress(self):
            start = getattr(self, "train_time_start", None)
            return 0.0 if start is None else (time.time() - start) / (self.args.time * 3600)

        def _setup_scheduler(self):
            low = self.args.lrf
            self.lf = lambda _: low + (1 - low) * (0.5 + 0.5 * math.cos(math.pi * min(self.progress(), 1.0)))
            self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lr_lambda=self.lf)

        def read_results_csv(self):
            return {}  # a table of the run's history, for which Ultralytics would need polars

    trainer_state = {"next": 0.0, "mosaic": True}

    def before_epoch(trainer):
        done = trainer.progress()
        if trainer_state["mosaic"] and done >= MOSAIC_UNTIL:
            trainer_state["mosaic"] = False
            trainer._close_dataloader_mosaic()
            trainer.train_loader.reset()
        trainer.args.val = trainer.args.save = False

    def after_epoch(trainer):
        done = trainer.progress()
        if done >= trainer_state["next"] or done >= 1 or trainer.stop:
            trainer_state["next"] = done + VALIDATE_EVERY
            trainer.args.val = trainer.args.save = True  # both: a checkpoint that was not validated is no candidate

    def with_callbacks(**keywords):
        trainer = Timed(**keywords)
        trainer.add_callback("on_train_epoch_start", before_epoch)
        trainer.add_callback("on_train_epoch_end", after_epoch)
        return trainer

    return with_callbacks


def architecture(task, folder):
    """Writes Ultralytics' model description with our width, and returns its path."""
    source = YAML.load(next((ROOT / "cfg" / "models" / "11").glob(ARCHITECTURES[task])))
    source.pop("scales")
    path = folder / f"yolo11-demo-{task}.yaml"
    YAML.save(path, {"depth_multiple": DEPTH, "width_multiple": WIDTH, **source})
    return path


def publish(source, target):
    """Copies a checkpoint without what tells about the machine that trained it."""
    checkpoint = torch.load(source, map_location="cpu", weights_only=False)
    private = ("data", "project", "name", "save_dir", "model", "device", "workers")
    checkpoint["train_args"] = {k: v for k, v in checkpoint["train_args"].items() if k not in private}
    checkpoint["git"] = None
    model = checkpoint["model"]
    model.args = {k: v for k, v in model.args.items() if k not in private}
    for key in ("yaml_file",):
        if key in model.yaml:
            model.yaml[key] = Path(model.yaml[key]).name
    torch.save(checkpoint, target)


def scores_of(path, data, task, args):
    """Average precision on the test split, as Ultralytics measures it."""
    metrics = YOLO(path).val(data=str(data), split="test", imgsz=IMAGE_SIZE, batch=32, plots=False, rect=False,
                             device=args.device, workers=args.workers, verbose=False,
                             project=str(args.work), name="test", exist_ok=True)  # fmt: skip
    found = {"box_AP50": metrics.box.map50, "box_AP": metrics.box.map}
    if task == "pose":
        found |= {"oks_AP50": metrics.pose.map50, "oks_AP": metrics.pose.map}
    if task == "segment":
        found |= {"mask_AP50": metrics.seg.map50, "mask_AP": metrics.seg.map}
    return {k: round(float(v), 4) for k, v in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(TRAINERS))
    parser.add_argument("--data", type=Path, required=True, help="folder of scenes.py dataset")
    parser.add_argument("--out", type=Path, required=True, help="the .pt to write")
    parser.add_argument("--scores", type=Path, required=True, help="the JSON to write")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run's own files")
    parser.add_argument("--seconds", type=float, default=300, help="end training after so long")
    parser.add_argument("--start", type=Path, help="checkpoint to refine; otherwise from random weights")
    parser.add_argument("--device", default="0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=3, help="processes that prepare batches")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    data = args.data.resolve() / args.task / "data.yaml"
    data_utils.check_font = lambda *_, **__: None  # would download a font for plots that are not made

    trainer = timed(TRAINERS[args.task])(
        overrides={
            **RECIPE, "task": args.task, "model": str(architecture(args.task, args.work)), "data": str(data),
            "time": args.seconds / 3600, "device": args.device, "workers": args.workers, "seed": args.seed,
            "project": str(args.work), "name": "train",
            **({"pretrained": str(args.start), **REFINEMENT} if args.start else {}),
        }
    )  # fmt: skip
    trainer.train()
    publish(trainer.best, args.out)
    args.scores.write_text(json.dumps(scores_of(args.out, data, args.task, args)) + "\n")


if __name__ == "__main__":
    main()
