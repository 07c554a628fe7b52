import io
import re
from types import SimpleNamespace

import pytest

from tfseg.engine.progress import Progress, clock, describe_epoch, losses_text
from tfseg.metrics import instances, semantic

LOGS = {"rpn_class_loss": 0.25, "loss": 2.5, "mrcnn_mask_loss": 0.00123}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(stream, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    progress = Progress(
        SimpleNamespace(
            steps=4, epochs=2, stage="heads", estimator=SimpleNamespace(measures=instances.MEASURES)
        ),
        stream,
    )
    progress.on_train_begin()
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for batch in range(4):
            progress._drawn = -1
            progress.on_train_batch_end(batch, LOGS)
        progress.on_epoch_end(epoch, {**LOGS, "val_loss": 3.0, "segm/AP": 0.5, "other/AP": 0.1})
    return stream.getvalue()


@pytest.mark.parametrize("columns", [60, 200])
def test_a_terminal_keeps_one_entry_for_each_epoch(monkeypatch, columns):
    text = run(Terminal(), monkeypatch, columns)
    for words in (
        "2/4",
        "left",
        "rpn_class 0.250",
        "mrcnn_mask 1.2e-03",
        "████",
    ):
        assert words in re.sub(r"\n {4}", " ", text)
    assert max(map(len, re.sub(r"\x1b\[\d*[AJ]|\r", "", text).split("\n"))) < columns
    assert re.sub(r"\n {4}", " ", text).count("preparing (compiling the network) ...") == 1
    codes = re.findall(r"\x1b\[(\d+)A", text)
    assert len(codes) == 10 and text.count("epoch 1/2") == 6
    final = text[text.rindex("\x1b[J") :]
    assert "epoch 2/2 [heads]" in final and "val_loss 3.000" in final and "█" not in final


def test_a_file_gets_one_line_for_each_epoch_and_stage(monkeypatch):
    first, *lines = run(io.StringIO(), monkeypatch, 40).splitlines()
    assert first == "epoch 1/2 [heads] preparing (compiling the network) ..."
    assert len(lines) == 2 and "\x1b" not in "".join(lines)
    assert re.fullmatch(
        r"epoch 2/2 \[heads\] 0 s  loss 2\.500  rpn_class 0\.250  mrcnn_mask 1\.2e-03  "
        r"val_loss 3\.000  segm/AP 0\.500",
        lines[1],
    )


def test_texts():
    assert losses_text({"val_loss": 1.0}) == ""
    assert describe_epoch({"loss": 1.0, "a/b": float("nan")}) == "loss 1.000  a/b n/a"
    assert [clock(s) for s in (0.4, 59, 61, 3723)] == ["0 s", "59 s", "1:01", "1:02:03"]


def test_measures_without_a_group_are_shown_too():
    logs = {"loss": 1.0, "val_loss": 2.0, "miou": 0.5, "other": 3, "learning_rate": 1, "seconds": 9}
    shown = describe_epoch(logs, semantic.MEASURES)
    assert shown == "loss 1.000  val_loss 2.000  miou 0.500"
