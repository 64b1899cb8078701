#!/usr/bin/env python3
"""Trains OSNet x0_25 on drawn persons: identity softmax with label smoothing, and a batch-hard triplet loss.

Writes a bare FP16 state_dict and, as JSON, the held-out scores: rank-1 and mAP of the query crops in the gallery.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from osnet import OSNet

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (128, 256)  # width, height of the network's input
PERSONS, CROPS = 24, 4  # of one batch
PEAK_RATE = 3e-3
MARGIN = 0.3


def load(folder):
    """All crops as uint8 (n, 3, 256, 128) in RGB, and the identity of each."""
    files = sorted(Path(folder).glob("*.jpg"))
    if not files:
        raise SystemExit(f"{folder}: no crops; draw them with scenes.py crops")
    crops = [cv2.resize(cv2.imread(str(f)), SIZE, interpolation=cv2.INTER_LINEAR)[..., ::-1] for f in files]
    identities = np.array([int(f.name.split("_")[0]) for f in files])
    return torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy()), torch.from_numpy(identities)


def normalised(crops):
    mean, std = (torch.tensor(v, device=crops.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (crops.float() / 255 - mean) / std


def augmented(crops):
    """Flip, shift and zoom, brightness and tint, and a patch erased, each crop its own way; on the crops' device."""
    n, device = len(crops), crops.device

    def uniform(low, high, *shape):
        return torch.empty(n, *shape, device=device).uniform_(low, high)

    x = crops.float() / 255
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = uniform(0.88, 1.1) * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = uniform(0.88, 1.1)
    theta[:, :, 2] = uniform(-0.07, 0.07, 2)
    x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), padding_mode="border", align_corners=False)
    x = x * uniform(0.75, 1.2, 1, 1, 1) * uniform(0.94, 1.06, 3, 1, 1)
    left, top = uniform(0, 0.8, 1, 1, 1), uniform(0, 0.8, 1, 1, 1)
    wide, high = uniform(0.15, 0.4, 1, 1, 1), uniform(0.08, 0.25, 1, 1, 1)
    column = torch.linspace(0, 1, x.shape[3], device=device).view(1, 1, 1, -1)
    row = torch.linspace(0, 1, x.shape[2], device=device).view(1, 1, -1, 1)
    patch = (
        (column > left) & (column < left + wide) & (row > top) & (row < top + high) & (uniform(0, 1, 1, 1, 1) < 0.35)
    )
    x = torch.where(patch, uniform(0, 1, 3, 1, 1), x)
    return normalised((x * 255).clamp(0, 255))


def batches(identities, generator):
    """Endless index batches of PERSONS x CROPS."""
    of = {int(i): torch.nonzero(identities == i)[:, 0] for i in identities.unique()}
    of = {i: rows for i, rows in of.items() if len(rows) >= 2}
    names = sorted(of)
    while True:
        order = torch.randperm(len(names), generator=generator)
        for start in range(0, max(len(names) - PERSONS, 0) + 1, PERSONS):
            rows = []
            for k in order[start : start + PERSONS]:
                own = of[names[k]]
                rows.append(own[torch.randint(len(own), (CROPS,), generator=generator)])
            yield torch.cat(rows)


def triplet_loss(features, labels):
    """Batch-hard: the farthest crop of the same person must be nearer than the nearest of another."""
    features = F.normalize(features)
    distance = (2 - 2 * features @ features.T).clamp_min(1e-12).sqrt()
    same = labels[:, None] == labels[None]
    farthest = (distance * same).amax(1)
    nearest = (distance + 10 * same).amin(1)
    return F.relu(farthest - nearest + MARGIN).mean()


@torch.no_grad()
def embed(model, crops, device):
    model.eval()
    out = [model(normalised(part.to(device))) for part in crops.split(256)]
    return F.normalize(torch.cat(out)).cpu()


def score(model, folder, device):
    """Rank-1 and mAP of the held-out identities."""
    query, query_id = load(folder / "query")
    gallery, gallery_id = load(folder / "gallery")
    similarity = embed(model, query, device) @ embed(model, gallery, device).T
    order = similarity.argsort(1, descending=True)
    hit = (gallery_id[order] == query_id[:, None]).numpy()
    ranks = np.arange(1, hit.shape[1] + 1)
    precision = (hit.cumsum(1) / ranks * hit).sum(1) / hit.sum(1).clip(1)
    return {"rank1": float(hit[:, 0].mean()), "mAP": float(precision.mean()), "queries": len(query),
            "gallery": len(gallery), "identities": int(len(gallery_id.unique()))}  # fmt: skip


def train(args, device):
    crops, identities = load(args.data / "train")
    _, labels = identities.unique(return_inverse=True)
    model = OSNet(classes=int(labels.max()) + 1).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=5e-4)
    crops, labels = crops.to(device), labels.to(device)
    start, step = time.monotonic(), 0
    model.train()
    for rows in batches(identities, torch.Generator().manual_seed(args.seed)):
        done = (time.monotonic() - start) / args.seconds
        if done >= 1 or step >= args.steps:
            break
        progress = max(done, step / args.steps)
        rate = PEAK_RATE * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress)) + 1e-6
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = rows.to(device)
        features = model(augmented(crops[rows]))
        softmax = F.cross_entropy(model.classifier(features), labels[rows], label_smoothing=0.1)
        triplet = triplet_loss(features, labels[rows])
        optimizer.zero_grad(set_to_none=True)
        (softmax + triplet).backward()
        optimizer.step()
        if step % 200 == 0:
            print(
                f"step {step}  softmax {softmax.item():.3f}  triplet {triplet.item():.3f}  rate {rate:.2e}", flush=True
            )
        step += 1
    print(f"{step} steps in {time.monotonic() - start:.0f} s", flush=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of scenes.py crops")
    parser.add_argument("--out", type=Path, required=True, help="the .pth to write")
    parser.add_argument("--scores", type=Path, required=True, help="the JSON to write")
    parser.add_argument("--seconds", type=float, default=300, help="end training after so long")
    parser.add_argument("--steps", type=int, default=12000, help="or after so many steps")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = train(args, args.device)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.cpu().state_dict().items()
               if not k.startswith("classifier.")}  # fmt: skip
    torch.save(weights, args.out)
    stored = OSNet()  # score what was stored, not what was trained
    stored.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
    args.scores.write_text(json.dumps(score(stored.to(args.device), args.data, args.device)) + "\n")


if __name__ == "__main__":
    main()
