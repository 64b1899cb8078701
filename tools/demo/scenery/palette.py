"""Colours (BGR) and the light of a scene."""

from dataclasses import dataclass

import numpy as np


def bgr(code):
    """'#rrggbb' -> (b, g, r)."""
    return tuple(int(code[i : i + 2], 16) for i in (5, 3, 1))


CLOTHES = [
    bgr(c)
    for c in (
        "#c8322b #e5812a #f0c233 #5c9e3a #1f6b47 #2fa5a0 #3d7fc4 #243b7a #6b3fa0 #c757a0 #f2efe6 #8d9299 #2b2b33 "
        "#7a4a2b #d9b48a #a8d5e5"
    ).split()
]
TROUSERS = [bgr(c) for c in "#24304f #3f5f8f #2a2a2e #5c6066 #8a7a5c #4a3a2c #d8d2c2 #6b2b2b #3a4f36 #93a7bd".split()]
SKIN = [bgr(c) for c in "#f3d3b8 #e5b58f #c98f63 #9d6843 #6e452c #4b2f20".split()]
HAIR = [bgr(c) for c in "#1d1815 #3d2a1e #6b4526 #a3703c #d8b36a #8f8f92 #b5482a".split()]
SHOES = [bgr(c) for c in "#222226 #f0f0ee #7a4f2e #b23a34 #3a5fa8".split()]
CARS = [bgr(c) for c in "#b3262e #e8e9eb #2a2d33 #8d939b #2b5ea8 #1f7a5c #e2a02b #d9d2bd #5b2f4f #79b4d9".split()]
WALLS = [bgr(c) for c in "#c9866b #d9b890 #b7a99a #9a5a4a #e0d2b8 #8fa3a8 #c7c3bc #a88f7a #d8a58f #7f8c93".split()]
AWNINGS = [bgr(c) for c in "#b5382f #2f6b4f #2f5f94 #d99a2e #6b4a7a".split()]
LEAVES = [bgr(c) for c in "#4f7f3a #6b9442 #3d6b45 #8a9a3d #b5803a".split()]
GLASS = bgr("#5f7d94")
GLASS_LIT = bgr("#ffd98a")
ASPHALT = bgr("#5d6066")
PAVING = bgr("#b5b0a6")
WHITE = bgr("#f1f1ec")
BLACK = bgr("#222226")


@dataclass(frozen=True)
class Light:
    """One kind of day: the sky, and what it does to every colour below it."""

    name: str
    zenith: tuple
    skyline: tuple
    gain: tuple  # factor per channel, BGR
    lamps: bool  # windows and street lamps are lit
    shadow: float  # opacity of the shadows on the ground


LIGHTS = [
    Light("noon", bgr("#4f9ae0"), bgr("#cfe6f5"), (1.0, 1.0, 1.0), False, 0.38),
    Light("morning", bgr("#86b9dd"), bgr("#f7e6cd"), (0.93, 0.99, 1.03), False, 0.30),
    Light("overcast", bgr("#aab4bd"), bgr("#d8dcde"), (0.95, 0.93, 0.91), False, 0.18),
    Light("golden hour", bgr("#6d8fc2"), bgr("#fbc98a"), (0.80, 0.92, 1.03), False, 0.34),
    Light("dusk", bgr("#34406e"), bgr("#d98a72"), (0.82, 0.70, 0.70), True, 0.22),
    Light("blue hour", bgr("#1c2c57"), bgr("#6d84b5"), (0.80, 0.64, 0.56), True, 0.16),
]
LIGHT_SHARES = np.array([0.28, 0.18, 0.18, 0.14, 0.13, 0.09])


def pick(rng, items, shares=None):
    """One item, as Python objects rather than numpy scalars."""
    return items[int(rng.choice(len(items), p=shares))]
