#!/usr/bin/env python3
"""Times `peregrine` beside Ultralytics and plain OpenVINO on this machine, doing the same work; compares their results first.

    python bench/compare.py --model yolo11n-seg.pt [--model yolo11n.pt] --pictures a.jpg [b.jpg ...] [--coco DIR] [--json FILE]

CPU, batch 1, warm, the same number of threads, from a picture's file to results in memory (masks in the picture's size). The
contestants take turns, round by round, and the median of the rounds counts: a machine that others use slows all of them.
"val": the same validation of DIR (val2017/, annotations/) with yolo detectors, whole command against model.val().
Needs ultralytics, openvino and, for --coco, pycocotools' data layout.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import openvino
import torch
from ultralytics import YOLO

THREADS = os.cpu_count()
CPU = ["--allow-cpu", "--engine", "openvino"]


def peregrine(arguments, command, *flags):
    run = subprocess.run([arguments.peregrine, command, *CPU, "--quiet", *flags], check=True, capture_output=True, text=True)
    return json.loads(run.stdout) if "--json" in flags else None


def bench(arguments, model, *flags):
    results = [peregrine(arguments, "bench", "--model", model, "--runs", str(arguments.runs), "--json", "-", "--source", p, *flags)["measurements"][0]
               for p in arguments.pictures]
    return statistics.mean(r["latency_ms"]["p50"] for r in results), statistics.mean(r["stages_ms"]["inference"] for r in results)


def ultralytics_objects(result):
    masks = [None] * len(result.boxes) if result.masks is None else result.masks.data.numpy().astype(bool)
    return [(int(c), float(s), b.tolist(), m) for c, s, b, m in zip(result.boxes.cls, result.boxes.conf, result.boxes.xyxy, masks)]


def decode_mask(mask):
    """COCO's compressed run lengths as rows of booleans."""
    counts, text, at = [], mask["counts"], 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            digit = ord(text[at]) - 48
            value |= (digit & 0x1F) << shift
            more, at, shift = bool(digit & 0x20), at + 1, shift + 5
        if digit & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    height, width = mask["size"]
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def compare_results(arguments, model, yolo, rect):
    """Every object of one side must be one of the other: class, box within 0.5 px, confidence within 0.005, mask IoU 0.99."""
    flags = [word for picture in arguments.pictures for word in ("--source", picture)] + ["--rect"] * rect
    ours = peregrine(arguments, "predict", "--model", model, "--json", "-", *flags)["images"]
    worst, overlap, count = 0.0, 1.0, 0
    for picture, image in zip(arguments.pictures, ours):
        theirs = ultralytics_objects(predict(yolo, picture, rect))
        assert len(theirs) == len(image["objects"]), f"{picture}: {len(image['objects'])} objects, Ultralytics {len(theirs)}"
        for kind, confidence, box, mask in theirs:
            alike = [(max(abs(a - b) for a, b in zip(box, o["box"])), o) for o in image["objects"]
                     if o["class"] == kind and abs(o["confidence"] - confidence) < 0.005]
            distance, ours_too = min(alike, key=lambda pair: pair[0])
            worst, count = max(worst, distance), count + 1
            if mask is not None:
                bits = decode_mask(ours_too["mask"])
                overlap = min(overlap, float((bits & mask).sum() / (bits | mask).sum()))
    assert worst < 0.5, f"{model}: a box differs by {worst} pixels"
    assert overlap > 0.99, f"{model}: a mask overlaps by IoU {overlap} only"
    return {"objects": count, "worst_box_px": round(worst, 4)} | ({"worst_mask_iou": round(overlap, 5)} if yolo.task == "segment" else {})


def predict(yolo, picture, rect):
    return yolo.predict(picture, rect=rect, retina_masks=True, imgsz=640, conf=0.25, iou=0.7, device="cpu", verbose=False)[0]


def median_ms(work, runs):
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def ultralytics_ms(arguments, yolo, rect):
    return statistics.mean(median_ms(lambda p=p: predict(yolo, p, rect), arguments.runs) for p in arguments.pictures)


class PlainOpenVino:
    """The forward pass alone, on the FP32 file that `peregrine export` writes."""

    def __init__(self, arguments, model, folder):
        file = str(Path(folder) / (Path(model).stem + ".onnx"))
        subprocess.run([arguments.peregrine, "export", model, "-o", file, "--precision", "fp32", "--quiet"], check=True)
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self.request = openvino.Core().compile_model(file, "CPU", hints).create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(np.full((1, 3, 640, 640), 0.5, np.float32)))
        median_ms(self.request.infer, 10)

    def ms(self, runs):
        return statistics.mean(median_ms(self.request.infer, 1) for _ in range(runs))


