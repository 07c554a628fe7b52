"""Articulated bodies: lengths, joint angles, and where the joints come to lie in the image.

A body lives in its own space, in units of its standing height: x to the person's left, y up, z
forward. It is turned by `yaw` (0 faces the viewer, positive turns to the image's right), seen
slightly from above, and projected without perspective.
"""

from __future__ import annotations

import dataclasses
import math

from tfseg.data.synthetic.dice import Dice

__all__ = ["POSES", "Body", "Figure", "draw_body", "pose_figure"]

POSES = {
    "standing": 5,
    "relaxed": 3,
    "walking": 5,
    "running": 1.5,
    "arms_raised": 2,
    "waving": 2,
    "hands_on_hips": 2,
    "pointing": 1.5,
    "arms_wide": 1,
    "arms_crossed": 1.5,
    "phone": 1.5,
    "jumping": 1,
    "sitting": 2.5,
}
_PITCH = 0.22  # radians that the viewer looks down


@dataclasses.dataclass(frozen=True)
class Body:
    """Proportions of one person, in units of standing height."""

    shoulder: float
    hip: float
    waist: float
    head: float
    limb: float
    child: bool


@dataclasses.dataclass(frozen=True)
class Figure:
    """A posed body in the image.

    Attributes:
        joints: name to `(x, y, depth)` in pixels; a greater depth is nearer to the viewer.
        scale: Standing height in pixels.
        yaw: Turn of the body in radians.
        head_yaw: Turn of the head.
        head_tilt: Roll of the head in the image.
        body: Proportions.
        pose: Name of the pose.
    """

    joints: dict[str, tuple[float, float, float]]
    scale: float
    yaw: float
    head_yaw: float
    head_tilt: float
    body: Body
    pose: str

    @property
    def facing(self) -> float:
        """Cosine of the turn: 1 towards the viewer, -1 away."""
        return math.cos(self.yaw)


def draw_body(dice: Dice) -> Body:
    """Returns random proportions."""
    child = dice.chance(0.14)
    slim = dice.between(0, 1)
    return Body(
        shoulder=dice.between(0.094, 0.112) - 0.006 * child,
        hip=dice.between(0.074, 0.086),
        waist=0.062 + 0.022 * slim,
        head=(0.2 if child else dice.between(0.152, 0.168)),
        limb=dice.between(0.92, 1.12) + 0.12 * (slim - 0.5),
        child=child,
    )


def _direction(side: int, forward: float, outward: float) -> tuple[float, float, float]:
    flat = math.cos(outward)
    return side * math.sin(outward), -flat * math.cos(forward), flat * math.sin(forward)


def _angles(dice: Dice, pose: str) -> dict:
    """Returns (forward, outward) of each limb piece per side, -1 right and 1 left."""
    a = dice.around
    arms = {s: [a(0.0, 0.25), a(0.2, 0.14), a(0.25, 0.3), a(0.12, 0.15)] for s in (-1, 1)}
    legs = {s: [a(0.0, 0.12), a(0.07, 0.06), a(-0.03, 0.06), a(0.05, 0.05)] for s in (-1, 1)}
    lead = dice.sign()
    lean = a(0.0, 0.05)
    if pose in ("walking", "running"):
        stride = dice.between(0.3, 0.5) if pose == "walking" else dice.between(0.6, 0.9)
        bend = 0.3 if pose == "walking" else 1.2
        lean = 0.04 if pose == "walking" else 0.2
        for s in (-1, 1):
            swing = stride * s * lead
            legs[s] = [swing, a(0.03, 0.03), swing - (0.08 if swing > 0 else bend), 0.02]
            arms[s] = [-swing * 0.9, a(0.16, 0.08), -swing * 0.6 + bend * 0.9, 0.05]
    elif pose == "arms_raised":
        for s in (-1, 1):
            arms[s] = [a(0.1, 0.2), a(2.5, 0.35), a(0.1, 0.2), a(2.85, 0.3)]
    elif pose == "waving":
        arms[lead] = [a(0.2, 0.2), a(1.35, 0.4), a(0.3, 0.3), a(2.75, 0.35)]
    elif pose == "hands_on_hips":
        for s in (-1, 1):
            arms[s] = [a(-0.15, 0.1), a(0.75, 0.12), a(0.1, 0.1), a(-0.75, 0.12)]
    elif pose == "pointing":
        arms[lead] = [a(0.5, 0.4), a(1.4, 0.25), a(0.5, 0.4), a(1.5, 0.2)]
    elif pose == "arms_wide":
        for s in (-1, 1):
            arms[s] = [a(0.0, 0.3), a(1.45, 0.2), a(0.0, 0.3), a(1.6, 0.35)]
    elif pose == "arms_crossed":
        for s in (-1, 1):
            arms[s] = [0.35, 0.22, 1.45 + 0.12 * s, -1.05]
    elif pose == "phone":
        arms[lead] = [a(0.6, 0.2), 0.25, a(2.5, 0.2), -0.25]
    elif pose == "jumping":
        for s in (-1, 1):
            arms[s] = [a(0.2, 0.3), a(2.1, 0.4), a(0.2, 0.3), a(2.5, 0.4)]
            legs[s] = [a(0.5, 0.4), a(0.25, 0.12), a(-0.6, 0.4), a(0.15, 0.1)]
    elif pose == "sitting":
        for s in (-1, 1):
            legs[s] = [a(1.4, 0.08), a(0.12, 0.1), a(0.05, 0.15), a(0.05, 0.05)]
            arms[s] = [a(0.35, 0.2), a(0.12, 0.08), a(1.15, 0.2), a(-0.12, 0.1)]
    elif pose == "relaxed":
        legs[lead] = [a(0.15, 0.1), 0.16, a(-0.2, 0.1), 0.14]
        arms[lead] = [a(0.1, 0.1), 0.25, a(0.9, 0.3), -0.3]
    return {"arms": arms, "legs": legs, "lean": lean, "roll": a(0.0, 0.05)}


