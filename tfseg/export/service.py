"""The files beside exported models with which TensorFlow Serving's container starts.

    served/
      compose.yaml  models.config  batching.config  monitoring.config
      clothing/1/   clothing/2/    portrait/1/      what `export` writes

Every model and version below the folder is served. Labels point to versions: the first version is
"stable", a further one "canary" until somebody moves the label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tfseg import files
from tfseg.errors import ConfigError, ExportError
from tfseg.export.folder import DESCRIPTION

__all__ = ["LABELS", "curl", "place", "write_service"]

LABELS = ("stable", "canary")
_FIRST = "# Written by tfseg export --serving. Labels that are moved by hand stay where they are.\n"
# Protocol buffers' text leaves much freedom to who edits it: other quotes, commas, line ends.
_LABEL = re.compile(
    r"version_labels\s*:?\s*\{\s*key\s*:\s*([\"'])([^\"']+)\1\s*[,;]?\s*value\s*:\s*(\d+)\s*[,;]?\s*\}"
)
_MODEL = re.compile(r"\bconfig\s*:?\s*\{")
_MODEL_NAME = re.compile(r"\bname\s*:\s*([\"'])([^\"']+)\1")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
MESSAGE_BYTES = 256 * 2**20
"""The largest message that the server sends or takes by gRPC, as of `tfseg.serving.Client`."""


def place(directory: Path) -> tuple[Path, str, int]:
    """Returns the folder of the service, the model's name and the version of an export's folder.

    Raises:
        ConfigError: If the folder does not end in a name and a number.
    """
    directory = Path(directory).absolute()
    name, number = directory.parent.name, directory.name
    if not number.isdecimal() or int(number) < 1 or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{directory}: for serving expected a folder that ends in a model's name (letters, "
            "digits, _ . -) and a version's number from 1, such as served/clothing/1."
        )
    return directory.parent.parent, name, int(number)


def write_service(directory: Path, label: str | None = None) -> list[Path]:
    """Writes the four files for all models beside an exported one, and returns their paths.

    Args:
        directory: The exported model, `FOLDER/NAME/NUMBER`.
        label: The label that its version gets; None: "stable" if no version of it has that, else
            "canary".

    Raises:
        ConfigError: If the folder does not end so, or the label is none.
        ExportError: If models.config is of somebody else or its labels cannot be read, or nothing
            can be written.
    """
    root, name, version = place(directory)
    if label is not None and not _NAME.fullmatch(label):
        raise ConfigError(f"label {label!r}: expected letters, digits, _ . -, such as 'stable'.")
    config = root / "models.config"
    labels = _labels(config)
    found = _versions(root)
    for model, numbers in found.items():
        own = labels.setdefault(model, {})
        labels[model] = {key: number for key, number in own.items() if number in numbers}
        if model == name:
            key = label or (LABELS["stable" in own and own["stable"] != version])
            labels[model][key] = version
        labels[model].setdefault("stable", min(numbers))
    batched = all(_takes_images_alone(root / model / str(max(found[model]))) for model in found)
    contents = {
        config: _models(found, labels),
        root / "batching.config": _BATCHING,
        root / "monitoring.config": _MONITORING,
        root / "compose.yaml": _compose(batched),
    }
    files.write_together(
        {str(path): text.encode() for path, text in contents.items()}, error=ExportError
    )
    return list(contents)


def curl(name: str) -> str:
    """Returns a shell command that asks the server, on Linux and macOS."""
    request = """(printf '{"instances": [{"b64": "'; base64 < photo.jpg | tr -d '\\r\\n'; """
    request += """printf '"}]}')"""
    return f"{request} |\n    curl -s -d @- http://localhost:8501/v1/models/{name}:predict"


def _labels(config: Path) -> dict[str, dict[str, int]]:
    """Returns the labels of each model in a models.config of ours."""
    if not config.exists():
        return {}
    text = config.read_text("utf-8")
    if not text.startswith(_FIRST.split(".")[0]):
        raise ExportError(
            f"{config}: this file was not written by tfseg. Move it away, or export into another "
            "folder, and join them by hand."
        )
    found: dict[str, dict[str, int]] = {}
    read = 0
    text = re.sub(r"#[^\n]*", "", text)  # no name and no label holds a #
    for part in _MODEL.split(text)[1:]:
        name, labels = _MODEL_NAME.search(part), _LABEL.findall(part)
        if name is not None:
            found.setdefault(name[2], {}).update({key: int(n) for _, key, n in labels})
            read += len(labels)
    if read != text.count("version_labels"):
        raise ExportError(
            f"{config}: its labels cannot be read. Write each in one line, as "
            '`version_labels { key: "stable" value: 1 }`, or remove the file to begin anew.'
        )
    return found


def _versions(root: Path) -> dict[str, list[int]]:
    """Returns the versions of each model below a folder."""
    found = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        numbers = [
            int(path.name)
            for path in folder.iterdir()
            if path.name.isdecimal() and (path / "saved_model.pb").is_file()
        ]
        if numbers and _NAME.fullmatch(folder.name):
            found[folder.name] = sorted(numbers)
    return found


def _takes_images_alone(folder: Path) -> bool:
    """Returns whether a server may join requests: what models take besides differs in length."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    except (OSError, ValueError):
        return False  # of an older version
    return content.get("takes") == ["encoded"]


