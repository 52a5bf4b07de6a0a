"""Where the cameras stand, how a vehicle passes them, and what a crop of it shows.

Metres. The road runs along x, its near carriageway towards +x; traffic keeps to the
right, so lanes towards +x have y < 0 and lanes towards -x have y > 0. Angles in radians
unless named otherwise. Nothing here needs mitsuba, so the plan of a set can be drawn up
without it.
"""

from dataclasses import dataclass

import numpy as np

LANE = 3.5  # metres

VIEWS = (
    "front",
    "front-left",
    "left",
    "rear-left",
    "rear",
    "rear-right",
    "right",
    "front-right",
)


@dataclass(frozen=True)
class Camera:
    """A surveillance camera: its place, lens and look.

    position: x, y, z in metres; vehicles are seen about x = 0.
    lens: focal length in pixels of the 1920-pixel frame (a short lens leaves few pixels to a
    vehicle, and its crops are softer).
    cast: gain of red, green and blue; contrast and saturation: 1 leaves the picture alone.
    blur: sigma in pixels of the crop; noise: standard deviation, full scale 1.
    site: what stands beside the road (`world.SITES`).
    oncoming: share of the passes on the far carriageway, seen from the other end.
    turning: standard deviation of the heading in degrees (larger where vehicles turn).
    """

    number: int
    position: tuple[float, float, float]
    lens: float
    cast: tuple[float, float, float]
    contrast: float
    saturation: float
    blur: float
    noise: float
    site: str
    oncoming: float = 0.0
    turning: float = 2.0


CAMERAS = (
    Camera(1, (19.0, -3.0, 6.4), 1700, (1.00, 1.00, 1.00), 1.00, 1.00, 0.50, 0.008, "motorway"),
    Camera(2, (13.5, -13.5, 4.6), 1500, (1.05, 1.00, 0.93), 1.05, 1.05, 0.60, 0.010, "street"),
    Camera(3, (7.5, 12.5, 5.6), 1400, (0.96, 1.00, 1.06), 0.95, 0.85, 0.60, 0.012, "avenue"),
    Camera(4, (-21.0, -4.5, 7.2), 1800, (0.97, 1.02, 1.00), 0.97, 0.90, 0.70, 0.009, "motorway"),
    Camera(5, (-13.0, -12.0, 5.2), 1500, (1.03, 1.00, 0.98), 1.08, 1.10, 0.50, 0.008, "industrial"),
    Camera(
        6,
        (-13.5, 11.0, 8.0),
        1600,
        (1.00, 1.01, 0.95),
        0.92,
        0.95,
        0.70,
        0.014,
        "street",
        oncoming=0.25,
    ),
    Camera(7, (3.0, -14.5, 3.6), 1200, (0.94, 0.99, 1.07), 1.00, 0.90, 0.80, 0.010, "avenue"),
    Camera(
        8,
        (15.0, 4.0, 8.8),
        1500,
        (1.02, 1.00, 1.00),
        1.02,
        1.00,
        0.55,
        0.010,
        "crossing",
        oncoming=0.2,
        turning=24.0,
    ),
)


@dataclass(frozen=True)
class Pose:
    """Where a vehicle stands: middle on the ground (x, y in metres) and heading (0 = +x)."""

    x: float
    y: float
    heading: float

    def ahead(self, distance: float) -> "Pose":
        """The pose after driving `distance` metres straight on."""
        return Pose(
            self.x + distance * np.cos(self.heading),
            self.y + distance * np.sin(self.heading),
            self.heading,
        )

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Vehicle coordinates [N, 3] to world coordinates, float64 [N, 3]."""
        c, s = np.cos(self.heading), np.sin(self.heading)
        turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        return np.asarray(points, float) @ turn.T + (self.x, self.y, 0.0)


def roadside(rng: np.random.Generator, front: bool) -> Camera:
    """A camera of a set without fixed cameras, before or behind the vehicle, drawn afresh."""
    bearing = np.deg2rad(rng.normal(0, 17) if front else 180 + rng.normal(0, 17))
    distance = rng.uniform(11, 24)
    height = rng.uniform(4.2, 8.0) * (0.6 + distance / 45)
    gain = 1 + rng.normal(0, 0.035, 3)
    return Camera(
        0,
        (distance * np.cos(bearing), -LANE / 2 + distance * np.sin(bearing), height),
        rng.uniform(1200, 2000),
        tuple(gain / gain.mean()),
        rng.uniform(0.9, 1.1),
        rng.uniform(0.8, 1.1),
        rng.uniform(0.45, 0.8),
        rng.uniform(0.006, 0.013),
        str(rng.choice(("motorway", "street", "avenue", "industrial", "crossing"))),
        turning=3.0,
    )


def first_pose(camera: Camera, rng: np.random.Generator) -> Pose:
    """Where the first picture of a pass is taken: lane, place in it, heading."""
    oncoming = rng.random() < camera.oncoming
    lane = -LANE * (0.5 + (rng.random() < 0.45)) * (-1 if oncoming else 1)
    heading = np.deg2rad(rng.normal(0, camera.turning)) + (np.pi if oncoming else 0)
    return Pose(rng.uniform(-4.5, 2.5), lane + rng.normal(0, 0.25), heading)


def bearing(camera: Camera, pose: Pose) -> float:
    """Direction of the camera as seen from the vehicle: 0 ahead, pi/2 on its left."""
    x, y, _ = camera.position
    angle = np.arctan2(y - pose.y, x - pose.x) - pose.heading
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def view(camera: Camera, pose: Pose) -> str:
    """Name of the side that the camera sees, in eighths of a turn."""
    return VIEWS[round(bearing(camera, pose) / (np.pi / 4)) % 8]


@dataclass(frozen=True)
class Crop:
    """A window of the image plane of a camera that looks at `target`.

    All in units of the focal length, x to the right, y down, origin on the optical axis;
    long_side: pixels of the longer side of the picture that shows it.
    """

    camera: Camera
    target: tuple[float, float, float]
    left: float
    top: float
    right: float
    bottom: float
    long_side: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        w, h = self.right - self.left, self.bottom - self.top
        scale = self.long_side / max(w, h)
        return max(8, round(w * scale)), max(8, round(h * scale))

    @property
    def native(self) -> float:
        """Pixels of the longer side in the imagined frame; below `long_side` the crop is soft."""
        return max(self.right - self.left, self.bottom - self.top) * self.camera.lens


def project(camera: Camera, target, points: np.ndarray) -> np.ndarray:
    """Points [N, 3] on the image plane, float64 [N, 2], in units of the focal length."""
    axis = np.asarray(target, float) - camera.position
    axis /= np.linalg.norm(axis)
    right = np.cross(axis, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(axis, right)
    relative = np.asarray(points, float) - camera.position
    depth = np.maximum(relative @ axis, 0.1)
    return np.stack([relative @ right / depth, relative @ down / depth], axis=1)


def crop_around(
    camera: Camera, points: np.ndarray, long_side: int, rng: np.random.Generator
) -> Crop:
    """The window about a vehicle's vertices [N, 3], as a jittery detector would draw it."""
    target = tuple((points.min(0) + points.max(0)) / 2)
    flat = project(camera, target, points)
    low, high = flat.min(0), flat.max(0)
    width, height = high - low
    margin = np.clip(rng.normal(0.045, 0.03, 4), -0.02, 0.13)
    return Crop(
        camera,
        target,
        low[0] - margin[0] * width,
        low[1] - margin[1] * height,
        high[0] + margin[2] * width,
        high[1] + margin[3] * height,
        long_side,
    )
