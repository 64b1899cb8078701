"""What identifies a drawn person: clothes, hair, skin, hat and bag."""

from dataclasses import dataclass

import numpy as np

from .canvas import mixed, shaded
from .palette import BLACK, CLOTHES, HAIR, SHOES, SKIN, TROUSERS, WHITE, pick

PATTERNS = ("plain", "hoops", "stripes", "checks", "dots", "two-tone", "sash", "print", "open jacket")
PATTERN_SHARES = np.array([0.24, 0.15, 0.09, 0.09, 0.09, 0.11, 0.07, 0.08, 0.08])


@dataclass(frozen=True)
class Outfit:
    skin: tuple
    hair: tuple
    hair_style: str  # short, long, bun, bald
    top: tuple
    second: tuple  # the pattern's other colour
    pattern: str
    sleeves: str  # long, short
    sleeve: tuple
    legs: tuple
    legs_style: str  # trousers, shorts, skirt
    shoes: tuple
    hat: str  # none, cap, beanie, sun hat
    hat_colour: tuple
    bag: str  # none, backpack, satchel
    bag_colour: tuple
    build: float  # width of the body, 1 = average
    tall: float  # height, 1 = average

    def key(self):
        """Two outfits with the same key look alike from afar."""
        return (self.top, self.second, self.pattern, self.legs, self.legs_style, self.hat, self.bag)


def sample_outfit(rng):
    top, second = (CLOTHES[i] for i in rng.choice(len(CLOTHES), 2, replace=False))
    return Outfit(
        skin=pick(rng, SKIN),
        hair=pick(rng, HAIR),
        hair_style=pick(rng, ("short", "long", "bun", "bald"), [0.42, 0.36, 0.14, 0.08]),
        top=top,
        second=second,
        pattern=pick(rng, PATTERNS, PATTERN_SHARES),
        sleeves=pick(rng, ("long", "short"), [0.55, 0.45]),
        sleeve=second if rng.random() < 0.18 else top,
        legs=pick(rng, TROUSERS),
        legs_style=pick(rng, ("trousers", "shorts", "skirt"), [0.68, 0.17, 0.15]),
        shoes=pick(rng, SHOES),
        hat=pick(rng, ("none", "cap", "beanie", "sun hat"), [0.62, 0.17, 0.13, 0.08]),
        hat_colour=pick(rng, CLOTHES),
        bag=pick(rng, ("none", "backpack", "satchel"), [0.6, 0.25, 0.15]),
        bag_colour=pick(rng, CLOTHES),
        build=float(rng.uniform(0.88, 1.2)),
        tall=float(rng.uniform(0.9, 1.08)),
    )


def sample_wardrobe(rng, count):
    """`count` outfits of which no two look alike."""
    outfits, keys = [], set()
    while len(outfits) < count:
        outfit = sample_outfit(rng)
        if outfit.key() not in keys:
            keys.add(outfit.key())
            outfits.append(outfit)
    return outfits


def cloth(outfit, along, across):
    """Colour of the top at `along` (0 neck .. 1 hem) and `across` (-1 .. 1 of the half width); arrays to BGR array."""
    top, second = np.array(outfit.top, np.float32), np.array(outfit.second, np.float32)
    if outfit.pattern == "hoops":
        chosen = (along * 7) % 2 < 1
    elif outfit.pattern == "stripes":
        chosen = (across * 2.6 + 0.5) % 1 < 0.42
    elif outfit.pattern == "checks":
        chosen = ((along * 5) % 1 < 0.5) ^ ((across * 1.8 + 0.25) % 1 < 0.5)
    elif outfit.pattern == "dots":
        row = np.floor(along * 6)
        u, v = (across * 2 + 0.5 * (row % 2)) % 1 - 0.5, (along * 6) % 1 - 0.5
        chosen = u * u + v * v < 0.075
    elif outfit.pattern == "two-tone":
        chosen = along > 0.48
    elif outfit.pattern == "sash":
        chosen = np.abs(along - 0.45 - 0.42 * across) < 0.13
    elif outfit.pattern == "print":
        chosen = (across / 0.55) ** 2 + ((along - 0.4) / 0.2) ** 2 < 1
    elif outfit.pattern == "open jacket":
        chosen = np.abs(across) < 0.3
    else:
        chosen = np.zeros(along.shape, bool)
    return np.where(chosen[..., None], second, top)


def sole(outfit):
    return WHITE if sum(outfit.shoes) < 360 else BLACK


def bag_strap(outfit):
    return shaded(outfit.bag_colour, 0.7)


def cheek(outfit):
    return mixed(outfit.skin, (110, 90, 220), 0.18)
