"""The JSON form of a prediction, whole: what is written comes back to the last bit.

    {"image_id", "path", "size": [H, W], "class_names", "order",
     "objects": [{"class_id", "class", "score", "box": [y1, x1, y2, x2], "mask": run lengths,
                  "keypoints": [[x, y, v], ...],
                  "attributes": [{"name", "score", "mask",
                                  "traits": {respect: {"value", "score"}}}]}],
     "label_maps": {name: {"class_names", "dtype", "values", "counts"}},
     "keypoints_per_object": K, "has_attributes": true}

Masks are COCO's compressed run lengths. A label map is run lengths along the rows: so many pixels
of each value. What a prediction does not have is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.structures.attributes import Attribute

__all__ = ["attribute_records", "fields_of", "label_map_record", "object_records", "to_dict"]


def to_dict(prediction) -> dict:
    """Returns the form above of a `Prediction`."""
    number = prediction.image_id
    content = {
        "image_id": number.item() if isinstance(number, np.generic) else number,
        "path": prediction.path,
        "size": list(prediction.size),
        "class_names": list(prediction.class_names),
        "order": prediction.order,
        "objects": object_records(prediction),
    }
    # What a system gives is told apart from what it never gives, also where nothing was found.
    if prediction.keypoints is not None:
        content["keypoints_per_object"] = prediction.keypoints.shape[1]
    if prediction.attributes is not None:
        content["has_attributes"] = True
    if prediction.label_maps:
        content["label_maps"] = {
            name: label_map_record(labels, prediction.label_names.get(name))
            for name, labels in prediction.label_maps.items()
        }
    return content


def object_records(prediction) -> list[dict]:
    """Returns a record for each object, in the order of the rows."""
    records = [
        {"class_id": class_id, "class": name, "score": score, "box": box, "mask": mask}
        for class_id, name, score, box, mask in zip(
            prediction.class_ids.tolist(),
            prediction.names,
            prediction.scores.astype(float).tolist(),
            prediction.boxes.astype(float).tolist(),
            prediction.rles,
            strict=True,
        )
    ]
    if prediction.keypoints is not None:
        for record, points in zip(records, prediction.keypoints.astype(float).tolist()):
            record["keypoints"] = points
    if prediction.attributes is not None:
        for record, ones in zip(records, prediction.attributes):
            record["attributes"] = attribute_records(ones)
    return records


def attribute_records(attributes: Sequence[Attribute]) -> list[dict]:
    """Returns a record for each attribute of one object."""
    return [
        {
            "name": one.name,
            "score": one.score,
            "mask": one.rle,
            "traits": {respect: trait._asdict() for respect, trait in one.traits.items()},
        }
        for one in attributes
    ]


def fields_of(content: Mapping) -> dict:
    """Returns the fields of the prediction that `to_dict` described.

    Raises:
        DataError: Naming what is missing, or is something else.
    """
    if not isinstance(content, Mapping):
        raise DataError(f"expected a prediction as a JSON object, got {type(content).__name__}.")
    try:
        return _fields(content)
    except KeyError as error:
        raise DataError(f"a prediction in JSON: {error.args[0]!r} is missing.") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"a prediction in JSON: {error}.") from None


def _fields(content: Mapping) -> dict:
    objects, size = content["objects"], tuple(content["size"])
    maps = content.get("label_maps", {})
    fields = {
        "size": size,
        "boxes": [one["box"] for one in objects],
        "class_ids": [one["class_id"] for one in objects],
        "scores": [one["score"] for one in objects],
        "rles": tuple(one["mask"] for one in objects),
        "class_names": tuple(content.get("class_names", ())),
        "image_id": content.get("image_id", 0),
        "path": content.get("path"),
        "order": content.get("order", "score"),
        "label_maps": {name: _labels(one, name, size) for name, one in maps.items()},
        "label_names": {n: tuple(m["class_names"]) for n, m in maps.items() if "class_names" in m},
    }
    if "keypoints_per_object" in content:
        points = np.array([one["keypoints"] for one in objects], np.float32)
        fields["keypoints"] = points.reshape(len(objects), content["keypoints_per_object"], 3)
    if content.get("has_attributes"):
        fields["attributes"] = tuple(_attributes(one["attributes"]) for one in objects)
    return fields


def _attributes(records: Sequence[Mapping]) -> tuple[Attribute, ...]:
    return tuple(
        Attribute(
            one["name"],
            one["score"],
            one["mask"],
            {name: (trait["value"], trait["score"]) for name, trait in one["traits"].items()},
        )
        for one in records
    )


def label_map_record(labels, names: Sequence[str] | None) -> dict:
    """Returns the record of one label map; `names` None leaves its class names out."""
    labels = np.asarray(labels)
    flat = labels.reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])[: flat.size]
    record = {} if names is None else {"class_names": list(names)}
    return {
        **record,
        "dtype": str(labels.dtype),
        "values": flat[starts].tolist(),
        "counts": np.diff(np.append(starts, flat.size)).tolist(),
    }


def _labels(record: Mapping, name: str, size: tuple[int, int]) -> np.ndarray:
    flat = np.repeat(np.array(record["values"], np.dtype(record["dtype"])), record["counts"])
    if flat.size != size[0] * size[1]:
        raise DataError(
            f"a prediction in JSON: label map {name!r} has {flat.size} pixels, the image of "
            f"{size[0]} x {size[1]} has {size[0] * size[1]}."
        )
    return flat.reshape(size)
