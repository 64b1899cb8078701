"""A 3-D stick body: poses and their 17 COCO keypoints.

Body frame, in units of the body's height: x to the person's left, y up from the ground, z forward.
"""

from dataclasses import dataclass, replace

import numpy as np

COCO_KEYPOINTS = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
).split()
# COCO's skeleton, counted from 1
COCO_SKELETON = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9],
    [8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
# index of each keypoint after a left-right flip
COCO_FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]

THIGH, SHIN, ANKLE = 0.235, 0.225, 0.042
HIP_HALF, SHOULDER_HALF = 0.052, 0.098
TORSO, NECK, HEAD_RADIUS = 0.295, 0.062, 0.066
UPPER_ARM, FOREARM, HAND = 0.16, 0.15, 0.03
FOOT = 0.085


@dataclass(frozen=True)
class Pose:
    """Joint angles in radians; pairs are (left, right)."""

    swing: tuple = (0.0, 0.0)  # upper arm forward
    spread: tuple = (0.12, 0.12)  # upper arm sideways; pi is straight up
    elbow: tuple = (0.15, 0.15)  # forearm flexed forwards
    curl: tuple = (0.0, 0.0)  # forearm flexed towards the head (for raised arms)
    hip: tuple = (0.0, 0.0)  # thigh forward
    knee: tuple = (0.0, 0.0)  # shin backwards
    stance: float = 0.03  # legs sideways
    lean: float = 0.0  # trunk forward
    head: float = 0.0  # head turned to the person's left


def walking(phase, stride=0.5, arms=0.5):
    """The gait at a phase of 0..2 pi."""
    s, c = np.sin(phase), np.cos(phase)
    return Pose(
        swing=(-arms * s, arms * s),
        elbow=(0.3 + 0.2 * max(0, -s), 0.3 + 0.2 * max(0, s)),
        hip=(stride * s, -stride * s),
        knee=(0.12 + 0.75 * max(0, c), 0.12 + 0.75 * max(0, -c)),
        stance=0.0,
        lean=0.06,
    )


def sample_pose(rng, phase=None):
    """A pose of the repertoire; with a phase, one that walks."""
    if phase is not None:
        return replace(walking(phase, *rng.uniform([0.38, 0.3], [0.6, 0.7])), head=float(rng.uniform(-0.4, 0.4)))
    kind = rng.choice(["walk", "stand", "hips", "wave", "cheer", "reach", "phone", "stretch"],
                      p=[0.36, 0.22, 0.07, 0.11, 0.08, 0.06, 0.06, 0.04])  # fmt: skip
    if kind == "walk":
        pose = walking(rng.uniform(0, 2 * np.pi), *rng.uniform([0.35, 0.3], [0.65, 0.8]))
    else:
        weight = rng.uniform(-0.06, 0.12, 2)
        pose = Pose(
            swing=tuple(rng.uniform(-0.15, 0.25, 2)),
            spread=tuple(rng.uniform(0.08, 0.3, 2)),
            elbow=tuple(rng.uniform(0.05, 0.5, 2)),
            hip=tuple(weight),
            knee=tuple(weight.clip(0) * 1.2),
            stance=float(rng.uniform(0.0, 0.14)),
        )
    side = int(rng.integers(2))

    def one(pair, value):
        """The pair with the value on the chosen side."""
        return (float(value), pair[1]) if side == 0 else (pair[0], float(value))

    if kind == "wave":
        pose = replace(pose, spread=one(pose.spread, rng.uniform(1.5, 2.3)), swing=one(pose.swing, 0.1),
                       elbow=one(pose.elbow, 0.1), curl=one(pose.curl, rng.uniform(0.5, 1.3)))  # fmt: skip
    elif kind == "cheer":
        up = rng.uniform(2.2, 2.9, 2)
        pose = replace(pose, spread=tuple(up), swing=(0.0, 0.0), elbow=(0.1, 0.1), curl=tuple(rng.uniform(0, 0.5, 2)))
    elif kind == "hips":
        pose = replace(pose, spread=(0.75, 0.75), swing=(-0.25, -0.25), elbow=(0.35, 0.35), curl=(-1.75, -1.75))
    elif kind == "reach":
        pose = replace(pose, swing=one(pose.swing, rng.uniform(1.2, 1.8)), elbow=one(pose.elbow, 0.15))
    elif kind == "phone":
        pose = replace(pose, swing=one(pose.swing, 0.6), elbow=one(pose.elbow, rng.uniform(1.6, 2.1)))
    elif kind == "stretch":
        pose = replace(pose, spread=tuple(rng.uniform(1.3, 1.7, 2)), swing=(0.0, 0.0), elbow=(0.05, 0.05))
    return replace(pose, head=float(rng.uniform(-0.45, 0.45)), lean=pose.lean + float(rng.uniform(-0.02, 0.06)))


