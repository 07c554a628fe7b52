"""What lies beside exported models for TensorFlow Serving's container."""

import json
import re

import pytest
import yaml

from tfseg.errors import ConfigError, ExportError
from tfseg.export.service import place, write_service


def exported(root, name, version, takes=("encoded",)):
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"x")
    (folder / "description.json").write_text(json.dumps({"takes": list(takes)}))
    return folder


def labels(root, name):
    """The versions and labels of a model in the text that the server parses."""
    text = (root / "models.config").read_text()
    part = next(p for p in text.split("  config {")[1:] if f'name: "{name}"' in p)
    pairs = re.findall(r'version_labels \{ key: "(\w+)" value: (\d+) \}', part)
    versions = re.search(r"specific \{ (.*?) \}", part)[1]
    return re.findall(r"\d+", versions), {key: int(number) for key, number in pairs}


def test_models_and_versions_side_by_side_keep_the_labels_that_were_moved(tmp_path):
    first = exported(tmp_path, "clothing", 1)
    assert {path.name for path in write_service(first)} == {
        *("compose.yaml", "models.config", "batching.config", "monitoring.config")
    }
    assert labels(tmp_path, "clothing") == (["1"], {"stable": 1})
    write_service(exported(tmp_path, "clothing", 2))
    assert labels(tmp_path, "clothing") == (["1", "2"], {"stable": 1, "canary": 2})
    config = tmp_path / "models.config"
    moved = config.read_text().replace('"stable" value: 1', '"stable" value: 2')
    config.write_text(moved.replace('"canary" value: 2', '"canary" value: 1'))
    write_service(exported(tmp_path, "faces", 7))
    assert labels(tmp_path, "clothing")[1] == {"stable": 2, "canary": 1}
    assert labels(tmp_path, "faces") == (["7"], {"stable": 7})
    write_service(exported(tmp_path, "clothing", 10), "next")
    assert labels(tmp_path, "clothing") == (
        ["1", "2", "10"],
        {"stable": 2, "canary": 1, "next": 10},
    )


def test_a_label_behind_a_comment_is_none_and_other_brackets_are_refused(tmp_path):
    write_service(exported(tmp_path, "clothing", 1))
    config = tmp_path / "models.config"
    line = 'version_labels { key: "stable" value: 1 }'
    assert line in config.read_text()
    exported(tmp_path, "clothing", 2)
    config.write_text(config.read_text().replace(line, f"{line.replace('1', '2')}  # {line}"))
    write_service(exported(tmp_path, "clothing", 3))
    assert labels(tmp_path, "clothing")[1] == {"stable": 2, "canary": 3}
    angles = re.sub(r"  config \{(.*)\n  \}", r"  config <\1\n  >", config.read_text(), flags=re.S)
    config.write_text(angles)
    assert "config <" in angles
    with pytest.raises(ExportError, match="labels cannot be read"):
        write_service(tmp_path / "clothing" / "3")


def test_labels_are_read_as_people_write_them_or_refused(tmp_path):
    write_service(exported(tmp_path, "clothing", 1))
    config = tmp_path / "models.config"
    first, canary = config.read_text().splitlines()[0], exported(tmp_path, "clothing", 2)
    config.write_text(
        f"{first}\nmodel_config_list: {{\n config {{\n  name: 'clothing', base_path: '/models/x'\n"
        '#  version_labels { key: "old" value: 1 }\n'
        "  version_labels {\n   key: 'stable'\n   value: 2\n  }\n"
        '  version_labels: { key: "canary", value: 1; }\n }\n}\n'
    )
    write_service(exported(tmp_path, "faces", 1))
    assert labels(tmp_path, "clothing")[1] == {"stable": 2, "canary": 1}
    config.write_text(
        config.read_text().replace('key: "stable" value: 2', 'value: 2 key: "stable"')
    )
    before = config.read_bytes()
    with pytest.raises(ExportError, match="its labels cannot be read. Write each in one line"):
        write_service(canary)
    assert config.read_bytes() == before


def test_the_compose_file_serves_all_of_it(tmp_path):
    root = tmp_path / "served"
    write_service(exported(root, "clothing", 1))
    services = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    assert set(services) == {"serving", "serving-gpu"} and "profiles" not in services["serving"]
    for service in services.values():
        assert service["volumes"] == [".:/models:ro"]
        files = re.findall(r"=/models/(\S+)", " ".join(service["command"]))
        assert {"models.config", "batching.config", "monitoring.config"} == set(files)
        assert all((root / file).is_file() for file in files)
    gpu = services["serving-gpu"]
    assert gpu["image"].endswith("-gpu") and gpu["environment"]["TF_FORCE_GPU_ALLOW_GROWTH"]
    # Poses of different numbers of people cannot be joined to one request.
    write_service(exported(root, "people", 1, takes=("encoded", "poses")))
    commands = yaml.safe_load((root / "compose.yaml").read_text())["services"]["serving"]["command"]
    assert not any("batching" in word for word in commands)


def test_the_server_parses_what_is_written(tmp_path):
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2", reason="pip install 'tfseg[serving]'"
    )
    from google.protobuf import text_format

    write_service(exported(tmp_path, "clothing", 1))
    write_service(exported(tmp_path, "clothing", 2))
    text = (tmp_path / "models.config").read_text()
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert list(model.model_version_policy.specific.versions) == [1, 2]
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}
    assert (model.name, model.base_path) == ("clothing", "/models/clothing")


def test_a_folder_that_cannot_be_served_is_refused(tmp_path):
    for wrong in ("clothing", "clothing/latest", "clothing/0", "my clothes/1"):
        with pytest.raises(ConfigError, match="such as served/clothing/1"):
            place(tmp_path / wrong)
    folder = exported(tmp_path, "clothing", 1)
    with pytest.raises(ConfigError, match="label 'a b'"):
        write_service(folder, "a b")
    (tmp_path / "models.config").write_text("model_config_list {}")
    with pytest.raises(ExportError, match="was not written by tfseg. Move it away"):
        write_service(folder)
    assert not (tmp_path / "compose.yaml").exists()
