"""What an application must know of a file, inside the file, twice.

- The file ends in a ZIP archive with `labels.txt` and `tfseg.json`: Python reads them by
  `zipfile.ZipFile("model.tflite")` and nothing else, other languages likewise. Interpreters read
  the file from its start and do not notice.
- A buffer `TFLITE_METADATA` tells Android's tools normalisation, colour order and label file. It
  follows metadata_schema.fbs of TensorFlow Lite Support; the numbers below are its field numbers.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from tfseg.errors import ExportError
from tfseg.export.phone.flatbuffer import facts, model_of, packed
from tfseg.export.phone.part import PhonePart

__all__ = ["described", "read_metadata", "with_metadata"]

LABELS_FILE, FACTS_FILE = "labels.txt", "tfseg.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes on every day
_RGB, _AXIS_LABELS = 1, 2
_IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _NORMALIZATION = 2, 1, 1


def described(content: bytes, part: PhonePart, license: str = "") -> bytes:
    """Returns a file of `convert` that carries what an application must know of it.

    The system says what is found (`name`, `description`), how an image meets the file (`fit`,
    "stretch" or "letterbox"), and what the output means (`output`, `channels`).
    """
    whole_int8 = not facts(content).float_tensors
    dtype = "int8" if whole_int8 else "float32"
    about, reading = part.about(whole_int8), part.reading
    (height, width), fit = part.image_size, about["fit"]
    how = "stretched to" if fit == "stretch" else "fitted with its proportions, black around it, in"
    mean = reading.int8_mean if whole_int8 else reading.float_mean
    value = f"(grey value - {mean:g}) / {reading.std:g}, float32"
    told = {
        "name": about["name"],
        "description": about["description"],
        "license": license,
        "labels": list(part.labels),
        "input": {
            "description": (
                f"An RGB image {how} {height} x {width} (rows x columns): "
                f"{'grey value minus 128, int8' if whole_int8 else value}."
            ),
            "layout": "NHWC",
            "color": "RGB",
            "height": height,
            "width": width,
            "fit": fit,
            "dtype": dtype,
            "mean": [mean] * 3,
            "std": [reading.std] * 3,
        },
        "output": {
            "description": f"For each pixel, {about['output']}.",
            "layout": "NHWC",
            "channels": about["channels"],
            "dtype": dtype,
        },
    }
    return with_metadata(content, told, told["labels"])


def with_metadata(content: bytes, told: Mapping, labels) -> bytes:
    """Returns a TFLite file that carries its own description.

    Args:
        content: The file as converted.
        told: For `tfseg.json`; of it `name`, `description`, `license`, and `input.mean` and
            `input.std` go into the buffer too.
        labels: One for each class, the background first.
    """
    labels_text = "".join(f"{label}\n" for label in labels)
    file = packed(model_of(content), _buffer(told))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inside:
        for name, text in (
            (LABELS_FILE, labels_text),
            (FACTS_FILE, json.dumps(told, indent=2, ensure_ascii=False) + "\n"),
        ):
            inside.writestr(zipfile.ZipInfo(name, _EPOCH), text.encode())
    return file + archive.getvalue()


def read_metadata(content: bytes) -> tuple[dict, list[str]]:
    """Returns the facts and labels of a file of `with_metadata`.

    Raises:
        ExportError: If it carries none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as inside:
            told = json.loads(inside.read(FACTS_FILE))
            labels = inside.read(LABELS_FILE).decode().splitlines()
    except (zipfile.BadZipFile, KeyError) as error:
        raise ExportError(
            f"the file carries no description by tfseg ({error}). Write it with "
            'model.export(directory, format="tflite").'
        ) from error
    return told, labels


def _buffer(told: Mapping) -> bytes:
    """Returns a `ModelMetadata` flatbuffer of one input image and one output map."""
    import flatbuffers

    source, result = told["input"], told["output"]
    normalization = (_Byte(_NORMALIZATION), (source["mean"], source["std"]))
    properties = (_Byte(_IMAGE_PROPERTIES), (_Byte(_RGB),))
    image = ("image", source["description"], None, properties, [normalization])
    labels = (LABELS_FILE, "Names of the classes.", _Byte(_AXIS_LABELS))
    properties = (_Byte(_FEATURE_PROPERTIES), ())
    output = ("output", result["description"], None, properties, None, None, [labels])
    graph = (None, None, [image], [output])
    license = told.get("license") or "not stated"
    model = (told["name"], told["description"], "1", [graph], None, license, None, "1.0.0")
    builder = flatbuffers.Builder(1024)
    builder.Finish(_written(builder, model), file_identifier=b"M001")
    return bytes(builder.Output())


class _Byte(int):
    """A field that is one byte and not the place of something."""


def _written(builder, value) -> int:
    """Writes a text, a table, given as the tuple of its fields in their numbers' order, or a list
    of tables or of floats, and returns its place."""
    if isinstance(value, str):
        return builder.CreateString(value)
    # What a table or a list consists of is written before it.
    inner = (tuple, str, list)
    places = [_written(builder, one) if isinstance(one, inner) else one for one in value]
    if isinstance(value, tuple):
        builder.StartObject(len(places))
        for number, field in enumerate(places):
            if isinstance(field, _Byte):
                builder.PrependUint8Slot(number, int(field), 0)
            elif field is not None:
                builder.PrependUOffsetTRelativeSlot(number, field, 0)
        return builder.EndObject()
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        if isinstance(place, float):
            builder.PrependFloat32(place)
        else:
            builder.PrependUOffsetTRelative(place)
    return builder.EndVector()
