#!/usr/bin/env python3
"""What FP16 does to a model in PyTorch alone: its FP16 against its own FP32, in the terms of `peregrine build`'s verification.

compare_torch_fp16.py --images DIR --out FILE.json [--reid-baseline reid_baseline.py] [--device cuda] MODEL.pt|OSNET.pth ...

For weights that nobody trained (speed and memory need no others): they amplify FP16's roundings from layer to layer, and an engine can
only be asked to depart no further than PyTorch does. FP32 is exact (no TF32). A .pth goes through src/tools/migrate/baseline/reid_baseline.py,
each image as one person. Needs torch, OpenCV, and ultralytics on PYTHONPATH (its wheel will do).
"""
import argparse
import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIDENCE, IOU, MOST = 0.3, 0.7, 300
CLOSE_PX, CLOSE_CONFIDENCE, CLOSE_KEYPOINT_PX, CLOSE_MASK_IOU = 1.5, 0.02, 2.0, 0.97
SEEN = 0.5  # keypoints below this are guesses
SIZE = 640


def tensors(outputs):
    """The head's tensors by name: what Ultralytics returns beside the decoded predictions."""
    found = {}
    for part in outputs[1:] if isinstance(outputs, (tuple, list)) else ():
        for name, value in part.items() if isinstance(part, dict) else (("extra", part),):
            if hasattr(value, "shape"):
                found[name] = value
    return found


def decoded(outputs):
    while isinstance(outputs, (tuple, list)):
        outputs = outputs[0]
    return outputs


def cosine(a, b):
    a, b = a.double().flatten(), b.double().flatten()
    return float(a @ b / (a.norm() * b.norm()))


class Objects:
    """Rows of Ultralytics' NMS (box, confidence, class, what hangs on it) or all candidates in that form, and the mask prototypes."""

    def __init__(self, rows, task, prototypes):
        self.rows, self.task, self.prototypes = rows.float(), task, prototypes

    @classmethod
    def candidates(cls, raw, classes, task, prototypes):
        import torch
        raw = raw.float()
        boxes = torch.cat((raw[:2] - raw[2:4] / 2, raw[:2] + raw[2:4] / 2)).T
        confidence, label = raw[4:4 + classes].max(0)
        rows = torch.cat((boxes, confidence[:, None], label[:, None], raw[4 + classes:].T), 1)
        return cls(rows[confidence > CONFIDENCE - CLOSE_CONFIDENCE], task, prototypes)

    def near(self, row):
        """Which are of the row's class, with box and confidence close to it."""
        close = (self.rows[:, :4] - row[:4]).abs().amax(1) <= CLOSE_PX
        return close & ((self.rows[:, 4] - row[4]).abs() <= CLOSE_CONFIDENCE) & (self.rows[:, 5] == row[5])

    def masks(self, chosen):
        from ultralytics.utils.ops import process_mask
        return process_mask(self.prototypes.float(), self.rows[chosen, 6:], self.rows[chosen, :4], (SIZE, SIZE), upsample=True) > 0

    def whole(self, chosen, row, mask):
        """Whether one of those chosen has the row's keypoints or mask, too."""
        if not chosen.any():
            return False
        if self.task == "pose":
            there, wanted = self.rows[chosen, 6:].reshape(int(chosen.sum()), -1, 3), row[6:].reshape(-1, 3)
            apart = (there[..., :2] - wanted[:, :2]).norm(dim=-1)
            return bool((apart[:, wanted[:, 2] > SEEN] <= CLOSE_KEYPOINT_PX).all(1).any())
        if self.task == "segment":
            there = self.masks(chosen)
            overlap, union = (there & mask).sum((1, 2)), (there | mask).sum((1, 2))
            return bool((overlap >= CLOSE_MASK_IOU * union).any())
        return True


