"""Images annotated with the VGG Image Annotator (VIA), versions 1 to 3.

A. Dutta, A. Zisserman, "The VIA Annotation Software for Images, Audio and Video", ACM Multimedia
2019; robots.ox.ac.uk/~vgg/software/via. Read are

- the project (JSON with `_via_img_metadata`, `_via_attributes`, `_via_settings`),
- the annotations exported as JSON: `{"photo.jpg16454": {"filename", "size", "regions",
  "file_attributes"}}`, the regions a list (VIA 2) or an object with keys "0", "1", ... (VIA 1),
- the annotations exported as CSV: `filename, file_size, file_attributes, region_count, region_id,
  region_shape_attributes, region_attributes`, the header with or without `#`,
- the project of VIA 3 (`via_3` beside this file).

A region has `shape_attributes`: `name` polygon or polyline with `all_points_x`, `all_points_y`;
rect with `x`, `y`, `width`, `height`; circle with `cx`, `cy`, `r`; ellipse with `cx`, `cy`, `rx`,
`ry` and since 2.0.9 `theta` in radians; point with `cx`, `cy`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.images.images import stored_orientation
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.labels import clean_label, only_class
from tfseg.data.reading.named_files import NamedFiles
from tfseg.data.reading.orientation import turned
from tfseg.data.reading.outlines import MaskError, segmentation_extent
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.data.tools.shapes import checked_points, ellipse, polygon, rectangle
from tfseg.data.tools.via_files import choose_attribute, options_of, read_entries, regions_of
from tfseg.errors import DataError
from tfseg.structures import rle

__all__ = ["ViaDataset"]


class ViaDataset(LabelledImages):
    """Images with objects from a file of the VGG Image Annotator.

    Polygons, rectangles, circles, ellipses and polylines whose end meets their start become
    masks. Points and open polylines enclose nothing: they are passed over with a warning.

    The class of a region is the value of one region attribute: text, the id of a dropdown's or
    radio button's option (in VIA 3 its text), or the one ticked box. Without any attribute in the
    file, as in Matterport's balloons, all regions are of one class, the one in `classes`, else
    "object". Regions of one class whose `group_attribute` has the same value are the pieces of
    one object.

    VIA does not write the size of an image down. Browsers since 2020 turn images as their
    EXIF tag says, so regions are taken to lie on the image as it is seen, with a warning; where
    they reach beyond it but fit the pixels as stored, they are turned with it.

    What can be checked without opening images is checked here, at once. A fault raises unless
    `drop_invalid`: no image, a region that cannot be drawn, has no class or one that is no
    option of its attribute, or covers nothing.

    Args:
        annotation_file: The JSON or CSV file.
        image_dir: The folder that the file names are relative to. None: the folder of the
            annotation file, then `images/` in it, then the project's own paths.
        class_attribute: The region attribute that names the class. None: the only one there is.
        group_attribute: The region attribute that joins the pieces of an object.
        classes: Names of the classes, in the order of their ids. None: all labels, sorted.
        synonyms: Class name to the labels that it is made of.
        drop_invalid: Leave unusable images out instead of raising, and those with a faulty
            region, which would be learnt as background.
        keep_empty: Whether images without objects stay; they teach what is background.
        allow_outside: Whether names in the file may lead out of the folder of the images.

    Attributes:
        class_attribute: The region attribute in use, or None if there is none.
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: The file cannot be read, several attributes might name the class, or (unless
            `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        annotation_file: str | os.PathLike,
        image_dir: str | os.PathLike | None = None,
        *,
        class_attribute: str | None = None,
        group_attribute: str = "group_id",
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        drop_invalid: bool = False,
        keep_empty: bool = True,
        allow_outside: bool = False,
    ):
        self._settings = dict(
            image_dir=image_dir,
            class_attribute=class_attribute,
            group_attribute=group_attribute,
            classes=classes,
            synonyms=synonyms,
            keep_empty=keep_empty,
            allow_outside=allow_outside,
        )
        path = os.fspath(annotation_file)
        folder = os.path.dirname(path) if image_dir is None else os.fspath(image_dir)
        if image_dir is not None and not os.path.isdir(folder):
            raise DataError(f"{folder}: there is no such image folder. Check image_dir.")
        entries, attributes, places = read_entries(path)
        self.class_attribute = choose_attribute(
            path, entries, attributes, class_attribute, group_attribute
        )
        options = options_of(attributes, self.class_attribute)
        reader = _Regions(self.class_attribute, options, only_class(classes), group_attribute)
        scan = Scan(path)
        if os.path.splitext(path)[1].lower() == ".json":
            scan.note_unread(os.path.dirname(path), ".json", "via")
        homes = [folder, os.path.join(folder, "images")]
        files = NamedFiles(homes, allow_outside=allow_outside)
        for number, entry in enumerate(entries, 1):
            _read_entry(scan, number, entry, reader, files, places)
        super().__init__(
            scan,
            classes=classes,
            synonyms=synonyms,
            drop_invalid=drop_invalid,
            keep_empty=keep_empty,
        )

    def _outlines(self, record: ImageRecord) -> dict[int, list[np.ndarray] | None]:
        return {number: outlines for number, _, outlines in record.content}

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        regions = record.content
        stored, orientation, problems = _as_drawn(record, regions, size)
        drawn = [
            Drawn(number, label, turned(rle.from_polygons(outlines, stored), orientation))
            for number, label, outlines in regions
        ]
        return drawn, problems


def _read_entry(
    scan: Scan, number: int, entry, reader: _Regions, files: NamedFiles, places: list[str]
) -> None:
    """Takes an image in; its file is looked for by its name, then at the project's own places."""
    name = entry.get("filename") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name or not isinstance(entry.get("regions"), (dict, list)):
        scan.fault(
            "malformed",
            f"{scan.source}, image {number}",
            f"expected an entry with 'filename' and 'regions', got {str(entry)[:80]}. Correct it, "
            f"{DROP}",
            name if isinstance(name, str) else None,
        )
        return
    where = f"{scan.source}, image {name!r}"
    regions = reader.read(scan, where, name, regions_of(entry))
    other = entry.get("other_name")
    names = (name, other) if isinstance(other, str) else (name,)
    found = files.find(*names, *(os.path.join(place, name) for place in places))
    path = found.path
    embedded = entry.get("base64_img_data")
    if path is None and not (isinstance(embedded, str) and embedded.startswith("data:")):
        looked = [os.path.join(folder, name) for folder in files.folders]
        scan.missing_image(where, name, looked, found)
        return
    labels = tuple(label for _, label, _ in regions)
    embedded = embedded if path is None else None
    scan.add(ImageRecord(name, where, path, regions, labels, embedded=embedded))


class _Regions:
    """Reads the regions of one image; what is wrong goes to the scan."""

    def __init__(
        self, attribute: str | None, options: tuple[str, ...] | None, only: str, group: str
    ):
        self.attribute, self.options, self.only, self.group = attribute, options, only, group

    def read(self, scan: Scan, where: str, name: str, regions: list) -> list[tuple]:
        """Returns `(number, label, outlines)` of each object; numbers count from 1."""
        found: dict[tuple, tuple] = {}
        for number, region in enumerate(regions, 1):
            try:
                outline = _outline(region)
                label = self._label(_attributes(region))
            except MaskError as fault:
                scan.shape_fault(fault, where, "region", name, number)
                continue
            group = _attributes(region).get(self.group)
            key = (label, number, None) if group in (None, "") else (label, None, str(group))
            if key not in found:
                scan.counts[label] += 1
                found[key] = (number, label, [])
            found[key][2].append(outline)
        return list(found.values())

    def _label(self, attributes: dict) -> str:
        if self.attribute is None:
            return self.only
        value = attributes.get(self.attribute)
        if isinstance(value, dict):
            ticked = [str(key) for key, on in value.items() if on]
            if len(ticked) > 1:
                raise MaskError(
                    "unknown_label",
                    f"has several values of {self.attribute!r}: {', '.join(ticked)}",
                )
            value = ticked[0] if ticked else None
        text = "" if value is None else str(value).strip()
        if not text:
            raise MaskError("no_label", f"has no value of the attribute {self.attribute!r}")
        if self.options is not None and not _is_option(text, self.options):
            raise MaskError(
                "unknown_label",
                f"has the {self.attribute} {text!r}, which is none of its options "
                f"({', '.join(self.options)})",
            )
        return text


def _attributes(region: dict) -> dict:
    attributes = region.get("region_attributes")
    return attributes if isinstance(attributes, dict) else {}


def _is_option(text: str, options: tuple[str, ...]) -> bool:
    return clean_label(text) in map(clean_label, options)


def _outline(region) -> np.ndarray:
    """Returns the outline of a region as a flat polygon."""
    if isinstance(region, dict) and "fault" in region:
        raise MaskError("malformed", f"cannot be read: {region['fault']}")
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(shape, dict) or "name" not in shape:
        raise MaskError("malformed", f"has no shape_attributes with a name: {str(region)[:80]}")
    name = shape["name"]
    try:
        if name in ("polygon", "polyline"):
            return _closed(name, shape["all_points_x"], shape["all_points_y"])
        if name == "rect":
            (x, y), (width, height) = checked_points(
                [(shape["x"], shape["y"]), (shape["width"], shape["height"])]
            )
            return rectangle([(x, y), (x + width, y + height)])
        if name == "circle":
            return ellipse(shape["cx"], shape["cy"], shape["r"], shape["r"])
        if name == "ellipse":
            theta = shape.get("theta") or 0
            return ellipse(shape["cx"], shape["cy"], shape["rx"], shape["ry"], theta)
    except KeyError as error:
        raise MaskError("malformed", f"is a {name} without {error.args[0]!r}") from None
    if name in ("point", "line"):
        raise MaskError("no_area", f"is a {name}, which encloses nothing")
    raise MaskError("unknown_shape", f"has the unknown shape {name!r}")


def _closed(name: str, xs, ys) -> np.ndarray:
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys) or not xs:
        raise MaskError(
            "malformed", f"is a {name} whose all_points_x and all_points_y are no lists of a length"
        )
    points = checked_points(list(zip(xs, ys)))
    if name == "polyline" and (len(points) < 4 or np.abs(points[0] - points[-1]).max() > 1):
        raise MaskError("no_area", "is a polyline that does not come back to its start")
    return polygon(points)


def _as_drawn(record: ImageRecord, regions: list, seen: tuple[int, int]):
    """Returns the size that regions were drawn on, the turn that leads to `seen`, and problems."""
    orientation = stored_orientation(record.path) if record.path else 1
    if orientation < 5 or not regions:
        return seen, 1, []
    ends = np.max([segmentation_extent(outlines)[2:] for _, _, outlines in regions], axis=0)
    stored = seen[::-1]
    off = (ends > np.add(seen, 1)).any() and not (ends > np.add(stored, 1)).any()
    taken = "as stored, and turned with it" if off else "as it is seen"
    message = (
        f"its EXIF tag turns the image (orientation {orientation}), and VIA does not say which "
        f"way up it was annotated: the regions are taken to lie on the image {taken}. Draw them "
        "over it to be sure."
    )
    problem = Problem("warning", "rotated_image", record.where, message, record.path)
    return (stored, orientation, [problem]) if off else (seen, 1, [problem])
