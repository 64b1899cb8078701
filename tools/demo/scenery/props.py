"""Cars, balls and signs. Sizes are in pixels; (x, y) is where the object touches the ground."""

import numpy as np

from .canvas import circle, mixed, rectangle, rounded, shaded
from .palette import BLACK, CARS, CLOTHES, GLASS, WHITE, bgr, pick

TYRE, RIM = bgr("#26262a"), bgr("#b9bec4")
HEADLIGHT, TAILLIGHT = bgr("#fff3cf"), bgr("#c8241f")
STEEL = bgr("#8f959b")

# outlines in units of the car's length: x from the tail to the nose, y up from the ground
BODIES = {
    "saloon": [(0.0, 0.10), (0.01, 0.21), (0.14, 0.235), (0.27, 0.34), (0.58, 0.345), (0.73, 0.235), (0.95, 0.20),
               (1.0, 0.15), (0.995, 0.075), (0.02, 0.075)],
    "hatchback": [(0.0, 0.10), (0.01, 0.25), (0.10, 0.375), (0.58, 0.385), (0.76, 0.26), (0.96, 0.22), (1.0, 0.16),
                  (0.995, 0.08), (0.01, 0.08)],
    "van": [(0.0, 0.10), (0.0, 0.43), (0.03, 0.46), (0.70, 0.46), (0.84, 0.29), (0.98, 0.24), (1.0, 0.17),
            (0.995, 0.08), (0.0, 0.08)],
    "pickup": [(0.0, 0.11), (0.0, 0.24), (0.40, 0.24), (0.43, 0.38), (0.65, 0.38), (0.77, 0.26), (0.97, 0.23),
               (1.0, 0.16), (0.995, 0.09), (0.0, 0.09)],
}  # fmt: skip
WINDOWS = {
    "saloon": [[(0.20, 0.24), (0.29, 0.325), (0.43, 0.33), (0.43, 0.235)],
               [(0.45, 0.235), (0.45, 0.33), (0.565, 0.33), (0.68, 0.235)]],
    "hatchback": [[(0.07, 0.265), (0.12, 0.36), (0.36, 0.365), (0.36, 0.26)],
                  [(0.38, 0.26), (0.38, 0.365), (0.565, 0.37), (0.70, 0.26)]],
    "van": [[(0.50, 0.30), (0.50, 0.43), (0.68, 0.43), (0.79, 0.30)]],
    "pickup": [[(0.45, 0.26), (0.46, 0.36), (0.635, 0.36), (0.72, 0.26)]],
}  # fmt: skip
LENGTHS = {"saloon": 4.4, "hatchback": 3.9, "van": 4.8, "pickup": 5.0}  # metres


