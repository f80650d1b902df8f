"""seqnet in Python: what the commands answer, without a command line and without a trace in the process."""

import inspect
import logging
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hydra.core.global_hydra import GlobalHydra
from torch import nn

import seqnet as package
from seqnet import errors
from seqnet.commands import train as training
from seqnet.commands.hidden import layer_of
from seqnet.configuration import CONFIGS
from seqnet.configuration.keys import leaves
from seqnet.run import TrainedRun, _undisturbed
from seqnet.training.precision import Precision

TEXTS = ["fox", "the lazy dog", "unheard words entirely", "seven wizards make toxic brew and a quick fox"]
SMALL = {
    "experiment": "adding",
    "data.length": 6,
    "data.train_size": 32,
    "data.valid_size": 8,
    "data.test_size": 8,
    "model.hidden_size": 4,
    "training.max_epochs": 1,
    "threads": 1,
    "device": "cpu",
    "observers.tensorboard": False,
}


def test_importing_it_is_light() -> None:
    code = (
        "import sys, seqnet; assert {'load', 'train'} <= set(dir(seqnet)); "
        "sys.exit(str([name for name in ('torch', 'numpy', 'hydra', 'yaml') if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert found.stderr == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        package.lod  # noqa: B018


@pytest.mark.parametrize("command", ["predict", "evaluate", "generate"])
def test_a_method_takes_the_options_of_its_command(command: str) -> None:
    said = yaml.safe_load((CONFIGS / f"{command}.yaml").read_text())
    decoding = next(entry["decoding"] for entry in said.pop("defaults") if isinstance(entry, dict))
    del said["hydra"]
    options = {key.rpartition(".")[2]: value for key, value in leaves(said).items()} | {"decoding": decoding}
    of_the_run, of_what_is_shown = ("run", "device", "precision", "trust"), ("format", "verbose")
    options = {key: value for key, value in options.items() if key not in (*of_the_run, *of_what_is_shown)}
    if command == "predict":
        options["inputs"] = inspect.Parameter.empty
        del options["input"], options["output"], options["pictures"]
    if command == "evaluate":
        del options["output"], options["pictures"]
    takes = inspect.signature(getattr(TrainedRun, command)).parameters
    assert {name: one.default for name, one in takes.items() if name != "self"} == options


# ------------------------------------------------------------------------------------------------------------- asking


def test_predictions_are_those_of_the_command(seqnet: Any, judge_run: Path, capfd: Any) -> None:
    run = package.load(judge_run, device="cpu")
    told = seqnet("predict", f"run={judge_run}", "probabilities=true", stdin="\n".join(TEXTS).encode()).rows
    capfd.readouterr()
    found = run.predict(TEXTS, probabilities=True)
    assert [{**answer, "text": text} for answer, text in zip(found, TEXTS, strict=True)] == told
    assert run.predict([{"text": text} for text in TEXTS], probabilities=True) == found
    assert run.predict(np.array(TEXTS), probabilities=True) == found
    assert run.predict(text for text in TEXTS) == run.predict(TEXTS, batch_size=1)
    Path("new.csv").write_text("text\nfox\nthe lazy dog\n")
    assert [each["prediction"] for each in run.predict(Path("new.csv"))] == [each["prediction"] for each in found[:2]]
    blank, answered = run.predict([" ", "fox"])
    assert blank == {"prediction": None, "score": None}
    assert answered["prediction"] == found[0]["prediction"]
    assert run.predict([]) == []
    assert capfd.readouterr() == ("", "")


def test_a_note_is_of_what_was_asked_with_it(judge_run: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = package.load(judge_run, device="cpu")
    run.predict(["\u2603 fox"])
    assert "unknown" in caplog.text
    caplog.clear()
    run.encode(["\u2603 fox"])
    with pytest.raises(errors.DataError):
        run.predict(["\u2603 fox", 5])
    run.predict(["fox"])
    assert not caplog.records


def test_numbers_are_arrays_lists_or_tensors(adding_run: Path) -> None:
    run = package.load(adding_run)
    rows = np.random.default_rng(0).random((3, 5, 2)).astype(np.float32)
    found = run.predict(rows)
    assert run.predict(rows.tolist()) == run.predict(torch.from_numpy(rows)) == found
    right, wrong = run.predict([rows[0], [[1, 2, 3]]], on_bad_row="skip")
    assert right["prediction"] == pytest.approx(found[0]["prediction"], abs=1e-6)
    assert (wrong["prediction"], "step 1: 3 numbers where there must be 2" in wrong["error"]) == (None, True)
    with pytest.raises(errors.DataError, match="inputs, line 2, step 1"):
        run.predict([rows[0], [[1, 2, 3]]])


def test_what_cannot_be_asked_is_an_exception(judge_run: Path, adding_run: Path, writer_run: Path) -> None:
    run = package.load(judge_run)
    for asked, sentence in (
        (lambda: run.predict("fox"), r"inputs is one value: give a list of them"),
        (lambda: run.predict(["fox"], spans=True), "spans=true: this run's answers are no BIO tags"),
        (lambda: run.predict(["fox"], decoding="beam"), "does not write step by step"),
        (lambda: run.predict(["fox"], batch_size=0), "data.batch_size"),
        (lambda: run.evaluate("tset"), "did you mean 'test'"),  # type: ignore[arg-type]
        (lambda: run.generate("fox"), "is not a language model"),
        (lambda: run.stream("fox"), "is not a language model"),
        (lambda: run.encode(["fox"], layer=2), "layer=2: this model has 2; choose one from 0 to 1"),
        (lambda: package.load(writer_run).generate(decoding="bem"), "unknown decoding 'bem'; did you mean 'beam'"),
        (lambda: package.load(writer_run).generate(decoding={"name": "beam", "size": 2}), "has no option 'size'"),
        (lambda: package.load(writer_run).stream(decoding="beam"), "decoding=beam knows its answer only at the end"),
        (lambda: package.load(writer_run).generate(output="a.txt"), "output=a.txt: choose one of .mid"),
        (lambda: package.load(judge_run, device="gpu"), "device"),
    ):
        with pytest.raises(errors.ConfigurationError, match=sentence):
            asked()
    with pytest.raises(errors.DataError, match=r"inputs, row 2: text: "):
        run.predict(["fox", 7])
    with pytest.raises(errors.CheckpointError, match="nowhere does not exist"):
        package.load("nowhere")


def test_an_evaluation_is_the_commands_and_leaves_nothing_behind(seqnet: Any, judge_run: Path) -> None:
    scores, *tables = seqnet("evaluate", f"run={judge_run}").rows
    run = package.load(judge_run)
    before, found = run.config, run.evaluate()
    assert {"split": found.split, "step": found.step, **found.scores} == scores
    assert found.tables == tables
    assert run.evaluate("valid", batch_size=1).split == "valid"
    assert run.evaluate() == found
    assert run.config == before
    assert run.results is not None
    assert run.results["test"] == found.scores


def test_samples_are_the_commands_and_are_streamed(seqnet: Any, writer_run: Path) -> None:
    run = package.load(writer_run)
    told = seqnet(
        "generate", f"run={writer_run}", "prompt=the", "samples=2", "length=30", "top_k=5", "min_p=0.05", "seed=4"
    ).rows
    assert run.generate("the", samples=2, length=30, top_k=5, min_p=0.05, seed=4) == told
    one = run.generate("the", length=30, top_k=5, typical_p=0.9, seed=4)[0]["prediction"]
    pieces = run.stream("the", length=30, top_k=5, typical_p=0.9, seed=4)
    first = next(pieces)
    assert not torch.is_inference_mode_enabled()
    assert (len(first), first + "".join(pieces)) == (1, one)
    greedy = run.generate("the", length=9, decoding={"name": "greedy", "no_repeat_ngram": 2})[0]["prediction"]
    assert "".join(run.stream("the", length=9, decoding={"name": "greedy", "no_repeat_ngram": 2})) == greedy


def test_what_is_written_for_a_source_is_streamed(seqnet: Any, reverse_run: Path) -> None:
    run = package.load(reverse_run)
    told = seqnet("predict", f"run={reverse_run}", stdin=b"1 2 3\n").rows
    assert run.predict(["1 2 3"])[0]["prediction"] == told[0]["prediction"]
    (beam,) = run.predict(["1 2 3"], decoding={"name": "beam", "beam_size": 2, "n_best": 2})
    assert len(beam["n_best"]) == 2
    for options in ({"decoding": "greedy"}, {"seed": 2}):
        whole = run.generate("1 2 3", **options)[0]["prediction"]
        assert "".join(run.stream("1 2 3", **options)) == whole
    with pytest.raises(errors.ConfigurationError, match="prompt is missing"):
        run.stream()


def test_states_are_those_of_each_row_alone(judge_run: Path, reverse_run: Path) -> None:
    run = package.load(judge_run)
    found = run.encode(["fox", "the lazy dog", ""])
    assert [each.shape for each in found] == [(1, 12), (3, 12), (0, 12)]  # of two directions
    assert all(each.dtype == np.float32 for each in found)
    np.testing.assert_allclose(run.encode(["the lazy dog"])[0], found[1], atol=1e-6)
    np.testing.assert_allclose(run.encode(["the lazy dog"], layer=1)[0], found[1], atol=1e-6)
    assert not np.allclose(run.encode(["the lazy dog"], layer=0)[0], found[1], atol=1e-3)
    source = package.load(reverse_run)
    reader: Any = source.model
    size = reader.encoder.layers.size
    assert [each.shape for each in source.encode(["1 2 3", "4"])] == [(3, size), (1, size)]
    with pytest.raises(errors.ConfigurationError, match="without recurrent layers"):
        layer_of(nn.Linear(2, 2), -1)


def test_a_state_is_what_the_cell_says_after_the_step(adding_run: Path) -> None:
    run = package.load(adding_run)
    model: Any = run.model
    row = np.random.default_rng(0).random((4, 2)).astype(np.float32)
    (found,) = run.encode([row])
    state = model.initial_state(1)
    for step, states in zip(torch.from_numpy(row), found, strict=True):
        _, state = model.step(step[None], state)
        np.testing.assert_allclose(state.layers[-1].hidden[0].detach().numpy(), states, atol=1e-5)


# ------------------------------------------------------------------------------------------------------------ training


def test_training_returns_the_run_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().hydra = own = object()  # type: ignore[assignment]
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index]
    try:
        run = package.train(SMALL, run_dir="run", seed=3, deterministic=True)
        assert not torch.are_deterministic_algorithms_enabled()
        with caplog.at_level(logging.INFO, "seqnet"):
            again = package.train("run_dir=run threads=1 device=cpu")
        assert GlobalHydra.instance().hydra is own
    finally:
        GlobalHydra.instance().hydra = None
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index]
    assert [signal.getsignal(number) for number in numbers] == handlers
    assert capfd.readouterr() == ("", "")
    assert "run is complete" in caplog.text
    assert (run.path, run.config["seed"], repr(run)) == (Path("run"), 3, repr(again))
    assert "experiment  adding" in (run.path / "train.log").read_text()
    rows = np.zeros((1, 6, 2))
    assert run.predict(rows) == again.predict(rows) == package.load("run").predict(rows)


