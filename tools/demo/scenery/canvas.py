"""A supersampled image and, beside it, a label map that remembers which part of which object owns each pixel."""

from copy import copy

import cv2
import numpy as np

SUPERSAMPLING = 2
FIXED_POINT_BITS = 4  # sub-pixel bits of cv2's polygon coordinates
PARTS = 64  # part codes per object: label = object * PARTS + part


def shaded(colour, factor):
    """The colour made darker (factor < 1) or lighter (factor > 1, towards white)."""
    colour = np.asarray(colour, np.float64)
    result = colour * factor if factor <= 1 else colour + (255 - colour) * (factor - 1)
    return tuple(float(v) for v in np.clip(result, 0, 255))


def mixed(a, b, share_of_b):
    """Linear blend of two colours."""
    return tuple((1 - share_of_b) * np.asarray(a, float) + share_of_b * np.asarray(b, float))


def circle(centre, radius_x, radius_y=None, turn=0.0, count=28):
    """Points of an ellipse turned by `turn` radians."""
    radius_y = radius_x if radius_y is None else radius_y
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x, y = radius_x * np.cos(t), radius_y * np.sin(t)
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], 1)


def capsule(a, b, radius_a, radius_b):
    """Convex hull of two circles: one tapered limb."""
    points = np.concatenate([circle(a, radius_a, count=14), circle(b, radius_b, count=14)]).astype(np.float32)
    return cv2.convexHull(points)[:, 0]


def rectangle(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def rounded(points, rounds=2):
    """Chaikin's corner cutting: a closed polygon with soft corners."""
    points = np.asarray(points, float)
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.8 * points + 0.2 * after, 0.2 * points + 0.8 * after], 1).reshape(-1, 2)
    return points


