"""Dispatch, help, exit codes and error lines of the command line."""

from __future__ import annotations

import importlib
import logging
import os
import runpy
import subprocess
import sys
import types

import pytest

import tfseg
from tfseg.cli import main as door
from tfseg.cli import quiet
from tfseg.cli.main import main


def verb_that(action):
    """Returns a stand-in for a verb's file."""
    return types.SimpleNamespace(
        __doc__="A verb for tests.",
        EXAMPLES="  tfseg doctor x",
        add_arguments=lambda parser: parser.add_argument("word"),
        run=action,
        after_interrupt=lambda args: f"Go on with {args.word}.",
    )


@pytest.fixture
def doctor_does(monkeypatch):
    """Replaces the verb `doctor` and the process-wide silence for one test."""

    def install(action):
        real = importlib.import_module
        stub = verb_that(action)
        monkeypatch.setattr(
            door.importlib,
            "import_module",
            lambda name: stub if name == "tfseg.cli.doctor" else real(name),
        )
        monkeypatch.setattr(quiet, "silence", lambda debug=False: None)

    return install


def raising(error):
    def action(args):
        raise error

    return action


def test_help_lists_every_verb(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in door.VERBS)
    assert "130" in text


def test_no_words_is_help(capsys):
    assert main([]) == 0
    assert "train" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"tfseg {tfseg.__version__}"


@pytest.mark.parametrize("wrong", ["trian", "Train", "trains"])
def test_an_unknown_verb_names_the_nearest(wrong, capsys):
    assert main([wrong, "x"]) == 2
    assert "'train'" in capsys.readouterr().err


def test_a_word_like_nothing_lists_the_verbs(capsys):
    assert main(["zzzz"]) == 2
    assert "evaluate" in capsys.readouterr().err


@pytest.mark.parametrize("verb", door.VERBS)
def test_each_verb_helps_with_examples(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"  tfseg {verb}" in text
    assert "--debug" in text


@pytest.mark.parametrize("verb", [verb for verb in door.VERBS if verb != "demo"])
def test_a_missing_word_is_wrong_use(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb])
    assert stop.value.code == 2
    assert "usage: tfseg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (tfseg.ConfigError("train.batch_sise: no such setting"), 2),
        (tfseg.DataError("annotation 3: box has no area"), 2),
        (tfseg.WeightsError("no weights here"), 2),
        (tfseg.NotFittedError("fit first"), 2),
        (FileNotFoundError(2, "No such file or directory", "a.jpg"), 2),
        (tfseg.TrainingError("loss is nan"), 1),
        (tfseg.ExportError("cannot"), 1),
        (OSError(28, "No space left on device", "out.png"), 1),
    ],
)
def test_errors_are_one_line_and_an_exit_code(doctor_does, capsys, error, code):
    doctor_does(raising(error))
    assert main(["doctor", "x"]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("tfseg: ")
    assert "Traceback" not in captured.err
    assert captured.err.count("\n") == 1
    assert str(error.strerror if isinstance(error, OSError) else error) in captured.err


def test_advice_of_python_is_given_in_words_of_a_command(doctor_does, capsys):
    doctor_does(raising(tfseg.DataError("no area. Remove it, or pass drop_invalid=True.")))
    assert main(["doctor", "photos"]) == 2
    assert capsys.readouterr().err == (
        "tfseg: no area. Remove it, or pass drop_invalid=True. "
        "(In a command: --set data.drop_invalid=true.)\n"
    )


def test_debug_shows_the_traceback(doctor_does, capsys, caplog):
    doctor_does(raising(tfseg.DataError("box has no area")))
    logging.getLogger("tfseg").propagate = True
    with caplog.at_level(logging.DEBUG):
        assert main(["doctor", "x", "--debug"]) == 2
    assert "Traceback" in caplog.text
    assert "box has no area" in capsys.readouterr().err


def test_a_bug_is_not_dressed_up(doctor_does):
    doctor_does(raising(ZeroDivisionError("oops")))
    with pytest.raises(ZeroDivisionError):
        main(["doctor", "x"])


def test_ctrl_c_is_clean_and_says_how_to_go_on(doctor_does, capsys):
    doctor_does(raising(KeyboardInterrupt()))
    assert main(["doctor", "photos"]) == 130
    error = capsys.readouterr().err
    assert "Stopped. Go on with photos." in error
    assert "Traceback" not in error


def test_the_verbs_own_exit_code_passes_through(doctor_does):
    doctor_does(lambda args: 1)
    assert main(["doctor", "x"]) == 1


def test_a_closed_pipe_is_silent():
    code = (
        "import sys, types\n"
        "from tfseg.cli.main import main\n"
        "def run(args):\n"
        "    for line in range(100000): print(line)\n"
        "sys.modules['tfseg.cli.doctor'] = types.SimpleNamespace(__doc__='', EXAMPLES='',\n"
        "    add_arguments=lambda parser: None, run=run)\n"
        "sys.exit(main(['doctor']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(30) == 1


def test_silence_leaves_the_users_choice(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    logger = logging.getLogger("tfseg")
    before = logger.propagate, logger.level, list(logger.handlers)
    try:
        quiet.silence()
        quiet.silence(debug=True)
        assert logger.level == logging.DEBUG
        assert len(logger.handlers) - len(before[2]) <= 1
        assert quiet.os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
    finally:
        logger.propagate, logger.handlers = before[0], before[2]
        logger.setLevel(before[1])


def test_log_lines_go_to_stderr_with_their_weight(capsys):
    handler = quiet._Stderr()
    for level in (logging.INFO, logging.WARNING):
        handler.handle(logging.LogRecord("tfseg", level, "x", 1, "words", None, None))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "words\nwarning: words\n"


def test_muted_stderr_says_what_was_said_after_an_error(capfd):
    with quiet.muted_stderr():
        quiet.os.write(2, b"a greeting\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), quiet.muted_stderr():
        quiet.os.write(2, b"why it failed\n")
        raise ImportError
    assert "why it failed" in capfd.readouterr().err


def test_the_backend_greets_nobody():
    code = (
        "import sys\n"
        "from tfseg.cli import quiet\n"
        "quiet.silence(); quiet.import_backend()\n"
        "import keras\n"
        "keras.ops.convert_to_numpy(keras.ops.ones(2))\n"
        "print(keras.backend.backend())"
    )
    environment = {n: v for n, v in os.environ.items() if n != "TF_CPP_MIN_LOG_LEVEL"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.strip() in ("tensorflow", "jax")
    assert run.stderr == ""


def test_the_package_itself_is_the_command_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tfseg", "--version"])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("tfseg", run_name="__main__")
    assert left.value.code in (0, None) and "tfseg" in capsys.readouterr().out


def test_a_backend_that_is_not_there_is_one_line_and_no_matter_to_an_export(tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": "nonesuch"}

    def said(*words):
        code = "import sys; from tfseg.cli.main import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    refused = said("predict", "portrait", "a.jpg", "--out", "drawn")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert "nonesuch is set, but there is no such backend" in refused.stderr
    export = said("export", "no_model", "out/1")
    assert export.returncode == 2 and "nonesuch is set; this is TensorFlow's work" in export.stderr
    assert "no_model" in export.stderr