def _skeleton(dice: Dice, body: Body, angles: dict) -> dict:
    """Returns joint positions in the body's own space."""
    limb = 0.93 if body.child else 1.0
    lean, roll = angles["lean"], angles["roll"]
    up = (math.sin(roll), math.cos(lean), math.sin(lean))

    def along(start: tuple, direction: tuple, length: float) -> tuple:
        return tuple(p + d * length for p, d in zip(start, direction, strict=True))

    spine = 0.285 if not body.child else 0.27
    points = {"pelvis": (0.0, 0.0, 0.0), "chest": along((0, 0, 0), up, spine)}
    points["neck"] = along((0, 0, 0), up, spine + 0.035)
    points["head"] = along((0, 0, 0), up, spine + 0.048 + body.head * 0.5)
    for name, s in (("right", -1), ("left", 1)):
        arm, leg = angles["arms"][s], angles["legs"][s]
        shoulder = (points["chest"][0] + s * body.shoulder, *points["chest"][1:])
        elbow = along(shoulder, _direction(s, arm[0], arm[1]), 0.158 * limb)
        wrist = along(elbow, _direction(s, arm[2], arm[3]), 0.138 * limb)
        hip = (s * body.hip * 0.62, 0.0, 0.0)
        knee = along(hip, _direction(s, leg[0], leg[1]), 0.235 * limb)
        ankle = along(knee, _direction(s, leg[2], leg[3]), 0.225 * limb)
        toe_out = dice.between(0.15, 0.5)
        pitch = 0.35 + 0.5 * max(0.0, -leg[2])
        foot = (s * math.sin(toe_out), -math.sin(pitch), math.cos(toe_out) * math.cos(pitch))
        points[f"{name}_shoulder"], points[f"{name}_elbow"] = shoulder, elbow
        points[f"{name}_wrist"], points[f"{name}_hip"] = wrist, hip
        points[f"{name}_hand"] = along(wrist, _direction(s, arm[2], arm[3]), 0.045)
        points[f"{name}_knee"], points[f"{name}_ankle"] = knee, ankle
        points[f"{name}_toe"] = along(ankle, foot, 0.075)
    return points


def pose_figure(dice: Dice, base_x: float, base_y: float, height: float) -> Figure:
    """Returns a random body in a random pose whose lowest foot stands at the base point.

    Args:
        dice: Where chance comes from.
        base_x: Middle of the body in pixels.
        base_y: Ground level under the lowest foot.
        height: Standing height in pixels.
    """
    body = draw_body(dice)
    pose = dice.weighted(POSES)
    view = dice.weighted({"front": 0.68, "side": 0.2, "back": 0.12})
    yaw = dice.around(0.0, 0.75)
    if pose == "sitting":
        yaw = dice.sign() * dice.between(0.4, 0.9)
    if view == "side" and pose != "arms_crossed":
        yaw = dice.sign() * dice.between(0.85, 1.75)
    elif view == "back" and pose != "sitting":
        yaw = math.pi + dice.around(0.0, 0.7)
    if pose == "running" and abs(math.sin(yaw)) < 0.5:
        yaw = dice.sign() * dice.between(0.6, 1.6)
    points = _skeleton(dice, body, _angles(dice, pose))
    cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
    cos_pitch, sin_pitch = math.cos(_PITCH), math.sin(_PITCH)
    joints = {}
    for name, (x, y, z) in points.items():
        depth = z * cos_yaw - x * sin_yaw
        across = x * cos_yaw + z * sin_yaw
        joints[name] = (across, -y * cos_pitch + depth * sin_pitch, depth)
    lowest = max(joints[f"{s}_{j}"][1] for s in ("left", "right") for j in ("ankle", "toe"))
    lift = 0.012 + (dice.between(0.03, 0.12) if pose == "jumping" else 0.0)
    joints = {
        name: (base_x + x * height, base_y + (y - lowest - lift) * height, depth * height)
        for name, (x, y, depth) in joints.items()
    }
    return Figure(
        joints=joints,
        scale=height,
        yaw=yaw,
        head_yaw=yaw + dice.around(0.0, 0.5),
        head_tilt=dice.around(0.0, 0.16),
        body=body,
        pose=pose,
    )
