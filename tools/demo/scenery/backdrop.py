"""The street itself: sky, houses, trees, road and pavement."""

from dataclasses import dataclass

import numpy as np

from .canvas import circle, mixed, rectangle, rounded, shaded
from .palette import ASPHALT, AWNINGS, GLASS, GLASS_LIT, LEAVES, PAVING, WALLS, WHITE, bgr, pick

FOCAL = 620.0  # pixels; only the spacing of the paving depends on it


@dataclass(frozen=True)
class Street:
    """Where things are in the image, as rows of pixels, from the horizon down to the near pavement."""

    width: int
    height: int
    horizon: float
    wall: float  # foot of the houses
    far_kerb: float
    near_kerb: float
    eye: float  # height of the camera in metres

    def metre(self, row):
        """Pixels per metre for what stands at this row of the ground."""
        return (row - self.horizon) / self.eye


def sample_street(rng, width, height):
    horizon = height * rng.uniform(0.26, 0.40)
    wall = horizon + height * rng.uniform(0.15, 0.20)
    far_kerb = wall + height * rng.uniform(0.05, 0.10)
    near_kerb = far_kerb + height * rng.uniform(0.16, 0.27)
    return Street(width, height, horizon, wall, far_kerb, near_kerb, float(rng.uniform(1.45, 2.1)))


def paint(canvas, street, light, rng):
    canvas.label = 0
    _sky(canvas, street, light, rng)
    _skyline(canvas, street, light, rng)
    _houses(canvas, street, light, rng)
    _ground(canvas, street, rng)
    _furniture(canvas, street, light, rng)


def _sky(canvas, street, light, rng):
    w, h = street.width, street.height
    canvas.gradient(rectangle(0, 0, w, street.horizon + 2), light.zenith, light.skyline)
    canvas.fill(rectangle(0, street.horizon, w, h), ASPHALT)
    canvas.label = None
    if light.name in ("noon", "golden hour", "dusk"):
        sun = (rng.uniform(0, w), rng.uniform(0.05, 0.7) * street.horizon)
        canvas.glow(sun, 0.22 * w, 0.22 * w, bgr("#fff2c8"), 0.55)
        canvas.fill(circle(sun, 0.025 * w), bgr("#fff6dc"))
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(0, w), rng.uniform(0.05, 0.75) * street.horizon
        for _ in range(5):
            rx = rng.uniform(0.03, 0.09) * w
            canvas.glow(
                (x + rng.normal(0, 0.05 * w), y + rng.normal(0, 0.01 * h)),
                rx,
                rx * 0.35,
                mixed(light.skyline, WHITE, 0.7),
                0.7,
            )
    canvas.label = 0


def _skyline(canvas, street, light, rng):
    x = -10.0
    tone = mixed(light.skyline, (110, 100, 95), 0.35)
    while x < street.width:
        wide = rng.uniform(0.05, 0.14) * street.width
        top = street.horizon - rng.uniform(0.02, 0.2) * street.height
        canvas.fill(rectangle(x, top, x + wide, street.wall), shaded(tone, rng.uniform(0.9, 1.06)))
        x += wide * rng.uniform(0.7, 1.2)


def _houses(canvas, street, light, rng):
    x = -rng.uniform(0, 0.2) * street.width
    metre = street.metre(street.wall)
    while x < street.width:
        if rng.random() < 0.14:  # a gap with trees
            x += rng.uniform(2, 5) * metre
            continue
        wide = rng.uniform(5, 11) * metre
        _house(canvas, street, light, rng, x, x + wide, metre)
        x += wide