class Car:
    """Seen from the side (`heading` +1 drives to the right, -1 to the left) or from an end ("front", "rear")."""

    def __init__(self, rng):
        self.style = pick(rng, list(BODIES))
        self.colour = pick(rng, CARS)
        self.view = pick(rng, ("side", "front", "rear"), [0.7, 0.16, 0.14])
        self.heading = 1 if rng.random() < 0.5 else -1
        self.stripe = rng.random() < 0.25
        self.stripe_colour = pick(rng, CARS)

    def draw(self, canvas, instance, x, y, metre, lamps=False):
        """`metre` is the length of a metre in pixels; `lamps` switches the lights on."""
        length = LENGTHS[self.style] * metre
        half = length / 2 if self.view == "side" else 1.05 * metre
        canvas.label = None
        canvas.glow((x, y), half * 1.12, max(2.0, 0.28 * metre), (30, 30, 30), 0.75)
        canvas.part(instance, 1)
        (self._side if self.view == "side" else self._end)(canvas, x, y, metre, length)
        canvas.round_off(instance, 0.10 * metre)
        if lamps and self.view != "rear":
            canvas.label = None
            spots = [self.heading * 0.49 * length] if self.view == "side" else [-0.62 * metre, 0.62 * metre]
            for dx in spots:
                canvas.glow((x + dx, y - 0.68 * metre), 0.8 * metre, 0.6 * metre, HEADLIGHT, 0.75)

    def _side(self, canvas, x, y, metre, length):
        def place(points):
            points = np.asarray(points, float)
            return np.stack([x + self.heading * (points[:, 0] - 0.5) * length, y - points[:, 1] * length], 1)

        body = rounded(place(BODIES[self.style]))
        canvas.gradient(body, shaded(self.colour, 1.18), shaded(self.colour, 0.72))
        if self.stripe:
            canvas.fill(place([(0.02, 0.155), (0.985, 0.155), (0.99, 0.18), (0.015, 0.18)]), self.stripe_colour)
        canvas.fill(place([(0.01, 0.075), (0.99, 0.075), (0.99, 0.098), (0.01, 0.098)]), shaded(self.colour, 0.45))
        for window in WINDOWS[self.style]:
            canvas.gradient(place(window), shaded(GLASS, 1.25), shaded(GLASS, 0.7))
        door = 0.44 if self.style != "van" else 0.48
        canvas.fill(
            place([(door, 0.10), (door + 0.004, 0.10), (door + 0.004, 0.235), (door, 0.235)]), shaded(self.colour, 0.55)
        )
        canvas.fill(place([(door + 0.03, 0.205), (door + 0.075, 0.205), (door + 0.075, 0.217), (door + 0.03, 0.217)]),
                    shaded(self.colour, 0.5))  # fmt: skip
        canvas.fill(place([(0.955, 0.155), (0.995, 0.15), (0.985, 0.185), (0.95, 0.195)]), HEADLIGHT)
        canvas.fill(place([(0.003, 0.16), (0.03, 0.16), (0.03, 0.205), (0.006, 0.205)]), TAILLIGHT)
        for at in (0.19, 0.80):
            hub = place([(at, 0.075)])[0]
            canvas.fill(circle(hub, 0.088 * length), shaded(self.colour, 0.35))
            canvas.fill(circle(hub, 0.076 * length), TYRE)
            canvas.fill(circle(hub, 0.045 * length), RIM)
            canvas.fill(circle(hub, 0.018 * length), shaded(RIM, 0.6))

    def _end(self, canvas, x, y, metre, length):
        tall = {"saloon": 1.42, "hatchback": 1.5, "van": 2.0, "pickup": 1.75}[self.style] * metre
        wide = 0.9 * metre

        def place(points):
            points = np.asarray(points, float)
            return np.stack([x + points[:, 0] * wide, y - points[:, 1] * tall], 1)

        for side in (-1, 1):
            canvas.fill(
                rounded(place([(side * 0.66, 0), (side * 0.95, 0), (side * 0.95, 0.3), (side * 0.66, 0.3)]), 1), TYRE
            )
        body = [
            (-0.98, 0.13),
            (-1.0, 0.5),
            (-0.93, 0.58),
            (-0.74, 0.97),
            (0.74, 0.97),
            (0.93, 0.58),
            (1.0, 0.5),
            (0.98, 0.13),
        ]
        canvas.gradient(rounded(place(body)), shaded(self.colour, 1.18), shaded(self.colour, 0.7))
        glass = [(-0.80, 0.60), (-0.66, 0.91), (0.66, 0.91), (0.80, 0.60)]
        canvas.gradient(place(glass), shaded(GLASS, 1.25), shaded(GLASS, 0.7))
        canvas.fill(
            rounded(place([(-0.97, 0.12), (0.97, 0.12), (0.97, 0.26), (-0.97, 0.26)]), 1), shaded(self.colour, 0.5)
        )
        canvas.fill(rectangle(x - 0.26 * metre, y - 0.24 * tall, x + 0.26 * metre, y - 0.15 * tall), WHITE)
        lights = HEADLIGHT if self.view == "front" else TAILLIGHT
        for side in (-1, 1):
            canvas.fill(
                rounded(place([(side * 0.58, 0.36), (side * 0.95, 0.38), (side * 0.95, 0.5), (side * 0.62, 0.46)]), 1),
                lights,
            )
        if self.view == "front":
            for k in range(3):
                canvas.fill(
                    place(
                        [
                            (-0.45, 0.33 + 0.045 * k),
                            (0.45, 0.33 + 0.045 * k),
                            (0.45, 0.35 + 0.045 * k),
                            (-0.45, 0.35 + 0.045 * k),
                        ]
                    ),
                    BLACK,
                )