def _models(found: Mapping[str, list[int]], labels: Mapping[str, Mapping[str, int]]) -> str:
    parts = []
    for name, numbers in found.items():
        versions = " ".join(f"versions: {number}" for number in numbers)
        lines = [
            f'name: "{name}"',
            f'base_path: "/models/{name}"',
            'model_platform: "tensorflow"',
            f"model_version_policy {{ specific {{ {versions} }} }}",
            *(f'version_labels {{ key: "{k}" value: {v} }}' for k, v in labels[name].items()),
        ]
        parts.append("  config {\n" + "".join(f"    {line}\n" for line in lines) + "  }\n")
    return f"{_FIRST}model_config_list {{\n{''.join(parts)}}}\n"


_BATCHING = """\
# Requests that arrive together are computed together. Each image file is answered for itself, a
# broken one too; but arrays (images_uint8, images_float) of different sizes cannot be joined, and
# the server refuses them: send those one after another, or switch batching off in compose.yaml.
# A request may have 64 images, and is split: 8 are computed at once.
max_batch_size { value: 64 }
max_execution_batch_size { value: 8 }
enable_large_batch_splitting { value: true }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""
_MONITORING = """\
# Prometheus reads http://localhost:8501/monitoring/prometheus/metrics
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""
_SERVICE = """\
    image: tensorflow/serving:@TAG@
    ports:
      - "8500:8500"
      - "8501:8501"
    volumes:
      - .:/models:ro
    command:
      - --model_config_file=/models/models.config
      - --model_config_file_poll_wait_seconds=30
      - --allow_version_labels_for_unavailable_models=true
      - --monitoring_config_file=/models/monitoring.config
      - --rest_api_timeout_in_ms=60000
      - --grpc_channel_arguments=@LIMITS@
@BATCHING@\
    restart: unless-stopped
"""
_GPU = """\
    profiles:
      - gpu
    environment:
      TF_FORCE_GPU_ALLOW_GROWTH: "true"
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all
              capabilities:
                - gpu
"""


def _compose(batched: bool) -> str:
    batching = [
        "      - --enable_batching=true\n",
        "      - --batching_parameters_file=/models/batching.config\n",
    ]
    limits = ",".join(f"grpc.max_{way}_message_length={MESSAGE_BYTES}" for way in _WAYS)
    text = _SERVICE.replace("@LIMITS@", limits)
    text = text.replace("@BATCHING@", "".join(batching) if batched else "")
    cpu, gpu = (text.replace("@TAG@", tag) for tag in _TAGS)
    return (
        "# docker compose up                REST on port 8501, gRPC on 8500\n"
        "# docker compose up serving-gpu    the same on NVIDIA GPUs\n"
        f"services:\n  serving:\n{cpu}  serving-gpu:\n{gpu}{_GPU}"
    )


_WAYS = ("send", "receive")
_TAGS = ("${TF_SERVING_TAG:-latest}", "${TF_SERVING_TAG:-latest}-gpu")
