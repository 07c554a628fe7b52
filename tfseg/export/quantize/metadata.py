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
from tfseg.export.quantize.flatbuffer import model_of, packed

__all__ = ["FACTS_FILE", "LABELS_FILE", "read_metadata", "with_metadata"]

LABELS_FILE, FACTS_FILE = "labels.txt", "tfseg.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes on every day
_RGB, _AXIS_LABELS = 1, 2
_IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _NORMALIZATION = 2, 1, 1


def with_metadata(content: bytes, facts: Mapping, labels) -> bytes:
    """Returns a TFLite file that carries its own description.

    Args:
        content: The file as converted.
        facts: For `tfseg.json`, see `describe.description`; of them `name`, `description`,
            `license`, and `input.mean` and `input.std` go into the buffer too.
        labels: One for each class, the background first.
    """
    labels_text = "".join(f"{label}\n" for label in labels)
    file = packed(model_of(content), _buffer(facts))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inside:
        for name, text in (
            (LABELS_FILE, labels_text),
            (FACTS_FILE, json.dumps(facts, indent=2, ensure_ascii=False) + "\n"),
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
            facts = json.loads(inside.read(FACTS_FILE))
            labels = inside.read(LABELS_FILE).decode().splitlines()
    except (zipfile.BadZipFile, KeyError) as error:
        raise ExportError(
            f"the file carries no description by tfseg ({error}). Write it with "
            'model.export(directory, format="tflite").'
        ) from error
    return facts, labels


def _buffer(facts: Mapping) -> bytes:
    """Returns a `ModelMetadata` flatbuffer of one input image and one output map."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    mean, std = facts["input"]["mean"], facts["input"]["std"]
    normalization = _table(builder, [_floats(builder, mean), _floats(builder, std)])
    unit = _table(builder, [_Byte(_NORMALIZATION), normalization])
    picture = _table(builder, [_Byte(_RGB)])
    image = _table(
        builder,
        [
            builder.CreateString("image"),
            builder.CreateString(facts["input"]["description"]),
            None,
            _table(builder, [_Byte(_IMAGE_PROPERTIES), picture]),
            _tables(builder, [unit]),
        ],
    )
    names = [builder.CreateString(LABELS_FILE), builder.CreateString("Names of the classes.")]
    labels = _table(builder, [*names, _Byte(_AXIS_LABELS)])
    probability = _table(
        builder,
        [
            builder.CreateString("probability"),
            builder.CreateString(facts["output"]["description"]),
            None,
            _table(builder, [_Byte(_FEATURE_PROPERTIES), _table(builder, [])]),
            None,
            None,
            _tables(builder, [labels]),
        ],
    )
    graph = _table(
        builder, [None, None, _tables(builder, [image]), _tables(builder, [probability])]
    )
    root = _table(
        builder,
        [
            builder.CreateString(facts["name"]),
            builder.CreateString(facts["description"]),
            builder.CreateString("1"),
            _tables(builder, [graph]),
            None,
            builder.CreateString(facts.get("license") or "not stated"),
            None,
            builder.CreateString("1.0.0"),
        ],
    )
    builder.Finish(root, file_identifier=b"M001")
    return bytes(builder.Output())


class _Byte(int):
    """A field that is one byte and not the place of something."""


def _table(builder, fields: list) -> int:
    """Writes a table whose field number i is `fields[i]`, and returns its place."""
    builder.StartObject(len(fields))
    for number, field in enumerate(fields):
        if isinstance(field, _Byte):
            builder.PrependUint8Slot(number, int(field), 0)
        elif field is not None:
            builder.PrependUOffsetTRelativeSlot(number, field, 0)
    return builder.EndObject()


def _tables(builder, places: list[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _floats(builder, values) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()
