"""Draws a person and reports which of the keypoints can be seen."""

import cv2
import numpy as np

from .body import COCO_KEYPOINTS, HEAD_RADIUS, joints, projected
from .canvas import capsule, circle, mixed, rounded, shaded
from .palette import BLACK
from .wardrobe import bag_strap, cheek, cloth, sole

HEAD, TORSO, BAG = 1, 2, 3
ARM = {"left": (4, 5), "right": (6, 7)}  # upper arm, forearm
LEG = {"left": (8, 9), "right": (10, 11)}  # thigh, shin


def _parts_showing(name):
    """Codes of the parts on which a keypoint may lie when it is visible."""
    if "_" not in name or name.endswith(("eye", "ear")):
        return {HEAD}
    side, joint = name.split("_")
    (upper, lower), (thigh, shin) = ARM[side], LEG[side]
    return {"shoulder": {TORSO, upper}, "elbow": {upper, lower}, "wrist": {lower},
            "hip": {TORSO, thigh}, "knee": {thigh, shin}, "ankle": {shin}}[joint]  # fmt: skip


class Figure:
    """One person on a canvas: outfit, pose, where and how large."""

    def __init__(self, outfit, pose, yaw, foot, height):
        self.outfit, self.yaw, self.foot = outfit, yaw, foot
        self.size = height * outfit.tall
        self.joint = projected(joints(pose), yaw, foot, self.size)
        self.head_yaw = yaw + pose.head
        self.facing = np.cos(yaw)  # 1 towards the viewer, -1 away

    def at(self, name):
        return self.joint[name][:2]

    def draw(self, canvas, instance):
        paint = _Painter(self, canvas, instance)
        nearness = {side: self.joint[f"{side}_elbow"][2] for side in ("left", "right")}
        far, near = sorted(nearness, key=nearness.get)
        arms_behind = [side for side in (far, near) if nearness[side] < -0.035]
        if self.facing >= 0:
            paint.backpack()
        for side in arms_behind:
            paint.arm(side, 0.86)
        legs = sorted(("left", "right"), key=lambda side: self.joint[f"{side}_knee"][2])
        paint.leg(legs[0], 0.84)
        paint.leg(legs[1], 1.0)
        paint.skirt()
        if self.facing >= 0:
            paint.loose_hair()
        paint.torso()
        paint.satchel()
        if self.facing < 0:
            paint.backpack()
        paint.head()
        for side in (far, near):
            if side not in arms_behind:
                paint.arm(side, 1.0)
        canvas.round_off(instance, max(1.0, 0.022 * self.size))

    def keypoints(self, canvas, instance):
        """(17, 3): x, y, v as COCO has it: 2 seen, 1 behind the person's own body, 0 not labelled.

        Not labelled: outside the image, or behind somebody or something else, where an annotator could only guess.
        """
        out = np.zeros((len(COCO_KEYPOINTS), 3))
        for i, name in enumerate(COCO_KEYPOINTS):
            x, y = self.at(name)
            owner = canvas.part_at(x, y)
            if owner is None or owner[0] != instance:
                continue
            seen = owner[1] in _parts_showing(name)
            if i < 5:  # the far side of the head carries the same label, so ask where the feature points
                seen = seen and self.joint[name][2] - self.joint["head"][2] > (-0.3 if i > 2 else 0.1) * HEAD_RADIUS
            out[i] = x, y, 2 if seen else 1
        return out


