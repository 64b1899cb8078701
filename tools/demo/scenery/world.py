"""A scene: a street, its light and what moves on it; and its image at a moment, with annotations."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from . import backdrop
from .body import sample_pose, walking
from .canvas import SUPERSAMPLING, Canvas
from .figure import Figure
from .palette import LIGHT_SHARES, LIGHTS, Light, pick
from .props import Ball, Car, Sign
from .wardrobe import sample_outfit

CLASSES = ("person", "car", "ball", "sign")
SIZES = [(640, 480), (640, 400), (640, 360), (560, 420), (512, 384), (480, 360)]
MIN_VISIBLE = 0.25  # an object of which less is to be seen is left out of the scene
MIN_PIXELS = 60
GAIT_METRES = 1.45  # way made in one cycle of the gait


@dataclass
class Actor:
    kind: str
    thing: object  # Outfit, Car, Ball or Sign
    x: float
    row: float  # the row of the image where it stands: its depth
    speed: float = 0.0  # metres per second to the right
    yaw: float = 0.0
    pose: object = None
    phase: float | None = None  # of the gait; None stands still
    size: float = 0.0  # a ball's radius in metres
    bounce: float = 0.0  # a ball's peak height in metres
    identity: int = -1


@dataclass
class Instance:
    kind: str
    mask: np.ndarray  # (h, w) bool: the visible pixels
    keypoints: np.ndarray | None = None
    identity: int = -1

    def box(self):
        """x0, y0, x1, y1 around the visible pixels."""
        columns, rows = np.flatnonzero(self.mask.any(0)), np.flatnonzero(self.mask.any(1))
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


@dataclass
class Scene:
    street: backdrop.Street
    light: Light
    seed: int  # of the backdrop, the same at every moment
    actors: list = field(default_factory=list)


SILHOUETTES = {
    "person": (0.28, 1.75),
    "car": (2.2, 1.6),
    "ball": (0.25, 0.5),
    "sign": (0.35, 2.7),
}  # metres: half width, height


def _free(scene, kind, x, row, overlap):
    """Whether, with an actor there, the nearer of any two hides at most a share `overlap` of the farther."""
    half, tall = (v * scene.street.metre(row) for v in SILHOUETTES[kind])
    for other in scene.actors:
        other_half, other_tall = (v * scene.street.metre(other.row) for v in SILHOUETTES[other.kind])
        wide = min(x + half, other.x + other_half) - max(x - half, other.x - other_half)
        high = min(row, other.row) - max(row - tall, other.row - other_tall)
        farther = 2 * half * tall if row < other.row else 2 * other_half * other_tall
        if wide > 0 and high > 0 and wide * high > overlap * farther:
            return False
    return True


def _place(scene, rng, kind, rows, overlap, margin=0.0):
    for _ in range(24):
        row = float(rng.uniform(*rows))
        x = float(rng.uniform(-margin, scene.street.width + margin))
        if _free(scene, kind, x, row, overlap):
            return x, row
    return None


def add_person(scene, rng, outfit, identity=-1, rows=None, overlap=0.45):
    street = scene.street
    if rows is None:
        near = street.height * (1.12 if rng.random() < 0.12 else 0.985)  # a few are cut off by the lower edge
        rows = (street.wall + 0.25 * (street.far_kerb - street.wall), near)
    place = _place(scene, rng, "person", rows, overlap, margin=-8 if rng.random() < 0.85 else 12)
    if place is None:
        return
    walks = rng.random() < 0.5
    if walks:  # mostly along the street, sometimes towards the viewer or away
        heading = pick(rng, (np.pi / 2, -np.pi / 2, 0.0, np.pi), [0.36, 0.36, 0.16, 0.12])
        yaw = float(heading + rng.normal(0, 0.35))
    else:
        yaw = float(rng.uniform(-np.pi, np.pi) if rng.random() < 0.4 else rng.normal(0, 0.7))
    phase = float(rng.uniform(0, 2 * np.pi)) if walks else None
    scene.actors.append(
        Actor("person", outfit, *place, yaw=yaw, pose=sample_pose(rng, phase), phase=phase,
              speed=float(1.35 * np.sin(yaw)) if walks else 0.0, identity=identity)
    )  # fmt: skip


def add_car(scene, rng):
    street, car = scene.street, Car(rng)
    lanes = np.array([0.28, 0.85]) * (street.near_kerb - street.far_kerb) + street.far_kerb
    row = float(lanes[int(car.heading < 0)] if rng.random() < 0.75 else rng.uniform(lanes[0], lanes[1]))
    place = _place(scene, rng, "car", (row - 1, row + 1), 0.5, margin=0.12 * street.width)
    if place is not None:
        speed = car.heading * float(rng.uniform(2, 6)) if car.view == "side" else 0.0
        scene.actors.append(Actor("car", car, *place, speed=speed))


def add_ball(scene, rng):
    street, radius = scene.street, float(rng.uniform(0.13, 0.30))
    nearest = street.horizon + max(9.0, 0.02 * street.height) * street.eye / radius  # at least so many pixels of radius
    top = max(street.wall + 4, min(nearest, 0.9 * street.height))
    place = _place(scene, rng, "ball", (top, street.height * 0.97), 0.3, margin=-8)
    if place is not None:
        bounce = float(rng.uniform(0.2, 1.5)) if rng.random() < 0.5 else 0.0
        scene.actors.append(
            Actor("ball", Ball(rng), *place, size=radius, bounce=bounce, phase=float(rng.uniform(0, np.pi)),
                  speed=float(rng.uniform(-2, 2)))
        )  # fmt: skip


def add_sign(scene, rng):
    street = scene.street
    far = rng.random() < 0.45
    low = (street.wall + 0.8 * (street.far_kerb - street.wall), street.far_kerb) if far else None
    rows = low or (street.near_kerb + 2, street.near_kerb + 0.3 * (street.height - street.near_kerb))
    place = _place(scene, rng, "sign", rows, 0.35, margin=-10)
    if place is not None:
        scene.actors.append(Actor("sign", Sign(rng), *place))


def empty_scene(rng, size=None, light=None):
    width, height = size or pick(rng, SIZES, [0.34, 0.16, 0.1, 0.14, 0.14, 0.12])
    light = light or pick(rng, LIGHTS, LIGHT_SHARES)
    return Scene(backdrop.sample_street(rng, width, height), light, int(rng.integers(2**31)))


def sample_scene(rng, size=None, light=None):
    scene = empty_scene(rng, size, light)
    for _ in range(int(rng.choice(4, p=[0.22, 0.38, 0.28, 0.12]))):
        add_car(scene, rng)
    for _ in range(int(rng.choice(7, p=[0.04, 0.13, 0.22, 0.23, 0.18, 0.12, 0.08]))):
        add_person(scene, rng, sample_outfit(rng))
    for _ in range(int(rng.choice(4, p=[0.25, 0.4, 0.25, 0.1]))):
        add_sign(scene, rng)
    for _ in range(int(rng.choice(4, p=[0.25, 0.4, 0.25, 0.1]))):
        add_ball(scene, rng)
    return scene


def _figure(actor, street, time):
    metre = street.metre(actor.row)
    pose = actor.pose
    if actor.phase is not None and time:
        pose = walking(actor.phase + 2 * np.pi * abs(actor.speed) * time / GAIT_METRES)
    return Figure(actor.thing, pose, actor.yaw, (actor.x + actor.speed * time * metre, actor.row), 1.72 * metre)


def _draw(canvas, scene, actor, instance, time):
    metre = scene.street.metre(actor.row)
    x = actor.x + actor.speed * time * metre
    if actor.kind == "person":
        figure = _figure(actor, scene.street, time)
        canvas.label = None
        canvas.glow((x, actor.row), 0.34 * metre, 0.09 * metre, (30, 30, 30), 2 * scene.light.shadow)
        figure.draw(canvas, instance)
    elif actor.kind == "car":
        actor.thing.draw(canvas, instance, x, actor.row, metre, scene.light.lamps)
    elif actor.kind == "ball":
        radius = actor.size * metre
        height = actor.bounce * metre * abs(np.sin(actor.phase + 4.0 * time))
        actor.thing.draw(canvas, instance, x, actor.row, radius, height, actor.speed * time / max(actor.size, 0.1))
    else:
        actor.thing.draw(canvas, instance, x, actor.row, metre)


def _seen_enough(canvas, instance, alone):
    visible = int(canvas.count(instance))
    return visible >= max(MIN_VISIBLE * alone, MIN_PIXELS * SUPERSAMPLING**2)


def render(scene, time=0.0, noise=None):
    """The image at a time in seconds and its instances; what can hardly be seen is left out of both.

    `noise` is the generator of the camera's grain and blur; without it the image is clean.
    """
    street = scene.street
    blank = Canvas(street.width, street.height)
    backdrop.paint(blank, street, scene.light, np.random.default_rng(scene.seed))
    actors = sorted(scene.actors, key=lambda a: a.row)  # painter's order
    while True:
        canvas, alone = blank.copy(), {}
        for instance, actor in enumerate(actors, 1):
            _draw(canvas, scene, actor, instance, time)
            alone[instance] = canvas.count(instance)
        kept = [a for i, a in enumerate(actors, 1) if _seen_enough(canvas, i, alone[i])]
        if len(kept) == len(actors):
            break
        actors = kept
    instances = []
    for instance, actor in enumerate(actors, 1):
        mask = canvas.instance_mask(instance)
        if not mask.any():
            continue
        keypoints = None
        if actor.kind == "person":
            keypoints = _figure(actor, street, time).keypoints(canvas, instance)
        instances.append(Instance(actor.kind, mask, keypoints, actor.identity))
    return _developed(canvas.finished(), scene.light, noise), instances


def _developed(image, light, noise):
    """The light's tint and, with a generator, what a camera adds."""
    image = image.astype(np.float32) * np.array(light.gain, np.float32)
    if noise is not None:
        image *= noise.uniform(0.86, 1.1)
        if noise.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), noise.uniform(0.3, 0.9))
        image += noise.normal(0, noise.uniform(0.5, 5.0), image.shape).astype(np.float32)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
