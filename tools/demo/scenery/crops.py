"""Cut-outs of known persons for re-identification: the clothes are the identity, all else varies."""

import cv2
import numpy as np

from .world import add_car, add_person, add_sign, empty_scene, render

CROP = (64, 128)  # width, height
SCENE = (480, 360)


def deal(rng, identities, appearances):
    """Casts of 3 to 5 different identities, so that each appears in `appearances` scenes."""
    casts = []
    for _ in range(appearances):
        order = rng.permutation(identities)
        while len(order):
            size = int(rng.integers(3, 6))
            casts.append(order[:size].tolist())
            order = order[size:]
    return casts


def crops_of(rng, wardrobe, cast):
    """Draws one scene with a cast and returns (identity, 128x64 crop) of those that can be recognised."""
    scene = empty_scene(rng, SCENE)
    if rng.random() < 0.4:
        add_car(scene, rng)
    if rng.random() < 0.3:
        add_sign(scene, rng)
    rows = (scene.street.wall + 0.6 * (scene.street.far_kerb - scene.street.wall), 1.02 * SCENE[1])
    for identity in cast:
        add_person(scene, rng, wardrobe[identity], identity, rows, overlap=0.25)
    image, instances = render(scene, noise=rng)
    found = []
    for instance in instances:
        if instance.identity < 0 or instance.mask.sum() < 350:
            continue
        x0, y0, x1, y1 = instance.box()
        if x1 - x0 < 12 or y1 - y0 < 1.3 * (x1 - x0):
            continue
        jitter = rng.normal(0, 0.025, 4) * np.array([x1 - x0, y1 - y0] * 2)
        x0, y0, x1, y1 = np.round(np.array([x0, y0, x1, y1]) + jitter).astype(int)
        x0, y0 = max(x0, 0), max(y0, 0)
        crop = image[y0:y1, x0:x1]
        shrinks = crop.shape[0] > 2 * CROP[1]
        found.append(
            (instance.identity, cv2.resize(crop, CROP, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
        )
    return found