def compare_model(arguments, model, folder):
    yolo = YOLO(model)
    same = {"square": compare_results(arguments, model, yolo, False), "rect": compare_results(arguments, model, yolo, True)}
    print(f"{Path(model).name}: results agree, {same}", flush=True)
    plain = PlainOpenVino(arguments, model, folder)
    rounds = {}
    for _ in range(arguments.rounds):
        total, forward = bench(arguments, model)
        figures = {"peregrine": total, "peregrine_forward": forward, "openvino_forward": plain.ms(2 * arguments.runs),
                   "ultralytics": ultralytics_ms(arguments, yolo, False), "peregrine_bf16": bench(arguments, model, "--precision", "bf16")[0],
                   "peregrine_rect": bench(arguments, model, "--rect")[0], "ultralytics_rect": ultralytics_ms(arguments, yolo, True)}
        for name, value in figures.items():
            rounds.setdefault(name, []).append(round(value, 2))
    ratio = lambda a, b: round(statistics.median(x / y for x, y in zip(rounds[a], rounds[b])), 3)
    return {"model": Path(model).name, "results": same, "rounds_ms": rounds, "median_ms": {k: statistics.median(v) for k, v in rounds.items()},
            "speedup": ratio("ultralytics", "peregrine"), "speedup_bf16": ratio("ultralytics", "peregrine_bf16"),
            "speedup_rect": ratio("ultralytics_rect", "peregrine_rect"), "forward_over_openvino": ratio("peregrine_forward", "openvino_forward")}


def yolo_dataset(coco, folder, names):
    """COCO's boxes as Ultralytics wants them: a text file an image; for boxes alone."""
    annotations = json.loads((Path(coco) / "annotations/instances_val2017.json").read_text())
    index = {c["id"]: names.index(c["name"]) for c in annotations["categories"] if c["name"] in names}
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for picture in (Path(coco).resolve() / "val2017").iterdir():  # files, not the folder: Ultralytics looks for labels beside the real one
        (folder / "images" / picture.name).symlink_to(picture)
    sizes = {i["id"]: (Path(i["file_name"]).stem, i["width"], i["height"]) for i in annotations["images"]}
    lines = {stem: [] for stem, _, _ in sizes.values()}
    for a in annotations["annotations"]:
        if a.get("iscrowd") or a["category_id"] not in index:
            continue
        stem, width, height = sizes[a["image_id"]]
        x, y, w, h = a["bbox"]
        lines[stem].append(f"{index[a['category_id']]} {(x + w / 2) / width} {(y + h / 2) / height} {w / width} {h / height}")
    for stem, rows in lines.items():
        (folder / "labels" / f"{stem}.txt").write_text("\n".join(rows))
    (folder / "data.yaml").write_text(json.dumps({"path": str(folder), "train": "images", "val": "images", "names": dict(enumerate(names))}))
    return str(folder / "data.yaml")


def compare_val(arguments, model):
    yolo = YOLO(model)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        data = yolo_dataset(arguments.coco, Path(folder), list(yolo.names.values()))
        for _ in range(arguments.rounds + 1):
            begin = time.perf_counter()
            peregrine(arguments, "val", "--model", model, "--data", arguments.coco, "--json", "-")
            ours.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            yolo.val(data=data, imgsz=640, batch=1, rect=False, device="cpu", workers=0, plots=False, verbose=False, project=folder)
            theirs.append(time.perf_counter() - begin)
    return {"model": Path(model).name, "peregrine_s": [round(t, 2) for t in ours[1:]], "ultralytics_s": [round(t, 2) for t in theirs[1:]],
            "speedup": round(statistics.median(b / a for a, b in zip(ours[1:], theirs[1:])), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--pictures", nargs="+", required=True)
    parser.add_argument("--coco")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", default="-")
    parser.add_argument("--peregrine", default="build/bin/peregrine")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    report = {"threads": THREADS, "load_before": os.getloadavg()[0], "torch": torch.__version__, "openvino": openvino.__version__,
              "pictures": [Path(p).name for p in arguments.pictures], "models": [], "val": []}
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.model:
            report["models"].append(compare_model(arguments, model, folder))
            print(json.dumps(report["models"][-1]), flush=True)
    if arguments.coco:
        for model in arguments.model:
            if YOLO(model).task == "detect":
                report["val"].append(compare_val(arguments, model))
                print(json.dumps(report["val"][-1]), flush=True)
    report["load_after"] = os.getloadavg()[0]
    text = json.dumps(report, indent=1) + "\n"
    print(text) if arguments.json == "-" else Path(arguments.json).write_text(text)


if __name__ == "__main__":
    main()
