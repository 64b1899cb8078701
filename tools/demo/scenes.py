#!/usr/bin/env python3
"""Draws street scenes with exact annotations: training data, a held-out sequence, re-identification crops.

The same seed gives the same images, on any number of processes.

    scenes.py dataset  OUT [--train 1000 --val 60 --test 100]   Ultralytics and COCO layouts
    scenes.py sequence OUT [--frames 8]                         a scene in which the same persons and cars move
    scenes.py crops    OUT [--identities 320 --held-out 60]     re-identification, split by identity
"""

import argparse
import os
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

from scenery.crops import crops_of, deal
from scenery.labels import CocoWriter, dataset_yaml, ultralytics_lines
from scenery.sequence import frames
from scenery.wardrobe import sample_wardrobe
from scenery.world import render, sample_scene

TASKS = ("detect", "pose", "segment")
SPLITS = ("train", "val", "test")
STREAM = {"train": 1, "val": 2, "test": 3, "wardrobe": 4, "crops": 5}  # independent random streams of one seed


def save_jpeg(path, image, quality):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality]):
        raise OSError(f"{path}: cannot be written")


def one_scene(job):
    """Draws scene `index` of a split, writes image and labels, and returns what the COCO files need."""
    out, seed, split, index = job
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, STREAM[split], index])
    image, instances = render(sample_scene(rng), noise=rng)
    name = f"{index:06d}.jpg"
    first = out / TASKS[0] / "images" / split / name
    save_jpeg(first, image, int(rng.integers(80, 96)))
    for task in TASKS:
        picture = out / task / "images" / split / name
        if task != TASKS[0]:
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.unlink(missing_ok=True)
            os.link(first, picture)
        label = (out / task / "labels" / split / name).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(line + "\n" for line in ultralytics_lines(instances, task)))
    if split != "test":
        return None
    coco = out / "coco" / "val2017" / name
    coco.parent.mkdir(parents=True, exist_ok=True)
    coco.unlink(missing_ok=True)
    os.link(first, coco)
    return name, (image.shape[1], image.shape[0]), instances


def dataset(args):
    """Three Ultralytics data sets that share their images, and the test split once more as a COCO folder."""
    counts = {"train": args.train, "val": args.val, "test": args.test}
    jobs = [(args.out, args.seed, split, i) for split in SPLITS for i in range(counts[split])]
    writer = CocoWriter(args.out / "coco")
    with Pool(args.jobs) as pool:
        for result in pool.imap(one_scene, jobs, chunksize=4):
            if result is not None:
                writer.add(*result)
    writer.write()
    for task in TASKS:
        root = args.out / task
        (root / "data.yaml").write_text(dataset_yaml(root.resolve(), task))


def sequence(args):
    """Frames in order of time, as a COCO folder."""
    writer = CocoWriter(args.out)
    for index, (image, instances) in enumerate(frames(args.seed, args.frames)):
        name = f"{index:06d}.jpg"
        save_jpeg(args.out / "val2017" / name, image, 84)
        writer.add(name, (image.shape[1], image.shape[0]), instances)
    writer.write()


def one_cast(job):
    seed, index, identities, cast = job
    cv2.setNumThreads(1)
    wardrobe = sample_wardrobe(np.random.default_rng([seed, STREAM["wardrobe"]]), identities)
    return crops_of(np.random.default_rng([seed, STREAM["crops"], index]), wardrobe, cast)


def crops(args):
    """train/, query/ and gallery/ with files IDENTITY_NUMBER.jpg; the held-out identities are never trained on.

    Each crop of an identity comes from another scene, so a match is never found by the background.
    """
    held_out = args.identities - args.held_out
    rng = np.random.default_rng([args.seed, STREAM["crops"]])
    casts = deal(rng, np.arange(held_out), args.appearances)
    casts += deal(rng, np.arange(held_out, args.identities), args.appearances)
    jobs = [(args.seed, i, args.identities, cast) for i, cast in enumerate(casts)]
    seen = {}
    with Pool(args.jobs) as pool:
        for found in pool.imap(one_cast, jobs, chunksize=4):
            for identity, crop in found:
                number = seen[identity] = seen.get(identity, -1) + 1
                split = "train" if identity < held_out else "query" if number < args.queries else "gallery"
                save_jpeg(args.out / split / f"{identity:04d}_{number:02d}.jpg", crop, 92)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(run, **numbers):
        sub = commands.add_parser(run.__name__, help=run.__doc__.splitlines()[0])
        sub.add_argument("out", type=Path)
        sub.add_argument("--seed", type=int, default=11)
        sub.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
        for name, default in numbers.items():
            sub.add_argument("--" + name.replace("_", "-"), type=int, default=default)
        sub.set_defaults(run=run)

    command(dataset, train=1000, val=60, test=100)
    command(sequence, frames=8)
    command(crops, identities=320, held_out=60, appearances=16, queries=2)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