def _house(canvas, street, light, rng, x0, x1, metre):
    base, storey = street.wall, rng.uniform(2.7, 3.3) * metre
    storeys = int(rng.integers(1, 6))
    top = base - storeys * storey - 0.5 * metre
    colour = shaded(pick(rng, WALLS), rng.uniform(0.85, 1.1))
    canvas.gradient(rectangle(x0, top, x1, base), shaded(colour, 1.05), shaded(colour, 0.86))
    if rng.random() < 0.45:  # brick or cladding courses
        for row in np.arange(top, base, 0.38 * metre):
            canvas.fill(rectangle(x0, row, x1, row + 0.5), shaded(colour, 0.85), 0.6)
    if rng.random() < 0.35:
        roof = np.array(
            [
                [x0 - 3, top],
                [x1 + 3, top],
                [x1 - 0.12 * (x1 - x0), top - 1.6 * metre],
                [x0 + 0.12 * (x1 - x0), top - 1.6 * metre],
            ]
        )
        canvas.gradient(roof, bgr("#8a5a4a"), bgr("#6b4036"))
    else:
        canvas.fill(rectangle(x0 - 1, top - 0.25 * metre, x1 + 1, top + 0.15 * metre), shaded(colour, 0.72))
    columns = max(1, int((x1 - x0) / (rng.uniform(1.7, 2.6) * metre)))
    step, glass_share = (x1 - x0) / columns, rng.uniform(0.4, 0.62)
    frame, tall = shaded(colour, rng.choice([0.6, 1.5])), rng.uniform(0.45, 0.62)
    for floor in range(1, storeys):
        y1 = base - floor * storey - 0.22 * storey
        for k in range(columns):
            centre = x0 + (k + 0.5) * step
            lit = light.lamps and rng.random() < 0.5
            box = (centre - glass_share * step / 2, y1 - tall * storey, centre + glass_share * step / 2, y1)
            canvas.fill(rectangle(box[0] - 1.2, box[1] - 1.2, box[2] + 1.2, box[3] + 1.2), frame)
            glass = GLASS_LIT if lit else shaded(GLASS, rng.uniform(0.8, 1.15))
            canvas.gradient(rectangle(*box), shaded(glass, 1.15), shaded(glass, 0.85))
            canvas.fill(rectangle(centre - 0.5, box[1], centre + 0.5, box[3]), frame)
    if rng.random() < 0.55:
        _shop(canvas, light, rng, x0, x1, base, storey)
    else:
        door = x0 + rng.uniform(0.15, 0.75) * (x1 - x0)
        canvas.fill(rectangle(door, base - 2.2 * metre, door + 1.1 * metre, base), shaded(pick(rng, AWNINGS), 0.7))
        canvas.fill(circle((door + 0.9 * metre, base - 1.05 * metre), 0.06 * metre), bgr("#e0c060"))


def _shop(canvas, light, rng, x0, x1, base, storey):
    inset, colour = 0.06 * (x1 - x0), pick(rng, AWNINGS)
    glass = GLASS_LIT if light.lamps else shaded(GLASS, 0.8)
    canvas.fill(rectangle(x0 + inset * 0.6, base - 0.86 * storey, x1 - inset * 0.6, base), shaded(colour, 0.55))
    canvas.gradient(
        rectangle(x0 + inset, base - 0.72 * storey, x1 - inset, base - 0.12 * storey),
        shaded(glass, 1.2),
        shaded(glass, 0.75),
    )
    for _ in range(int(rng.integers(2, 6))):  # what the window shows
        x, half = rng.uniform(x0 + inset * 2, x1 - inset * 2), rng.uniform(0.02, 0.05) * (x1 - x0)
        y = base - rng.uniform(0.14, 0.3) * storey
        canvas.fill(rectangle(x - half, y - half * 2, x + half, y), pick(rng, WALLS), 0.8)
    count = int(rng.integers(6, 12))
    edge = np.linspace(x0 + inset * 0.4, x1 - inset * 0.4, count + 1)
    for k in range(count):
        stripe = colour if k % 2 else WHITE
        quad = [
            [edge[k], base - 0.86 * storey],
            [edge[k + 1], base - 0.86 * storey],
            [edge[k + 1], base - 0.64 * storey],
            [edge[k], base - 0.64 * storey],
        ]
        canvas.fill(np.array(quad), stripe)