class Ball:
    def __init__(self, rng):
        self.kind = pick(rng, ("football", "basketball", "beach ball", "plain"), [0.34, 0.22, 0.28, 0.16])
        self.colours = [pick(rng, CLOTHES) for _ in range(3)]
        self.turn = float(rng.uniform(0, 2 * np.pi))

    def draw(self, canvas, instance, x, y, radius, height=0.0, roll=0.0):
        """`height` is how far above its shadow the ball flies; `roll` turns it."""
        canvas.label = None
        canvas.glow((x, y), radius * 1.25, radius * 0.4, (30, 30, 30), 0.6)
        canvas.part(instance, 1)
        centre, turn = np.array([x, y - radius - height]), self.turn + roll
        if self.kind == "football":
            self._football(canvas, centre, radius, turn)
        elif self.kind == "basketball":
            orange = bgr("#dd7a2f")
            canvas.fill(circle(centre, radius), orange)
            for bend in (0.0, 0.55, -0.55):
                t = np.linspace(-1, 1, 12)
                across = bend * (1 - t * t) * radius if bend else np.zeros(12)
                line = np.stack([t * radius * 0.96, across + bend * radius * 0.45], 1)
                self._stroke(canvas, self._turned(line, turn) + centre, radius * 0.09)
            self._stroke(
                canvas, self._turned(np.array([[0, -radius * 0.95], [0, radius * 0.95]]), turn) + centre, radius * 0.09
            )
        elif self.kind == "beach ball":
            canvas.fill(circle(centre, radius), WHITE)
            for k in range(3):
                t = np.linspace(0, np.pi / 3, 8) + k * 2 * np.pi / 3 + turn
                wedge = np.stack([np.cos(t), np.sin(t)], 1) * radius + centre
                canvas.fill(
                    np.concatenate([wedge, [centre + radius * 0.15 * np.array([np.cos(turn), np.sin(turn)])]]),
                    self.colours[k],
                )
            canvas.fill(circle(centre, radius * 0.16), WHITE)
        else:
            canvas.fill(circle(centre, radius), self.colours[0])
            band = np.stack([np.linspace(-1, 1, 14), 0.25 * (1 - np.linspace(-1, 1, 14) ** 2)], 1) * radius * 0.95
            self._stroke(canvas, self._turned(band, turn) + centre, radius * 0.25, self.colours[1])
        canvas.round_off(instance, radius * 0.5)
        canvas.label = None
        canvas.glow(centre - radius * 0.35, radius * 0.4, radius * 0.4, (255, 255, 255), 0.5)

    @staticmethod
    def _turned(points, turn):
        c, s = np.cos(turn), np.sin(turn)
        return points @ np.array([[c, s], [-s, c]])

    @staticmethod
    def _stroke(canvas, points, width, colour=BLACK):
        for a, b in zip(points[:-1], points[1:]):
            canvas.line(a, b, colour, width)

    def _football(self, canvas, centre, radius, turn):
        canvas.fill(circle(centre, radius), WHITE)
        for k in range(6):
            angle = turn + k * 2 * np.pi / 5
            if k == 5:
                patch = circle(centre, radius * 0.34, count=5, turn=turn)
            else:
                out = centre + radius * 0.82 * np.array([np.cos(angle), np.sin(angle)])
                patch = circle(out, radius * 0.15, radius * 0.30, turn=angle, count=8)
                self._stroke(canvas, np.array([centre + (out - centre) * 0.4, out]), radius * 0.06)
            canvas.fill(patch, BLACK)


class Sign:
    """A traffic sign; the object is the plate, its pole is scenery."""

    KINDS = ("stop", "limit", "warning", "parking", "yield", "no entry", "crossing", "turn")

    def __init__(self, rng):
        self.kind = pick(rng, self.KINDS)
        self.figure = str(pick(rng, (20, 30, 50, 60)))
        self.arrow = 1 if rng.random() < 0.5 else -1

    def draw(self, canvas, instance, x, y, metre):
        radius = 0.34 * metre
        centre = np.array([x, y - 2.35 * metre])
        canvas.label = 0
        canvas.gradient(
            rectangle(x - 0.035 * metre, centre[1], x + 0.035 * metre, y), shaded(STEEL, 1.2), shaded(STEEL, 0.8)
        )
        canvas.part(instance, 1)
        red, blue, yellow = bgr("#c4262e"), bgr("#1f5fae"), bgr("#f4c430")

        def polygon(count, size, turn):
            return circle(centre, size * radius, count=count, turn=turn)

        if self.kind == "stop":
            canvas.fill(polygon(8, 1.08, np.pi / 8), WHITE)
            canvas.fill(polygon(8, 0.98, np.pi / 8), red)
            canvas.text("STOP", centre, radius * 0.42, WHITE)
        elif self.kind == "limit":
            canvas.fill(polygon(32, 1.0, 0), red)
            canvas.fill(polygon(32, 0.76, 0), WHITE)
            canvas.text(self.figure, centre, radius * 0.62, BLACK)
        elif self.kind in ("warning", "yield"):
            turn = np.pi / 2 if self.kind == "yield" else -np.pi / 2
            canvas.fill(rounded(polygon(3, 1.28, turn), 1), red)
            canvas.fill(polygon(3, 0.86, turn), WHITE if self.kind == "yield" else yellow)
            if self.kind == "warning":
                canvas.fill(
                    rectangle(
                        x - 0.08 * radius, centre[1] - 0.42 * radius, x + 0.08 * radius, centre[1] + 0.08 * radius
                    ),
                    BLACK,
                )
                canvas.fill(circle(centre + [0, 0.27 * radius], 0.10 * radius), BLACK)
        elif self.kind == "no entry":
            canvas.fill(polygon(32, 1.0, 0), red)
            canvas.fill(
                rectangle(x - 0.66 * radius, centre[1] - 0.16 * radius, x + 0.66 * radius, centre[1] + 0.16 * radius),
                WHITE,
            )
        elif self.kind == "turn":
            canvas.fill(polygon(32, 1.0, 0), blue)
            shaft = np.array(
                [[-0.55, -0.14], [0.1, -0.14], [0.1, -0.42], [0.62, 0], [0.1, 0.42], [0.1, 0.14], [-0.55, 0.14]]
            )
            canvas.fill(shaft * radius * [self.arrow, 1] + centre, WHITE)
        else:
            canvas.fill(rounded(polygon(4, 1.3, np.pi / 4), 1), blue)
            if self.kind == "parking":
                canvas.text("P", centre, radius * 0.85, WHITE)
            else:
                canvas.fill(polygon(3, 0.8, -np.pi / 2), WHITE)
                canvas.fill(circle(centre + [0, 0.05 * radius], 0.14 * radius, 0.26 * radius), mixed(BLACK, blue, 0.3))
