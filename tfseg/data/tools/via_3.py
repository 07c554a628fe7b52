"""A project of VIA 3 as the entries of images that VIA 2 writes.

The project (`_via_data_format` of VIA 3, robots.ox.ac.uk/~vgg/software/via) has `file` (fid to
`fname`, `src`, `type`, 2 for an image), `view` (vid to `fid_list`), `attribute` (aid to `aname`,
`type`, `options`) and `metadata` (`vid`, `z` times, `xy` a shape's number and its coordinates,
`av` the value of each attribute).
"""

from __future__ import annotations

import numpy as np

from tfseg.data.reading.outlines import FARTHEST

__all__ = ["entries_of", "is_via_3"]

_IMAGE = 2
_SHAPES = {
    **{1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "line", 6: "polyline", 7: "polygon"},
    **{8: "extreme rectangle", 9: "extreme circle"},
}
_NUMBERS = {"rect": 4, "circle": 3, "ellipse": 4, "extreme circle": 6}
_KEYS = {
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
_KINDS = {1: "text", 2: "checkbox", 3: "radio", 4: "dropdown"}


def is_via_3(content) -> bool:
    """Returns whether a file's content is a project of VIA 3."""
    return isinstance(content, dict) and {"project", "metadata", "file", "view"} <= content.keys()


def entries_of(project: dict) -> tuple[list[dict], dict]:
    """Returns the entries of the images as VIA 2 has them, and its region attributes.

    What belongs to a moment of a video or to a whole file is passed over; what cannot be
    read is a region with a fault.
    """
    attributes = {str(k): v for k, v in _items(project, "attribute") if isinstance(v, dict)}
    entries: dict[str, dict] = {}
    for fid, file in _items(project, "file"):
        if isinstance(file, dict) and file.get("type", _IMAGE) == _IMAGE:
            entries[str(fid)] = _entry(file)
    views = {str(vid): view for vid, view in _items(project, "view")}
    for number, (_, record) in enumerate(_items(project, "metadata"), 1):
        if not isinstance(record, dict) or record.get("z") or not record.get("xy"):
            continue
        view = views.get(str(record.get("vid")))
        fids = view.get("fid_list") if isinstance(view, dict) else None
        entry = entries.get(str(fids[0])) if isinstance(fids, list) and fids else None
        if entry is not None:
            entry["regions"].append(_region(record, number, attributes))
    return list(entries.values()), dict(map(_declared, attributes.values()))


def _items(project: dict, key: str):
    value = project.get(key)
    return value.items() if isinstance(value, dict) else ()


def _named(names: dict[int, str], number) -> str | None:
    return names.get(number) if isinstance(number, int) else None


def _entry(file: dict) -> dict:
    source, name = file.get("src"), file.get("fname")
    is_inside = isinstance(source, str) and source.startswith("data:")
    entry = {"filename": name if isinstance(name, str) and name else source, "regions": []}
    if is_inside:
        entry["base64_img_data"] = source
    elif isinstance(source, str) and source != name:
        entry["other_name"] = source
    return entry


def _declared(attribute: dict) -> tuple[str, dict]:
    options = attribute.get("options")
    texts = [_text(k, v) for k, v in options.items()] if isinstance(options, dict) else []
    kind = _named(_KINDS, attribute.get("type")) or "text"
    return str(attribute.get("aname")), {"type": kind, "options": dict.fromkeys(texts, "")}


def _text(identity, value) -> str:
    """Returns what an option says; its id where it says nothing."""
    return str(value).strip() or str(identity)


def _region(record: dict, number: int, attributes: dict) -> dict:
    values = record.get("av") if isinstance(record.get("av"), dict) else {}
    named = {}
    for identity, value in values.items():
        attribute = attributes.get(str(identity))
        if attribute is not None:
            named[str(attribute.get("aname"))] = _value(attribute, value)
    try:
        shape = _shape(record["xy"])
    except (TypeError, ValueError) as error:
        return {"fault": f"metadata {number} has {error}"}
    return {"shape_attributes": shape, "region_attributes": named}


def _value(attribute: dict, value):
    """Returns the text of the option that a value names, or what was typed."""
    options = attribute.get("options")
    options = {str(k): _text(k, v) for k, v in options.items()} if isinstance(options, dict) else {}
    if _named(_KINDS, attribute.get("type")) == "checkbox" and isinstance(value, str):
        return {options.get(one, one): True for one in value.split(",") if one}
    return options.get(str(value), value)


def _shape(xy) -> dict:
    """Returns a shape as VIA 2 writes it; raises ValueError."""
    name = _named(_SHAPES, xy[0]) if isinstance(xy, list) else None
    if name is None:
        raise ValueError(f"the unknown shape {str(xy)[:40]}")
    numbers = [float(value) for value in xy[1:]]
    if name in _NUMBERS and len(numbers) != _NUMBERS[name]:
        raise ValueError(f"{len(numbers)} coordinates of a shape that takes {_NUMBERS[name]}")
    if name in _KEYS:
        return {"name": name, **dict(zip(_KEYS[name], numbers))}
    xs, ys = numbers[::2], numbers[1::2]
    if len(xs) != len(ys) or not xs:
        raise ValueError(f"{len(numbers)} coordinates, which are no pairs")
    if name == "extreme rectangle":
        width, height = max(xs) - min(xs), max(ys) - min(ys)
        return {"name": "rect", "x": min(xs), "y": min(ys), "width": width, "height": height}
    if name == "extreme circle":
        return {"name": "circle", **_circle(np.array([xs, ys]).T)}
    return {"name": name, "all_points_x": xs, "all_points_y": ys}


def _circle(points: np.ndarray) -> dict:
    """Returns the circle through three points; raises ValueError where they lie on a line."""
    if not np.abs(points).max() <= FARTHEST:
        raise ValueError("a point far outside any image")
    first = points[0]
    sides = points[1:] - first
    if abs(np.linalg.det(sides)) < 1e-9:
        raise ValueError("three points on a line, through which there is no circle")
    centre = np.linalg.solve(2 * sides, (sides**2).sum(axis=1))
    return {"cx": centre[0] + first[0], "cy": centre[1] + first[1], "r": float(np.hypot(*centre))}