class Canvas:
    """Coordinates are pixels of the final image; colours are BGR in 0..255.

    `label` is what the next shapes write into the label map: 0 for scenery (which also hides objects behind it),
    None for paint that belongs to nothing (shadows, glow) and leaves the map alone.
    """

    def __init__(self, width, height):
        self.width, self.height = width, height
        shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
        self.image = np.zeros((*shape, 3), np.uint8)
        self.labels = np.zeros(shape, np.int32)
        self.label = 0

    def copy(self):
        other = copy(self)
        other.image, other.labels = self.image.copy(), self.labels.copy()
        return other

    def count(self, instance):
        """How many supersampled pixels the object owns."""
        return int(np.count_nonzero(self._owned(instance)))

    def _owned(self, instance):
        return (self.labels >= instance * PARTS) & (self.labels < (instance + 1) * PARTS)

    def part(self, instance, part):
        self.label = instance * PARTS + part

    def _fixed(self, points):
        scaled = (np.asarray(points, np.float64) * SUPERSAMPLING - 0.5) * (1 << FIXED_POINT_BITS)
        return np.round(scaled).astype(np.int32).reshape(-1, 1, 2)

    def roi(self, points, margin=2):
        """Slices of the supersampled image around the points, or None if they lie outside it."""
        points = np.asarray(points, float) * SUPERSAMPLING
        x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
        x1, y1 = np.ceil(points.max(0)).astype(int) + margin
        x1, y1 = min(x1, self.image.shape[1]), min(y1, self.image.shape[0])
        return None if x1 <= x0 or y1 <= y0 else (slice(y0, y1), slice(x0, x1))

    def mask(self, points, roi):
        """Anti-aliased coverage 0..1 of a polygon inside a region of interest."""
        coverage = np.zeros((roi[0].stop - roi[0].start, roi[1].stop - roi[1].start), np.uint8)
        shift = np.array([roi[1].start, roi[0].start]) << FIXED_POINT_BITS
        cv2.fillPoly(coverage, [self._fixed(points) - shift.astype(np.int32)], 255, cv2.LINE_AA, FIXED_POINT_BITS)
        return coverage.astype(np.float32) / 255

    def fill(self, points, colour, opacity=1.0):
        """A filled polygon."""
        if opacity >= 1:
            cv2.fillPoly(self.image, [self._fixed(points)], tuple(colour), cv2.LINE_AA, FIXED_POINT_BITS)
        elif (roi := self.roi(points)) is not None:
            self._blend(roi, self.mask(points, roi)[..., None] * opacity, np.asarray(colour, np.float32))
        self._own(points)

    def texture(self, points, pattern):
        """A polygon filled by `pattern(x, y) -> BGR array`, x and y in image pixels."""
        if (roi := self.roi(points)) is not None:
            y, x = np.mgrid[roi[0], roi[1]].astype(np.float32) / SUPERSAMPLING
            self._blend(roi, self.mask(points, roi)[..., None], pattern(x, y).astype(np.float32))
        self._own(points)

    def gradient(self, points, top, bottom):
        """A polygon filled from the colour at its top to the one at its bottom."""
        y = np.asarray(points, float)[:, 1]
        low, span = y.min(), max(np.ptp(y), 1e-6)
        top, bottom = np.asarray(top, np.float32), np.asarray(bottom, np.float32)

        def pattern(_, rows):
            t = np.clip((rows - low) / span, 0, 1)[..., None]
            return top + (bottom - top) * t

        self.texture(points, pattern)

    def line(self, a, b, colour, width, opacity=1.0):
        self.fill(capsule(a, b, width / 2, width / 2), colour, opacity)

    def glow(self, centre, radius_x, radius_y, colour, opacity):
        """A soft blot that adds light (or shade): opacity falls to 0 at the radii."""
        corners = np.array([[centre[0] - radius_x, centre[1] - radius_y], [centre[0] + radius_x, centre[1] + radius_y]])
        roi = self.roi(corners, 0)
        if roi is None:
            return
        y, x = np.mgrid[roi[0], roi[1]].astype(np.float32) / SUPERSAMPLING
        distance = ((x - centre[0]) / radius_x) ** 2 + ((y - centre[1]) / radius_y) ** 2
        self._blend(roi, (np.clip(1 - distance, 0, 1) ** 1.5 * opacity)[..., None], np.asarray(colour, np.float32))

    def text(self, string, centre, height, colour):
        """Centred text of the given cap height in Hershey letters."""
        font, size = cv2.FONT_HERSHEY_DUPLEX, height * SUPERSAMPLING / 21.0
        (w, h), _ = cv2.getTextSize(string, font, size, 1)
        origin = (int(centre[0] * SUPERSAMPLING - w / 2), int(centre[1] * SUPERSAMPLING + h / 2))
        cv2.putText(self.image, string, origin, font, size, tuple(colour), max(1, round(size * 1.6)), cv2.LINE_AA)

    def _blend(self, roi, weight, colour):
        region = self.image[roi].astype(np.float32)
        self.image[roi] = np.clip(region + (colour - region) * weight + 0.5, 0, 255).astype(np.uint8)

    def _own(self, points):
        if self.label is not None:
            cv2.fillPoly(self.labels, [self._fixed(points)], int(self.label), cv2.LINE_8, FIXED_POINT_BITS)

    def round_off(self, instance, depth):
        """Light from the upper left: brightens one side of an object and darkens the other."""
        owned = self._owned(instance)
        columns, rows = np.flatnonzero(owned.any(0)), np.flatnonzero(owned.any(1))
        if not len(columns):
            return
        roi = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        inside = owned[roi].astype(np.float32)
        step = max(1, round(depth * SUPERSAMPLING))
        soft = cv2.blur(np.pad(inside, 2 * step), (2 * step + 1, 2 * step + 1))
        h, w = inside.shape
        lit = soft[3 * step : 3 * step + h, 3 * step : 3 * step + w]
        dark = soft[step : step + h, step : step + w]
        factor = 1 + 0.22 * (lit - dark) * inside
        self.image[roi] = np.clip(self.image[roi] * factor[..., None], 0, 255).astype(np.uint8)

    def finished(self):
        """The image at its final size."""
        return cv2.resize(self.image, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def instance_mask(self, instance):
        """Pixels of the final image of which the object owns at least half, as bool."""
        owned = self._owned(instance).astype(np.float32)
        return cv2.resize(owned, (self.width, self.height), interpolation=cv2.INTER_AREA) >= 0.5

    def part_at(self, x, y):
        """(object, part) at a point of the image, or None outside it."""
        column, row = int(x * SUPERSAMPLING), int(y * SUPERSAMPLING)
        if not (0 <= x < self.width and 0 <= y < self.height):
            return None
        return divmod(int(self.labels[row, column]), PARTS)