@pytest.mark.parametrize("was", [("highest", True), ("high", False)])
def test_how_a_gpu_rounds_is_as_it_was(was: tuple[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = told()
    try:
        torch.set_float32_matmul_precision(was[0])
        torch.backends.cudnn.allow_tf32 = was[1]
        with _undisturbed():
            Precision("fp32" if was[0] == "high" else "tf32", torch.device("cuda"))
            assert told() == (("highest", False) if was[0] == "high" else ("high", True)) != was
        assert told() == was
        monkeypatch.setattr(torch, "get_float32_matmul_precision", broken)
        with _undisturbed():  # and where torch does not say how it was, nothing fails
            Precision("tf32", torch.device("cuda"))
    finally:
        monkeypatch.undo()
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def broken() -> str:
    raise RuntimeError("a mix of the legacy and new APIs")


def test_training_works_in_a_thread(tmp_path: Path) -> None:
    found: list[Any] = []

    def work() -> None:
        run = package.train({**SMALL, "run_dir": tmp_path / "run"})
        found.extend([run, run.predict(np.zeros((2, 6, 2))), run.evaluate()])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=60)
    assert len(found[1]) == 2


def test_an_interrupt_comes_with_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    after = training.Training._after
    options = {**SMALL, "data.batch_size": 4, "run_dir": "run"}

    def interrupt(self: Any, report: Any) -> None:
        after(self, report)
        if report.step == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "_after", interrupt)
        with pytest.raises(KeyboardInterrupt):
            package.train(options)
    assert package.load(Path("run/checkpoints/last")).step == 3
    assert package.train("run_dir=run threads=1 device=cpu").results["steps"] == 8  # type: ignore[index]


