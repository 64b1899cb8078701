"""Masks to boxes, polygons and run lengths; the label files of Ultralytics and of COCO."""

import json
from pathlib import Path

import cv2
import numpy as np

from .body import COCO_FLIP, COCO_KEYPOINTS, COCO_SKELETON
from .world import CLASSES


def outline(mask):
    """One closed polygon (n, 2) around all pieces of a mask, in pixels.

    Ultralytics takes one polygon per object: pieces are strung together by cuts of no width between their nearest
    points. Points lie on pixel corners' scale: pixel (x, y) covers x..x+1.
    """
    padded = cv2.resize(mask.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    rings, _ = cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rings = sorted((r[:, 0].astype(np.float64) for r in rings if cv2.contourArea(r) >= 12), key=len, reverse=True)
    if not rings:
        return None
    joined = _simplified(rings[0])
    for ring in map(_simplified, rings[1:]):
        distance = np.linalg.norm(joined[:, None] - ring[None], axis=2)
        i, j = np.unravel_index(int(distance.argmin()), distance.shape)
        detour = np.concatenate([np.roll(ring, -j, axis=0), ring[j : j + 1]])
        joined = np.concatenate([joined[: i + 1], detour, joined[i:]])
    return (joined + 0.5) / 2


def _simplified(ring):
    return cv2.approxPolyDP(ring.astype(np.float32)[:, None], 0.8, True)[:, 0].astype(np.float64)


def run_lengths(mask):
    """COCO's uncompressed run lengths: column by column, zeros first."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def ultralytics_lines(instances, task):
    """The lines of one label file; coordinates are shares of the picture's size."""
    lines = []
    for instance in instances:
        height, width = instance.mask.shape
        size = np.array([width, height], float)
        if task == "pose" and instance.kind != "person":
            continue
        if task == "segment":
            polygon = outline(instance.mask)
            if polygon is None or len(polygon) < 3:
                continue
            values = (polygon / size).clip(0, 1).ravel()
        else:
            x0, y0, x1, y1 = instance.box()
            values = np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]) / np.tile(size, 2)
        text = " ".join(f"{v:.5f}" for v in values)
        if task == "pose":
            text += "".join(f" {x / width:.5f} {y / height:.5f} {v:.0f}" for x, y, v in instance.keypoints)
        lines.append(f"{CLASSES.index(instance.kind)} {text}")
    return lines


def dataset_yaml(root, task):
    """Ultralytics' description of a data set, for the folder `root`."""
    names = CLASSES[:1] if task == "pose" else CLASSES
    lines = [f"path: {root}", "train: images/train", "val: images/val", "test: images/test", "names:"]
    lines += [f"  {i}: {name}" for i, name in enumerate(names)]
    if task == "pose":
        lines += [f"kpt_shape: [{len(COCO_KEYPOINTS)}, 3]", f"flip_idx: {COCO_FLIP}"]
    return "\n".join(lines) + "\n"


class CocoWriter:
    """Collects images and writes COCO's folder: val2017/ and annotations/*_val2017.json.

    Masks are run lengths, so they are exact; `identity` (an addition of ours) tells the same person in several
    images.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.images, self.annotations = [], []

    def add(self, name, size, instances):
        width, height = size
        image_id = len(self.images) + 1
        self.images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for instance in instances:
            x0, y0, x1, y1 = instance.box()
            entry = {
                "id": len(self.annotations) + 1,
                "image_id": image_id,
                "category_id": CLASSES.index(instance.kind) + 1,
                "iscrowd": 0,
                "area": int(instance.mask.sum()),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "segmentation": run_lengths(instance.mask),
            }
            if instance.identity >= 0:
                entry["identity"] = instance.identity
            if instance.keypoints is not None:
                entry["keypoints"] = [
                    round(float(v), 1) if i % 3 < 2 else int(v) for i, v in enumerate(instance.keypoints.ravel())
                ]
                entry["num_keypoints"] = int((instance.keypoints[:, 2] > 0).sum())
            self.annotations.append(entry)

    def write(self):
        persons = [a for a in self.annotations if a["category_id"] == 1]
        plain = [{k: v for k, v in a.items() if not k.endswith("keypoints")} for a in self.annotations]
        person = {"id": 1, "name": "person", "keypoints": COCO_KEYPOINTS, "skeleton": COCO_SKELETON}
        self._dump("instances", plain, [{"id": i + 1, "name": n} for i, n in enumerate(CLASSES)])
        self._dump("person_keypoints", persons, [person])

    def _dump(self, kind, annotations, categories):
        path = self.folder / "annotations" / f"{kind}_val2017.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"images": self.images, "annotations": annotations, "categories": categories}
        path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