class _Painter:
    def __init__(self, figure, canvas, instance):
        self.f, self.canvas, self.instance, self.outfit = figure, canvas, instance, figure.outfit

    def part(self, code):
        self.canvas.part(self.instance, code)

    def px(self, share):
        """A length given as a share of the body's height."""
        return share * self.f.size

    def limbs(self, *segments):
        """Tapered segments (part, a, b, radius_a, radius_b, colour) of one limb.

        A darker rim around all of them makes the limb stand out from cloth of the same colour.
        """
        for scale, light in ((1.0, 0.8), (0.84, 1.0)):
            for part, a, b, radius_a, radius_b, colour in segments:
                self.part(part)
                outline = capsule(a, b, self.px(radius_a) * scale, self.px(radius_b) * scale)
                self.canvas.fill(outline, shaded(colour, light))

    def arm(self, side, light):
        o, at, build = self.outfit, self.f.at, self.outfit.build
        shoulder, elbow, wrist, hand = (at(f"{side}_{n}") for n in ("shoulder", "elbow", "wrist", "hand"))
        sleeve, skin = shaded(o.sleeve, light), shaded(o.skin, light)
        upper, lower = ARM[side]
        self.part(lower)
        self.canvas.fill(circle(hand, self.px(0.022)), skin)
        segments = [(lower, elbow, wrist, 0.027 * build, 0.02, sleeve if o.sleeves == "long" else skin)]
        if o.sleeves == "short":
            segments.append((upper, shoulder, elbow, 0.029 * build, 0.026 * build, skin))
            elbow = mixed(shoulder, elbow, 0.62)
        self.limbs(*segments, (upper, shoulder, elbow, 0.036 * build, 0.031 * build, sleeve))

    def leg(self, side, light):
        o, at, build = self.outfit, self.f.at, self.outfit.build
        hip, knee, ankle, toe = (at(f"{side}_{n}") for n in ("hip", "knee", "ankle", "toe"))
        cloth_colour, skin = shaded(o.legs, light), shaded(o.skin, light)
        thigh, shin = LEG[side]
        self.part(shin)
        shoe = shaded(o.shoes, light)
        heel = ankle + np.array([0, self.px(0.012)])
        self.canvas.fill(capsule(heel + [0, self.px(0.012)], toe + [0, self.px(0.012)], self.px(0.026), self.px(0.02)),
                         shaded(sole(o), 0.9))  # fmt: skip
        self.canvas.fill(capsule(heel, toe, self.px(0.027), self.px(0.02)), shoe)
        bare = o.legs_style != "trousers"
        self.limbs(
            (shin, knee, ankle, 0.036 * build, 0.025 if bare else 0.03, skin if bare else cloth_colour),
            (thigh, hip, knee, 0.054 * build, 0.039 * build, skin if o.legs_style == "skirt" else cloth_colour),
        )

    def skirt(self):
        if self.outfit.legs_style != "skirt":
            return
        at, wide = self.f.at, self.px(0.05 * self.outfit.build)
        left, right = sorted((at("left_hip"), at("right_hip")), key=lambda p: p[0])
        knees = [at("left_knee"), at("right_knee")]
        x0, x1 = min(k[0] for k in knees), max(k[0] for k in knees)
        hem = 0.25 * left[1] + 0.75 * max(k[1] for k in knees)
        self.part(TORSO)
        shape = [[left[0] - wide, left[1] - wide * 0.5], [right[0] + wide, right[1] - wide * 0.5],
                 [max(x1, right[0]) + wide * 1.1, hem], [min(x0, left[0]) - wide * 1.1, hem]]  # fmt: skip
        self.canvas.gradient(np.array(shape), self.outfit.legs, shaded(self.outfit.legs, 0.82))

    def torso(self):
        o, at, build = self.outfit, self.f.at, self.outfit.build
        neck, pelvis = at("neck"), at("pelvis")
        self.limbs((HEAD, neck + [0, self.px(0.02)], at("head"), 0.028, 0.028, shaded(o.skin, 0.9)))
        self.part(TORSO)
        discs = [circle(at(n), self.px(r * build)) for n, r in (("left_shoulder", 0.038), ("right_shoulder", 0.038),
                 ("left_hip", 0.05), ("right_hip", 0.05), ("pelvis", 0.058))]  # fmt: skip
        chest = circle(mixed(neck, pelvis, 0.35), self.px(0.072 * build), self.px(0.09))
        outline = cv2.convexHull(np.concatenate([*discs, chest]).astype(np.float32))[:, 0]
        axis = pelvis - neck
        length = max(np.hypot(*axis), 1e-6)
        axis, half = axis / length, self.px(0.14 * build)
        turn = self.f.yaw  # the pattern wraps around the trunk, so turning moves it sideways

        def pattern(x, y):
            dx, dy = x - neck[0], y - neck[1]
            along = (dx * axis[0] + dy * axis[1]) / (length * 1.18)
            across = np.clip((dx * -axis[1] + dy * axis[0]) / half, -1, 1) * -1
            around = np.arcsin(across) - turn
            around = (around + np.pi) % (2 * np.pi) - np.pi
            if o.pattern in ("print", "open jacket", "sash"):  # front only; the back is plain (a sash goes round)
                front = np.sin(np.clip(around, -np.pi / 2, np.pi / 2))
                front = np.where(np.abs(around) < np.pi / 2, front, -front if o.pattern == "sash" else 1.0)
                return cloth(o, along, front)
            return cloth(o, along, around / (np.pi / 2))

        self.canvas.texture(outline, pattern)

    def backpack(self):
        o = self.outfit
        if o.bag != "backpack":
            return
        back = -np.array([np.sin(self.f.yaw), 0.16 * -np.cos(self.f.yaw)])
        centre = np.asarray(mixed(self.f.at("neck"), self.f.at("pelvis"), 0.42)) + back * self.px(0.105)
        wide = self.px(0.06 + 0.035 * abs(self.f.facing))
        self.part(BAG)
        tall = self.px(0.125)
        box = np.array([[-wide, -tall], [wide, -tall], [wide, tall], [-wide, tall]]) + centre
        self.canvas.fill(rounded(box), o.bag_colour)
        if self.f.facing < -0.2:
            pocket = np.array([[-wide, 0], [wide, 0], [wide, tall * 1.4], [-wide, tall * 1.4]]) * 0.62 + centre
            self.canvas.fill(rounded(pocket), bag_strap(o))

    def satchel(self):
        """A bag at the right hip, its strap from the left shoulder."""
        o, at = self.outfit, self.f.at
        if o.bag == "backpack" and self.f.facing > 0.2:  # of a backpack the straps are seen
            for side in ("left", "right"):
                top = np.asarray(mixed(at(f"{side}_shoulder"), at("neck"), 0.35))
                self.part(TORSO)
                low = mixed(top, at(f"{side}_hip"), 0.55)
                self.canvas.line(top, np.asarray(low), bag_strap(o), self.px(0.022))
        if o.bag != "satchel":
            return
        hip = at("right_hip") + np.array([0.0, self.px(0.02)])
        self.part(TORSO)
        self.canvas.line(at("left_shoulder"), hip, bag_strap(o), self.px(0.018))
        self.part(BAG)
        w, h = self.px(0.062), self.px(0.05)
        self.canvas.fill(rounded(np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) + hip), o.bag_colour)
        self.canvas.fill(rounded(np.array([[-w, -h], [w, -h], [w, 0], [-w, 0]]) * 0.9 + hip), shaded(o.bag_colour, 0.8))

    def loose_hair(self):
        """Long hair or a bun: behind the trunk when the person faces the viewer, before it otherwise."""
        o, centre, r = self.outfit, self.f.at("head"), self.px(HEAD_RADIUS)
        turn = np.sin(self.f.head_yaw)
        self.part(HEAD)
        if o.hair_style == "bun":
            self.canvas.fill(circle(centre + np.array([-turn * r * 1.1, -r * 0.85]), r * 0.48), o.hair)
        elif o.hair_style == "long":
            crown = centre - np.array([turn * r * 0.3, r * 0.1])
            self.canvas.fill(capsule(crown, crown + np.array([-turn * r * 0.3, r * 1.35]), r * 1.05, r * 0.95), o.hair)

    def head(self):
        o, f, canvas = self.outfit, self.f, self.canvas
        centre, r = f.at("head"), self.px(HEAD_RADIUS)
        turn, facing = np.sin(f.head_yaw), np.cos(f.head_yaw)
        self.part(HEAD)
        if f.facing < 0 <= facing + 0.25:
            self.loose_hair()
        for ear in ("left_ear", "right_ear"):
            if f.joint[ear][2] - f.joint["head"][2] > -0.4 * HEAD_RADIUS:
                canvas.fill(circle(f.at(ear), r * 0.24), shaded(o.skin, 0.88))
        canvas.fill(circle(centre, r * 0.92, r * 1.1), o.skin)
        if f.facing < 0 and facing < -0.25:
            self.loose_hair()
        if o.hair_style != "bald":
            self._hair(centre, r, turn, facing)
        for ear in ("left_ear", "right_ear"):
            if f.joint[ear][2] - f.joint["head"][2] > 0.35 * HEAD_RADIUS and o.hair_style != "long":
                canvas.fill(circle(f.at(ear), r * 0.22), shaded(o.skin, 0.85))
        self._face(r)
        self._hat(centre, r, turn, facing)

    def _hair(self, centre, r, turn, facing):
        """The scalp: all of the head seen from behind, a cap above the forehead from the front."""
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        rim = np.stack([np.cos(t) * r * 0.98, np.sin(t) * r * 1.15], 1)
        line = r * (0.85 if facing < -0.25 else -0.28 - 0.12 * facing)
        shape = rim.copy()
        shape[:, 1] = np.minimum(shape[:, 1], line)
        if abs(turn) > 0.4 and facing >= -0.25:  # the side of the head away from the face is hair, too
            backside = np.sign(turn) * rim[:, 0] < -r * 0.15 * (1 + facing)
            shape[backside, 1] = np.minimum(rim[backside, 1], r * 0.5)
        self.canvas.fill(shape + centre, self.outfit.hair)

    def _face(self, r):
        f, canvas = self.f, self.canvas
        depth = {n: (f.joint[n][2] - f.joint["head"][2]) / HEAD_RADIUS for n in ("nose", "left_eye", "right_eye")}
        for eye in ("left_eye", "right_eye"):
            if depth[eye] > 0.1:
                canvas.fill(circle(f.at(eye), r * 0.14 * min(1, depth[eye] + 0.35), r * 0.17), BLACK)
        if depth["nose"] > 0.0:
            canvas.fill(circle(f.at("nose"), r * 0.14, r * 0.17), shaded(self.outfit.skin, 0.8))
        if depth["nose"] > 0.25:
            mouth = f.at("nose") + np.array([0, r * 0.42])
            mouth[0] = 0.25 * f.at("head")[0] + 0.75 * mouth[0]
            canvas.fill(
                circle(mouth, r * 0.26 * depth["nose"], r * 0.07), mixed(cheek(self.outfit), (40, 30, 120), 0.5)
            )

    def _hat(self, centre, r, turn, facing):
        o, canvas = self.outfit, self.canvas
        if o.hat == "none":
            return
        t = np.linspace(np.pi, 2 * np.pi, 24)
        crown = np.stack([np.cos(t) * r * 1.06, np.sin(t) * r * (1.28 if o.hat == "beanie" else 1.2)], 1)
        brow = centre - np.array([0, r * 0.36])
        canvas.fill(crown * [1, 0.82] + brow, o.hat_colour)
        if o.hat == "beanie":
            canvas.fill(
                capsule(brow - [r * 0.98, 0], brow + [r * 0.98, 0], r * 0.16, r * 0.16), shaded(o.hat_colour, 0.78)
            )
        elif o.hat == "sun hat":
            canvas.fill(circle(brow, r * 1.75, r * 0.3), shaded(o.hat_colour, 0.88))
        elif facing > -0.4:
            peak = brow + np.array([turn * r * 0.95, r * 0.06 + r * 0.12 * max(facing, 0)])
            canvas.fill(circle(peak, r * (0.95 - 0.2 * abs(turn)), r * 0.2), shaded(o.hat_colour, 0.75))
