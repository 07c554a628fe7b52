"""Each verb hands the user's words to the Python interface and shows the answer."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tfseg import models
from tfseg.cli import doctor as doctor_verb
from tfseg.cli.main import main
from tfseg.structures import Report, rle


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "system: mask_rcnn\ndescription: Suits and dresses.\nmodel: {image_size: 128}\n"
        "train: {batch_size: 2}\ndata: {format: coco}\n"
    )
    return path


class TestTrain:
    def test_the_words_reach_fit(self, pretend, config_file, capsys):
        assert main(["train", str(config_file), "--data", "photos", "--epochs", "3"]) == 0
        ((verb, train, val, options, config),) = pretend.model
        assert verb == "fit"
        assert (train.split, val.split) == ("train", "val")
        assert options == {"run_dir": Path("runs/mine"), "resume": False, "epochs": 3}
        assert (config.image_size, config.train.batch_size) == (128, 2)
        assert config.classes == ("suit", "dress")
        assert pretend.opened == [
            ("photos", "train", {"format": "coco"}),
            ("photos", "val", {"format": "coco"}),
        ]
        text = capsys.readouterr().out
        assert "Suits and dresses." in text
        assert "report:" in text
        assert "tfseg predict runs/mine/best" in text

    def test_set_changes_settings(self, pretend, config_file):
        words = ["--set", "model.image_size=64", "--set", "train.batch_size=1"]
        assert main(["train", str(config_file), "--data", "photos", *words]) == 0
        config = pretend.model[0][-1]
        assert (config.image_size, config.train.batch_size) == (64, 1)

    @pytest.mark.parametrize("data", ["photos", "synthetic:size=64"])
    def test_how_to_draw_pictures_does_not_reach_real_ones(self, pretend, tmp_path, data):
        file = tmp_path / "drawn.yaml"
        file.write_text("data: {path: synthetic, size: 128, classes: person, val_length: 9}\n")
        words = ["train", str(file), "--data", data, "--set", "data.keep_empty=false"]
        assert main(words) == 0
        given = {"keep_empty": False}
        if data != "photos":
            given |= {"size": 128, "classes": "person", "val_length": 9}
        assert pretend.opened == [(data, "train", given), (data, "val", given)]

    def test_data_that_lie_elsewhere_are_read_as_the_file_says(self, pretend, tmp_path):
        (tmp_path / "tags.yaml").write_text("data: {path: here, tags: {suit: suit}}\n")
        assert main(["train", str(tmp_path / "tags.yaml"), "--data", "there"]) == 0
        assert pretend.opened[0] == ("there", "train", {"tags": {"suit": "suit"}})

    @pytest.mark.parametrize("word", ["train.batch_sise=1", "model.image_sise=1", "nonsense"])
    def test_a_wrong_setting_is_wrong_use(self, pretend, config_file, word, capsys):
        assert main(["train", str(config_file), "--data", "photos", "--set", word]) == 2
        assert word.split("=")[0].split(".")[-1] in capsys.readouterr().err
        assert pretend.model == []

    def test_words_outrank_the_file(self, pretend, config_file):
        words = ["--format", "synthetic", "--train-split", "a", "--val-split", "none"]
        assert main(["train", str(config_file), "--data", "photos", *words]) == 0
        assert pretend.opened == [("photos", "a", {"format": "synthetic"})]
        assert pretend.model[0][2] is None

    def test_data_may_stand_in_the_file(self, pretend, config_file):
        config_file.write_text(config_file.read_text().replace("format: coco", "path: there"))
        assert main(["train", str(config_file)]) == 0
        assert pretend.opened[0] == ("there", "train", {})

    def test_no_data_is_wrong_use(self, pretend, config_file, capsys):
        assert main(["train", str(config_file)]) == 2
        assert "--data" in capsys.readouterr().err

    def test_weights_to_start_from(self, pretend, config_file, capsys):
        words = ["--data", "photos", "--weights", "coco.h5"]
        assert main(["train", str(config_file), *words]) == 0
        assert pretend.model[0] == ("load_weights", "coco.h5", True)
        assert "1 layers loaded" in capsys.readouterr().out

    def test_a_run_is_not_overwritten_but_resumed(self, pretend, config_file, capsys):
        Path("runs/mine/checkpoints").mkdir(parents=True)
        Path("runs/mine/checkpoints/last.npz").write_bytes(b"state")
        assert main(["train", str(config_file), "--data", "photos"]) == 2
        assert "--resume" in capsys.readouterr().err
        words = ["--data", "photos", "--resume", "--weights", "coco.h5"]
        assert main(["train", str(config_file), *words]) == 0
        ((verb, *_, options, _),) = pretend.model  # a resumed run has its weights
        assert verb == "fit"
        assert options["resume"] is True

    def test_resuming_before_the_first_checkpoint_starts_from_the_weights(
        self, pretend, config_file
    ):
        Path("runs/mine/checkpoints").mkdir(parents=True)
        words = ["--data", "photos", "--resume", "--weights", "coco.h5"]
        assert main(["train", str(config_file), *words]) == 0
        assert pretend.model[0] == ("load_weights", "coco.h5", True)
        assert pretend.model[1][3]["resume"] is True

    def test_a_share_is_set_aside_for_validation(self, pretend, config_file):
        words = ["--data", "photos", "--train-split", "all", "--val-fraction", "0.5"]
        assert main(["train", str(config_file), *words]) == 0
        train, val = pretend.model[0][1:3]
        assert [split for _, split, _ in pretend.opened] == ["all", "all"]
        assert sorted([train[0].image_id, val[0].image_id]) == [0, 1]
        assert (len(train), len(val)) == (1, 1)

    def test_a_share_may_stand_in_the_file(self, pretend, config_file):
        words = ["--data", "photos", "--set", "data.val_fraction=0.5"]
        assert main(["train", str(config_file), *words]) == 0
        assert len(pretend.model[0][2]) == 1
        shutil.rmtree("runs")
        assert main(["train", str(config_file), *words, "--val-split", "held_out"]) == 0
        assert pretend.opened[-1][1] == "held_out"

    @pytest.mark.parametrize("words", [["0"], ["1"], ["nan"], ["0.2", "--val-split", "val"]])
    def test_a_wrong_share_is_wrong_use(self, pretend, config_file, words, capsys):
        words = ["--data", "photos", "--val-fraction", *words]
        assert main(["train", str(config_file), *words]) == 2
        assert "fraction" in capsys.readouterr().err

    def test_one_file_is_not_its_own_validation(self, pretend, config_file, capsys):
        Path("all.json").write_text("{}")
        words = ["train", str(config_file), "--data", "all.json"]
        assert main(words) == 2
        assert "--val-fraction 0.2" in capsys.readouterr().err
        assert main([*words, "--val-split", "none"]) == 0

    def test_advice_about_parts_is_for_missing_parts_alone(self, tmp_path, config_file, capsys):
        image = {"id": 1, "file_name": "a.png"}
        content = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "a"}]}
        Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
        (tmp_path / "export.json").write_text(json.dumps(content))
        words = ["train", str(config_file), "--data", str(tmp_path)]
        assert main(words) == 2
        assert "export.json is one file without parts. Set a share" in capsys.readouterr().err
        (tmp_path / "val.json").write_text(json.dumps({**content, "annotations": [5]}))
        (tmp_path / "export.json").rename(tmp_path / "train.json")
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "annotation 1: expected an object" in said and "--val-fraction" not in said

    def test_a_missing_split_is_named(self, pretend, config_file, capsys):
        words = ["--data", "photos", "--val-split", "missing"]
        assert main(["train", str(config_file), *words]) == 2
        assert "Splits: train, val" in capsys.readouterr().err

    def test_ctrl_c_says_how_to_resume(self, pretend, config_file, monkeypatch, capsys):
        def interrupted(self, *args, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr(models.system("mask_rcnn"), "fit", interrupted)
        words = ["train", str(config_file), "--data", "my photos", "--set", "train.seed=3"]
        words += ["--weights", "coco.h5"]
        assert main(words) == 130
        line = capsys.readouterr().err.splitlines()[-1].strip()
        expected = f"tfseg train {config_file} --data 'my photos' --weights coco.h5"
        expected += " --set train.seed=3"
        assert line == f"{expected} --run-dir runs/mine --resume"


class TestEvaluate:
    def test_the_words_reach_evaluate(self, pretend, capsys):
        words = ["evaluate", "model", "--data", "photos", "--limit", "1", "--format", "coco"]
        assert main(words) == 0
        verb, dataset, limit, _ = pretend.model[0]
        assert (verb, dataset.split, limit) == ("evaluate", "val", 1)
        assert pretend.opened == [
            ("photos", "val", {"format": "coco", "classes": ("suit", "dress")})
        ]
        assert "segm/AP" in capsys.readouterr().out

    def test_an_experiment_file_says_how_to_read_the_data(self, pretend, config_file):
        config_file.write_text(
            "system: mask_rcnn\ndata: {path: there, val_split: held_out, drop_invalid: true}\n"
        )
        assert main(["evaluate", "model", "--config", str(config_file)]) == 0
        options = {"classes": ("suit", "dress"), "drop_invalid": True}
        assert pretend.opened == [("there", "held_out", options)]

    def test_set_says_how_to_read_the_data(self, pretend, config_file, capsys):
        words = ["evaluate", "model", "--data", "photos", "--set", "data.drop_invalid=true"]
        assert main(words) == 0
        assert main([*words, "--set", "data.val_fraction=0.5", "--config", str(config_file)]) == 0
        options = {"classes": ("suit", "dress"), "drop_invalid": True}
        assert pretend.opened[0] == ("photos", "val", options)
        assert pretend.opened[1] == ("photos", "train", {**options, "format": "coco"})
        assert len(pretend.model[1][1]) == 1
        share = ["--set", "data.val_fraction=0.5"]
        for split, index in (("train", 2), ("val", 3)):
            assert main([*words, *share, "--split", split]) == 0
            assert pretend.opened[-1][1] == "train" and len(pretend.model[index][1]) == 1
        held_out = [pretend.model[index][1][0].image_id for index in (1, 3)]
        assert held_out[0] == held_out[1] != pretend.model[2][1][0].image_id
        assert main([*words, *share, "--split", "test"]) == 0
        assert pretend.opened[-1][1] == "test"
        assert main([*words, "--set", "train.seed=1"]) == 2
        assert "--set train.seed=1: only settings of the data" in capsys.readouterr().err

    def test_json_is_json(self, pretend, capsys):
        assert main(["evaluate", "model", "--data", "photos", "--json"]) == 0
        measures = json.loads(capsys.readouterr().out)["metrics"]
        assert measures == {"segm/AP": 0.5, "segm/AP50": None}

    def test_a_report_is_written_where_asked(self, pretend, capsys, monkeypatch):
        def write(model, dataset, directory, *, limit=None, progress=None):
            pretend.model.append(("report", dataset.split, directory, limit))
            return Report({"segm/AP": 0.25}), Path(directory, "index.html")

        monkeypatch.setattr("tfseg.engine.reporting.write", write)
        words = ["evaluate", "model", "--data", "photos", "--report", "out", "--json"]
        assert main(words) == 0
        assert pretend.model == [("report", "val", "out", None)]
        captured = capsys.readouterr()
        assert json.loads(captured.out)["metrics"] == {"segm/AP": 0.25}
        assert "out/index.html" in captured.err

    def test_no_data_is_wrong_use(self, pretend, capsys):
        assert main(["evaluate", "model"]) == 2
        assert "--data" in capsys.readouterr().err

    @pytest.mark.parametrize("limit", ["0", "-3", "many"])
    def test_a_limit_is_a_number_from_1(self, pretend, limit, capsys):
        with pytest.raises(SystemExit) as stop:
            main(["evaluate", "model", "--data", "photos", "--limit", limit])
        assert stop.value.code == 2

    def test_a_missing_model_is_named(self, pretend, capsys):
        assert main(["evaluate", "nowhere", "--data", "photos"]) == 2
        assert "nowhere" in capsys.readouterr().err


class TestPredict:
    def test_drawings_and_a_file_of_objects(self, pretend, photos, capsys):
        assert main(["predict", "model", str(photos / "a.png"), "--out", "drawn"]) == 0
        with Image.open("drawn/a.png") as drawing:
            assert drawing.mode == "RGB"
            assert min(drawing.size) >= 20
        content = json.loads(Path("drawn/predictions.json").read_text())
        (image,) = content["images"]
        assert (image["height"], image["width"], image["drawing"]) == (20, 30, "a.png")
        first = image["objects"][0]
        assert first["class"] == "suit"
        assert first["box"] == [1, 2, 4, 5]
        assert rle.decode(first["mask"]).sum() == 9
        assert "1 suit, 1 dress" in capsys.readouterr().out

    def test_a_broken_picture_is_named_and_the_others_go_on(self, pretend, photos, capsys):
        (photos / "folder.jpg").mkdir()
        assert main(["predict", "model", str(photos), "--out", "drawn"]) == 1
        captured = capsys.readouterr()
        assert "c.jpg" in captured.err
        assert "1 of 3 images failed" in captured.err
        content = json.loads(Path("drawn/predictions.json").read_text())
        assert [Path(image["file"]).name for image in content["images"]] == ["a.png", "b.png"]
        assert [Path(entry["file"]).name for entry in content["failed"]] == ["c.jpg"]

    def test_a_missing_picture_is_named(self, pretend, photos, capsys):
        words = ["predict", "model", "gone.jpg", str(photos / "b.png"), "--out", "drawn"]
        assert main(words) == 1
        assert "gone.jpg" in capsys.readouterr().err
        assert Path("drawn/b.png").is_file()

    def test_without_a_place_what_was_found_is_said(self, pretend, photos, capsys):
        before = sorted(Path().rglob("*"))
        assert main(["predict", "model", str(photos / "a.png")]) == 0
        found, hint = capsys.readouterr().out.splitlines()
        assert "a.png: " in found and "--out FOLDER" in hint and "--json" in hint
        assert sorted(Path().rglob("*")) == before
        assert main(["predict", "model", str(photos), "--format", "coco"]) == 2
        assert "give --out" in capsys.readouterr().err

    def test_json_alone_on_stdout(self, pretend, photos, capsys):
        assert main(["predict", "model", str(photos / "a.png"), "--json"]) == 0
        content = json.loads(capsys.readouterr().out)
        assert content["images"][0]["drawing"] is None
        assert not Path("drawn").exists()

    def test_a_threshold_keeps_the_sure_ones(self, pretend, photos, capsys):
        words = ["predict", "model", str(photos / "a.png"), "--json", "--score-threshold", "0.8"]
        assert main(words) == 0
        assert len(json.loads(capsys.readouterr().out)["images"][0]["objects"]) == 1

    @pytest.mark.parametrize("threshold", ["1.5", "-1", "nan", "x"])
    def test_a_threshold_is_a_share(self, pretend, photos, threshold):
        with pytest.raises(SystemExit) as stop:
            main(["predict", "model", str(photos), "--json", f"--score-threshold={threshold}"])
        assert stop.value.code == 2

    def test_an_empty_folder_is_named(self, pretend, tmp_path, capsys):
        (tmp_path / "empty").mkdir()
        assert main(["predict", "model", "empty", "--out", "drawn"]) == 2
        assert "empty: no images" in capsys.readouterr().err

    def test_equal_names_do_not_overwrite_each_other(self, pretend, photos):
        shutil.copytree(photos, "more")
        words = [str(photos / "a.png"), "more/a.png", "--out", "drawn"]
        assert main(["predict", "model", *words]) == 0
        assert sorted(p.name for p in Path("drawn").glob("*.png")) == ["a.png", "a_2.png"]

    @pytest.mark.parametrize("more", [[], ["--format", "coco"]])
    def test_a_place_that_cannot_be_written_is_told_before_the_work(
        self, pretend, photos, capsys, more
    ):
        Path("file").write_text("")
        for out in ("file/drawn", "file/predictions.json", "file"):
            words = ["predict", "model", str(photos / "a.png"), "--out", out, *more]
            assert main(words) == 2
            assert "file is a file; name a folder" in capsys.readouterr().err
        assert not pretend.model


class TestExport:
    def test_the_words_reach_export(self, pretend, capsys):
        assert main(["export", "model", "served/1"]) == 0
        ((_, where, options),) = pretend.model
        assert where == "served/1"
        assert options == {"format": "saved_model", "overwrite": False}
        assert "wrote served/1" in capsys.readouterr().out
        words = ["--score-threshold", "0.5", "--probabilities", "--overwrite"]
        assert main(["export", "model", "served/1", *words]) == 0
        assert pretend.model[1][2] == {
            "format": "saved_model",
            "overwrite": True,
            "score_threshold": 0.5,
            "probabilities": True,
        }

    def test_a_file_for_telephones(self, pretend, capsys):
        assert main(["export", "model", "phone", "--format", "tflite"]) == 0
        assert pretend.model == [("export", "phone", {"format": "tflite", "overwrite": False})]
        assert main(["export", "model", "phone", "--format", "tflite", "--probabilities"]) == 2
        assert "--probabilities: is for SavedModels" in capsys.readouterr().err
        words = ["--format", "tflite", "--option", "quantization=float16"]
        assert main(["export", "model", "phone", *words, "--option", "image_size=[64, 96]"]) == 0
        told = {"quantization": "float16", "image_size": [64, 96]}
        assert pretend.model[1][2] == {"format": "tflite", "overwrite": False, **told}
        assert main(["export", "model", "phone", "--option", "int8"]) == 2
        assert "--option int8: expected NAME=VALUE" in capsys.readouterr().err

    def test_a_service_is_written_beside_the_model(self, pretend, capsys, monkeypatch):
        def export(self, directory, **options):
            pretend.model.append(options)
            Path(directory).mkdir(parents=True)
            Path(directory, "saved_model.pb").write_bytes(b"")
            return directory

        monkeypatch.setattr(type(models.load("model")), "export", export)
        words = ["export", "model", "served/clothing/1"]
        assert main([*words, "--serving", "--label", "canary"]) == 0
        said = capsys.readouterr().out
        assert "docker compose up" in said and "/v1/models/clothing:predict" in said
        assert pretend.model[-1]["warm_up"] is True
        assert '"canary" value: 1' in Path("served/models.config").read_text()
        assert main(["export", "model", "served/clothing", "--serving"]) == 2
        assert "such as served/clothing/1" in capsys.readouterr().err
        for more in (["--label", "x"], ["--phone", "a.tflite"], ["--poses", "a.json"]):
            assert main([*words, *more]) == 2
        assert main([*words, "--format", "tflite", "--serving"]) == 2
        assert len(pretend.model) == 1

    def test_an_unknown_format_is_wrong_use(self, pretend):
        with pytest.raises(SystemExit) as stop:
            main(["export", "model", "out", "--format", "onnxx"])
        assert stop.value.code == 2


class TestDoctor:
    def test_a_sound_data_set(self, pretend, capsys, monkeypatch):
        self._finds(monkeypatch, [], pretend.opened)
        words = ["doctor", "photos", "--split", "val", "--limit", "1", "--against", "train"]
        assert main(words) == 0
        assert pretend.opened == [("photos", {"split": "val", "limit": 1, "against": "train"})]

    def test_a_config_says_what_the_network_takes(self, tmp_path, capsys):
        arguments = argparse.Namespace(config=None, set=[])
        assert doctor_verb._limits(arguments) == {}
        path = tmp_path / "mine.yaml"
        path.write_text(
            "system: mask_rcnn\nmodel: {image_size: 128, max_instances: 7, max_detections: 9}\n"
        )
        arguments.config = str(path)
        found = doctor_verb._limits(arguments)["limits"]
        taken = (found.image_size, found.max_instances, found.max_detections, found.source)
        assert taken == (128, 7, 9, str(path))
        assert found.plan((256, 512)).resized == (64, 128)
        path.write_text("system: portrait\nmodel: {image_size: [128, 96]}\n")
        found = doctor_verb._limits(arguments)["limits"]
        assert (found.image_size, found.max_instances) == ((128, 96), None)

    def test_an_error_is_exit_code_1(self, pretend, capsys, monkeypatch):
        self._finds(monkeypatch, [self._problem("error")])
        assert main(["doctor", "photos"]) == 1
        assert "a.jpg" in capsys.readouterr().out

    def test_json_is_json(self, pretend, capsys, monkeypatch):
        self._finds(monkeypatch, [self._problem("error")])
        assert main(["doctor", "photos", "--json"]) == 1
        content = json.loads(capsys.readouterr().out)
        assert content["ok"] is False
        assert content["problems"][0]["code"] == "empty_mask"

    def test_every_fault_of_a_file_is_found_in_one_go(self, photos, tmp_path, capsys):
        images = [{"id": n, "file_name": name} for n, name in enumerate(("a.png", "b.png"), 1)]
        triangle = [[1, 1, 9, 1, 9, 9]]
        faulty = {"image_id": 1, "category_id": 9, "segmentation": triangle}
        content = {
            "images": images,
            "categories": [{"id": 1, "name": "suit"}],
            "annotations": [
                {"id": 1, "image_id": 2, "category_id": 1, "segmentation": triangle},
                *({"id": n, **faulty} for n in range(2, 9)),
            ],
        }
        (photos / "train.json").write_text(json.dumps(content))
        assert main(["doctor", str(photos)]) == 1
        captured = capsys.readouterr()
        named = [n for n in range(2, 9) if f"annotation {n} of image 'a.png'" in captured.out]
        assert named == [2, 3, 4, 5, 6]
        assert "unknown category (7)" in captured.out
        assert "--all" in captured.out and "drop_invalid" in captured.out
        assert captured.err == ""
        assert main(["doctor", str(photos), "--all"]) == 1
        assert "annotation 8 of image 'a.png'" in capsys.readouterr().out

    def test_data_without_objects_and_without_faults_is_not_called_faulty(self, tmp_path, capsys):
        (tmp_path / "labels").mkdir()
        (tmp_path / "images").mkdir()
        Image.effect_noise((80, 60), 40).convert("RGB").save(tmp_path / "images" / "a.png")
        (tmp_path / "labels" / "a.txt").write_text("")
        (tmp_path / "classes.txt").write_text("hat\n")
        words = ["doctor", str(tmp_path), "--format", "yolo"]
        assert main(words) == 1
        out = capsys.readouterr().out
        assert "no image has an object" in out and "faulty" not in out
        (tmp_path / "labels" / "a.txt").write_text("7 .5 .5 .2 .2\n")
        assert main(words) == 1
        assert "Without what is faulty no object would be left" in capsys.readouterr().out

    def test_what_cannot_be_opened_at_all_is_wrong_use(self, tmp_path, capsys):
        (tmp_path / "train.json").write_text("{}")
        for name in (tmp_path / "nowhere", tmp_path, tmp_path / "train.json"):
            assert main(["doctor", str(name)]) == 2
            captured = capsys.readouterr()
            assert captured.out == "" and str(name) in captured.err

    @staticmethod
    def _problem(severity):
        from tfseg.data.reading.problem import Problem

        return Problem(severity, "empty_mask", "a.jpg", "the mask of annotation 3 is empty")

    @staticmethod
    def _finds(monkeypatch, problems, asked=None):
        from tfseg.data.doctor import doctor
        from tfseg.data.doctor.diagnosis import Diagnosis

        def diagnose(where, *, progress, **options):
            if asked is not None:
                asked.append((where, options))
            return Diagnosis(where, tuple(problems), {}, 2, 2)

        monkeypatch.setattr(doctor, "diagnose", diagnose)
