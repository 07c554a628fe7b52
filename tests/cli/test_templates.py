"""`tfseg templates` from drawn people to a file that a model takes."""

from __future__ import annotations

import json

from PIL import Image

import tfseg
from tfseg.cli.main import main
from tfseg.models.pose2seg.skeleton.templates import read_templates


def test_templates_of_drawn_people(tmp_path, capsys):
    out = tmp_path / "drawn.json"
    data = "synthetic:length=12,size=96,people=2"
    assert main(["templates", data, "--count", "2", "--out", str(out)]) == 0
    assert "2 templates" in capsys.readouterr().out
    assert len(json.loads(out.read_text())["templates"][0]) == 51
    templates = read_templates(out)
    config = tfseg.Pose2SegConfig(templates=templates.rows)
    assert len(config.pose_templates) == 2
    assert Image.open(out.with_suffix(".png")).size[0] > 256
    assert main(["templates", data, "--min-joints", "18", "--out", str(out)]) == 2
    assert "18 labelled joints" in capsys.readouterr().err