def test_options_are_told_in_each_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for overrides, options, sentence in (
        ("experiment=adding cel=gru", {}, "unknown key 'cel'; did you mean 'cell'"),
        (["experiment=adding", "optimizer.lr=-1"], {}, "optimizer.lr"),
        ({"experiment": "adding", "optimizer.lr": "fast"}, {}, "optimizer.lr"),
        ((), {"experiment": "ading"}, "unknown experiment 'ading'; did you mean 'adding'"),
        (["-m", "cell=gru,lstm"], {}, "-m is of the command line"),
        ("experiment=adding cell=gru,lstm", {}, "gives several values"),
    ):
        with pytest.raises(errors.ConfigurationError, match=sentence):
            package.train(overrides, **options)
    with pytest.raises(errors.DataError, match="it's, here.csv"):
        package.train(experiment="sst2", **{"data.path": "it's, here.csv"})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_classes_of_ones_own_are_loaded_where_they_are_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("own_cells.py").write_text("from seqnet.cells.gru import GRU\n\n\nclass Mine(GRU):\n    pass\n")
    Path("own/cell").mkdir(parents=True)
    Path("own/cell/mine.yaml").write_text("_target_: own_cells.Mine\n")
    options = [f"{key}={str(value).lower()}" for key, value in SMALL.items()]
    run = package.train([*options, "--config-dir=own", "cell=mine", "run_dir=run"])
    with pytest.raises(errors.ConfigurationError, match="trust="):
        package.load("run")
    rows = np.zeros((1, 6, 2))
    assert package.load("run", trust=["own_cells"]).predict(rows) == run.predict(rows)
    assert run.evaluate().split == "test"