def _ground(canvas, street, rng):
    w, h, horizon = street.width, street.height, street.horizon
    asphalt, paving = (shaded(c, rng.uniform(0.85, 1.12)) for c in (ASPHALT, PAVING))
    vanishing = (rng.uniform(-0.2, 1.2) * w, horizon)

    def strip(top, bottom, colour):
        canvas.gradient(rectangle(0, top, w, bottom), shaded(colour, 0.94), shaded(colour, 1.06))

    def depth_lines(top, bottom, colour, metres, opacity):
        """Joints that run towards the vanishing point."""
        spacing = metres * street.metre(bottom)
        for x in np.arange(-3 * w, 4 * w, spacing) + rng.uniform(0, spacing):
            t = (top - horizon) / (bottom - horizon)
            far = vanishing[0] + (x - vanishing[0]) * t
            if max(x, far) > 0 and min(x, far) < w:
                canvas.fill(np.array([[far, top], [far + 0.7, top], [x + 1.2, bottom], [x, bottom]]), colour, opacity)

    def cross_lines(top, bottom, metres):
        distance = street.eye / max(bottom - horizon, 1e-6)  # in units of the focal length
        while (row := horizon + street.eye / distance) > top:
            canvas.fill(rectangle(0, row, w, row + max(0.6, 0.02 * street.metre(row))), shaded(paving, 0.78), 0.7)
            distance += metres / FOCAL

    strip(street.wall, street.far_kerb, paving)
    depth_lines(street.wall, street.far_kerb, shaded(paving, 0.78), 1.2, 0.6)
    strip(street.far_kerb, street.near_kerb, asphalt)
    strip(street.near_kerb, h, paving)
    depth_lines(street.near_kerb, h, shaded(paving, 0.78), 0.9, 0.7)
    cross_lines(street.near_kerb, h, 0.9)
    for row, sign in ((street.far_kerb, -1), (street.near_kerb, 1)):
        thick = 0.09 * street.metre(row)
        canvas.fill(rectangle(0, row - thick, w, row + thick * 0.3), shaded(paving, 1.25 if sign > 0 else 0.7))
    middle = horizon + np.sqrt((street.far_kerb - horizon) * (street.near_kerb - horizon))
    metre, x = street.metre(middle), rng.uniform(-3, 0) * street.metre(middle)
    while x < w:
        canvas.fill(
            np.array(
                [
                    [x, middle],
                    [x + 1.6 * metre, middle],
                    [x + 1.55 * metre, middle + 0.09 * metre],
                    [x - 0.05 * metre, middle + 0.09 * metre],
                ]
            ),
            WHITE,
            0.85,
        )
        x += 3.4 * metre
    if rng.random() < 0.4:
        _crossing(canvas, street, rng, vanishing)


def _crossing(canvas, street, rng, vanishing):
    left = rng.uniform(0.1, 0.7) * street.width
    metre = street.metre(street.near_kerb)
    for k in range(6):
        near = left + k * 0.62 * metre
        t = (street.far_kerb - street.horizon) / (street.near_kerb - street.horizon)
        rows = [
            street.near_kerb - 0.15 * (street.near_kerb - street.far_kerb),
            street.far_kerb + 0.1 * (street.near_kerb - street.far_kerb),
        ]
        quad = []
        for x, row in (
            (near, rows[0]),
            (near + 0.34 * metre, rows[0]),
            (near + 0.34 * metre, rows[1]),
            (near, rows[1]),
        ):
            share = 1 + (t - 1) * (street.near_kerb - row) / (street.near_kerb - street.far_kerb)
            quad.append([vanishing[0] + (x - vanishing[0]) * share, row])
        canvas.fill(np.array(quad), WHITE, 0.85)


def _furniture(canvas, street, light, rng):
    """Trees, lamps and bins on the far pavement: scenery that is no object."""
    row = street.wall + 0.5 * (street.far_kerb - street.wall)
    metre = street.metre(row)
    for _ in range(int(rng.integers(0, 5))):
        x, kind = rng.uniform(0, street.width), rng.random()
        if kind < 0.55:
            leaf = pick(rng, LEAVES)
            canvas.fill(rectangle(x - 0.12 * metre, row - 2.2 * metre, x + 0.12 * metre, row), bgr("#5a4030"))
            for _ in range(9):
                blob = (x + rng.normal(0, 0.6) * metre, row - (3.0 + rng.normal(0, 0.5)) * metre)
                canvas.fill(circle(blob, rng.uniform(0.5, 0.95) * metre), shaded(leaf, rng.uniform(0.78, 1.2)))
        elif kind < 0.8:
            canvas.fill(rectangle(x - 0.05 * metre, row - 4.4 * metre, x + 0.05 * metre, row), bgr("#3a3f45"))
            head = (x, row - 4.4 * metre)
            canvas.fill(circle(head, 0.22 * metre), GLASS_LIT if light.lamps else bgr("#d5d8d8"))
            if light.lamps:
                canvas.glow(head, 2.2 * metre, 2.2 * metre, GLASS_LIT, 0.6)
        else:
            canvas.fill(
                rounded(rectangle(x - 0.3 * metre, row - 0.95 * metre, x + 0.3 * metre, row), 1), bgr("#3f5a48")
            )
