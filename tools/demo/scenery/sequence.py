"""The demo's held-out sequence: one street, the same persons and cars in every frame."""

from dataclasses import replace

import numpy as np

from .backdrop import Street
from .body import sample_pose
from .palette import CARS, LIGHTS
from .props import Ball, Car, Sign
from .wardrobe import sample_wardrobe
from .world import Actor, Scene, render

STREET = Street(width=640, height=480, horizon=160.0, wall=238.0, far_kerb=272.0, near_kerb=372.0, eye=1.75)
STEP = 0.2  # seconds between frames
OWN_STREAM = 77  # of the seed: no training scene uses it
# x, row, yaw, whether the person walks
CAST = [
    (300, 262, 0.2, False),
    (215, 256, 1.5, True),
    (470, 392, -1.45, True),
    (130, 446, 1.3, True),
    (585, 458, -0.35, False),
    (52, 408, 0.15, False),
    (352, 266, -0.5, False),
]
# style, x, row, heading, metres per second, colour
TRAFFIC = [("hatchback", 470, 306, 1, 1.6, CARS[4]), ("saloon", 60, 330, -1, 0.0, CARS[0])]


def compose(seed):
    rng = np.random.default_rng([seed, OWN_STREAM])
    scene = Scene(STREET, next(light for light in LIGHTS if light.name == "morning"), int(rng.integers(2**31)))
    for identity, (outfit, (x, row, yaw, walks)) in enumerate(zip(sample_wardrobe(rng, len(CAST)), CAST)):
        phase = float(rng.uniform(0, 2 * np.pi)) if walks else None
        pose = sample_pose(rng, phase)
        speed = 1.3 * float(np.sin(yaw)) if walks else 0.0
        outfit = replace(outfit, tall=min(outfit.tall, 1.02))
        scene.actors.append(Actor("person", outfit, x, row, speed, yaw, pose, phase, identity=identity))
    for style, x, row, heading, speed, colour in TRAFFIC:
        car = Car(rng)
        car.style, car.view, car.heading, car.colour = style, "side", heading, colour
        scene.actors.append(Actor("car", car, x, row, heading * speed))
    for kind, x, row in (("crossing", 64, 384), ("limit", 395, 266)):
        sign = Sign(rng)
        sign.kind = kind
        scene.actors.append(Actor("sign", sign, x, row))
    for kind, x, row, speed, bounce in (("football", 345, 445, 0.5, 0.35), ("beach ball", 520, 410, -0.3, 0.0)):
        ball = Ball(rng)
        ball.kind = kind
        scene.actors.append(Actor("ball", ball, x, row, speed, size=0.17, bounce=bounce, phase=0.4))
    return scene


def frames(seed, count):
    """Yields (image, instances) in order of time."""
    scene = compose(seed)
    for index in range(count):
        yield render(scene, index * STEP)