def _arm(shoulder, side, swing, spread, elbow, curl):
    """Elbow, wrist and fingertip of one arm; side is +1 left, -1 right."""

    def direction(outward, forward):
        flat = np.array([side * np.sin(outward), -np.cos(outward), 0.0])
        c, s = np.cos(forward), np.sin(forward)  # turned about the x axis, so that `forward` lifts it to the front
        return np.array([flat[0], c * flat[1], -s * flat[1]])

    joint = shoulder + UPPER_ARM * direction(spread, swing)
    lower = direction(spread + curl, swing + elbow)
    return joint, joint + FOREARM * lower, joint + (FOREARM + HAND) * lower


def _leg(hip, side, forward, knee, stance):
    """Knee, ankle and toe of one leg."""

    def direction(angle):
        return np.array([side * np.sin(stance), -np.cos(angle) * np.cos(stance), np.sin(angle)])

    joint = hip + THIGH * direction(forward)
    ankle = joint + SHIN * direction(forward - knee)
    pitch = 0.5 * (forward - knee)  # the foot follows the shin by half
    return joint, ankle, ankle + FOOT * np.array([side * 0.15, -0.25 + 0.6 * min(pitch, 0.0), 1.0])


def joints(pose):
    """Name -> (3,) in the body frame: COCO's keypoints and those that drawing needs beside them."""
    tilt = np.array([0.0, np.cos(pose.lean), np.sin(pose.lean)])
    hips = np.array([0.0, THIGH + SHIN + ANKLE, 0.0])
    neck = hips + TORSO * tilt
    head = neck + (NECK + HEAD_RADIUS) * tilt
    out = {"neck": neck, "pelvis": hips, "head": head}
    for i, (name, side) in enumerate((("left", 1), ("right", -1))):
        shoulder = neck + np.array([side * SHOULDER_HALF, -0.028, 0.0])
        hip = hips + np.array([side * HIP_HALF, 0.0, 0.0])
        out[f"{name}_shoulder"], out[f"{name}_hip"] = shoulder, hip
        arm = _arm(shoulder, side, pose.swing[i], pose.spread[i], pose.elbow[i], pose.curl[i])
        out[f"{name}_elbow"], out[f"{name}_wrist"], out[f"{name}_hand"] = arm
        leg = _leg(hip, side, pose.hip[i], pose.knee[i], pose.stance)
        out[f"{name}_knee"], out[f"{name}_ankle"], out[f"{name}_toe"] = leg
    c, s = np.cos(pose.head), np.sin(pose.head)
    for name, (x, y, z) in {
        "nose": (0, -0.08, 1.0), "left_eye": (0.4, 0.2, 0.86), "right_eye": (-0.4, 0.2, 0.86),
        "left_ear": (0.93, 0.02, -0.05), "right_ear": (-0.93, 0.02, -0.05),
    }.items():  # fmt: skip
        out[name] = head + HEAD_RADIUS * np.array([c * x + s * z, 1.12 * y, c * z - s * x])
    lowest = min(out["left_ankle"][1], out["right_ankle"][1])
    return {name: point - np.array([0.0, lowest - ANKLE, 0.0]) for name, point in out.items()}


def projected(points, yaw, foot, height):
    """Screen x, screen y and nearness of each joint.

    yaw 0 looks at the viewer, pi/2 to the picture's right; `foot` is where the body stands, `height` its size in
    pixels. The view is from slightly above, so what is nearer is lower.
    """
    c, s = np.cos(yaw), np.sin(yaw)
    out = {}
    for name, (x, y, z) in points.items():
        near = c * z - s * x
        out[name] = np.array([foot[0] + height * (c * x + s * z), foot[1] - height * (y - 0.16 * near), near])
    return out