def right_before_nms(reference, kept, candidates):
    """How many objects have a candidate as src/parity/parity.h asks: what NMS kept with the right box must be right as a whole or have
    a candidate that is; where NMS kept none, a candidate's box and confidence say enough."""
    right = 0
    masks = reference.masks(slice(None)) if reference.task == "segment" else None
    for index, row in enumerate(reference.rows):
        close = candidates.near(row)
        right += candidates.whole(close, row, None if masks is None else masks[index]) if kept.near(row).any() else bool(close.any())
    return right


def detector(path, pictures, device):
    import cv2
    import torch
    from ultralytics import YOLO
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.nms import non_max_suppression
    loaded = YOLO(path)
    task, whole = loaded.task, loaded.model.eval().to(device).float()
    whole.fuse()
    half = copy.deepcopy(whole).half()
    classes = len(whole.names)

    def kept(outputs, found):
        rows = non_max_suppression(decoded(outputs).float(), CONFIDENCE, IOU, max_det=MOST, nc=classes)[0]
        return Objects(rows, task, found["proto"][0] if task == "segment" else None)

    objects = right = 0
    lowest = {}
    for picture in pictures:
        pixels = LetterBox((SIZE, SIZE), auto=False)(image=cv2.imread(str(picture)))[..., ::-1].transpose(2, 0, 1)
        x = torch.from_numpy(pixels.copy())[None].to(device).float() / 255
        with torch.inference_mode():
            full, rounded = whole(x), half(x.half())
        expected, found = tensors(full), tensors(rounded)
        for name, value in expected.items():
            lowest[name] = min(lowest.get(name, 1.0), cosine(value, found[name]))
        reference, tested = kept(full, expected), kept(rounded, found)
        right += right_before_nms(reference, tested, Objects.candidates(decoded(rounded)[0], classes, task, tested.prototypes))
        objects += len(reference.rows)
    return {"objects": objects, "right_before_nms": round(right / max(objects, 1), 4),
            "lowest_cosine": {name: round(value, 6) for name, value in lowest.items()}}


def embeddings(path, pictures, device, script):
    import cv2
    import torch
    with tempfile.TemporaryDirectory() as folder:
        persons = []
        for picture in pictures:
            pixels = cv2.imread(str(picture))
            file = Path(folder) / (picture.stem + ".bgr")
            file.write_bytes(pixels.tobytes())
            persons.append({"file": str(file), "width": pixels.shape[1], "height": pixels.shape[0]})
        found = {}
        for half in (False, True):
            wish = {"model": path, "device": device, "half": half, "batches": [1], "runs": 1, "persons": persons, "height": 256,
                    "width": 128, "found": str(Path(folder) / f"found{half}")}
            told = Path(folder) / "wish.json"
            told.write_text(json.dumps(wish))
            subprocess.run([sys.executable, script, str(told)], check=True, stdout=subprocess.DEVNULL)
            found[half] = [person["embedding"] for person in json.loads(Path(wish["found"]).read_text())]
    cosines = [cosine(torch.tensor(a), torch.tensor(b)) for a, b in zip(found[False], found[True], strict=True)]
    return {"objects": len(cosines), "cosine_at_least_0.999": round(sum(c >= 0.999 for c in cosines) / len(cosines), 4),
            "lowest_cosine": {"embedding": round(min(cosines), 6)}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--reid-baseline", default=str(Path(__file__).parent.parent / "src/tools/migrate/baseline/reid_baseline.py"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("models", nargs="+")
    arguments = parser.parse_args()
    import torch
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    pictures = sorted(Path(arguments.images).glob("*.jpg"))
    if not pictures:
        parser.error(f"{arguments.images} holds no .jpg")
    rows = []
    for model in arguments.models:
        result = embeddings(model, pictures, arguments.device, arguments.reid_baseline) if model.endswith(".pth") \
            else detector(model, pictures, arguments.device)
        rows.append({"model": Path(model).name, "pictures": len(pictures), **result})
        print(json.dumps(rows[-1]), flush=True)
    gpu = torch.cuda.get_device_name() if arguments.device != "cpu" else "none"
    Path(arguments.out).write_text(json.dumps({"torch": torch.__version__, "gpu": gpu, "rows": rows}, indent=1) + "\n")


main()
