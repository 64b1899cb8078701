#!/usr/bin/env python3
"""What FP16 does to a model in PyTorch alone: its FP16 against its own FP32, in the terms of `peregrine build`'s verification.

compare_torch_fp16.py --images DIR --out FILE.json [--reid-baseline reid_baseline.py] [--device cuda] MODEL.pt|OSNET.pth ...

For weights that nobody trained (speed and memory need no others): they amplify FP16's roundings from layer to layer, and an engine can
only be asked to depart no further than PyTorch does. FP32 is exact (no TF32). A .pth goes through src/migrate/reid_baseline.py,
each picture as one person. Needs torch, OpenCV, and ultralytics on PYTHONPATH (its wheel will do).
"""
import argparse
import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIDENCE, IOU, MOST = 0.3, 0.7, 300
CLOSE_PX, CLOSE_CONFIDENCE = 1.5, 0.02
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


def detector(path, pictures, device):
    import cv2
    import torch
    from ultralytics import YOLO
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.nms import non_max_suppression
    whole = YOLO(path).model.eval().to(device).float()
    whole.fuse()
    half = copy.deepcopy(whole).half()
    classes = len(whole.names)
    objects = right = 0
    lowest = {}
    for picture in pictures:
        pixels = LetterBox((SIZE, SIZE), auto=False)(image=cv2.imread(str(picture)))[..., ::-1].transpose(2, 0, 1)
        x = torch.from_numpy(pixels.copy())[None].to(device).float() / 255
        with torch.inference_mode():
            full, rounded = whole(x), half(x.half())
        found = tensors(rounded)
        for name, value in tensors(full).items():
            lowest[name] = min(lowest.get(name, 1.0), cosine(value, found[name]))
        reference = non_max_suppression(decoded(full), CONFIDENCE, IOU, max_det=MOST, nc=classes)[0]
        raw = decoded(rounded)[0].float()
        corners = torch.cat((raw[:2] - raw[2:4] / 2, raw[:2] + raw[2:4] / 2)).T
        for row in reference:
            near = (corners - row[:4]).abs().amax(1) <= CLOSE_PX
            near &= (raw[4 + int(row[5])] - row[4]).abs() <= CLOSE_CONFIDENCE
            right += bool(near.any())
        objects += len(reference)
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
    parser.add_argument("--reid-baseline", default=str(Path(__file__).parent.parent / "src/migrate/reid_baseline.py"))
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
