"""A run that was stopped goes on as if it had not been."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seqnet.data import cache, lanes, shuffling
from seqnet.observers.metrics_file import MetricsFile
from seqnet.training import checkpoint

TASKS = ("language_model", "classifier")


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int, number: int = signal.SIGTERM) -> None:
    """Send this process a signal when that step is done."""

    def on_step(self: object, report: Any) -> None:
        if report.step == step:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(MetricsFile, "on_step", on_step)


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Any:
    """Overrides of a task, and the folder of its run that nothing interrupted."""
    run = {"language_model": "writer_run", "classifier": "judge_run"}[request.param]
    return request.getfixturevalue(request.param), request.getfixturevalue(run)


@pytest.mark.parametrize("step", [1, 5, 12])
def test_a_stopped_run_goes_on_to_the_same_end(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, task: Any, step: int
) -> None:
    overrides, whole = task
    stop_after(monkeypatch, step)
    found = seqnet.quietly(*overrides, "run_dir=run")
    assert found.code == 143
    assert f"stopped at step {step}; go on with: seqnet train run_dir=run\n" in found.err
    assert seqnet.results(whole)["steps"] > step
    assert checkpoint.existing(Path("run/checkpoints"))[0].name == f"step_{step:08d}"
    assert not Path("run/results.json").exists()

    assert seqnet("train", "run_dir=run").code == 0
    assert seqnet.fingerprint("run") == seqnet.fingerprint(whole)
    assert seqnet.fingerprint("run", "best") == seqnet.fingerprint(whole, "best")
    assert Path("run/metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    again, before = seqnet.results("run"), seqnet.results(whole)
    for key in ("best", "last", "test", "steps", "reason", "sample"):
        assert again.get(key) == before.get(key)


def test_a_run_whose_epochs_differ_in_batches_goes_on_to_the_same_end(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...]
) -> None:
    plain = [option for option in classifier if not option.startswith("schedule")]
    overrides = (*plain, "data.batch_tokens=17", "training.evaluate_every_steps=4", "schedule=cosine")
    assert seqnet.quietly(*overrides, "run_dir=whole").code == 0
    rows = [row for row in seqnet.rows("whole") if row["split"] == "train"]
    assert rows[-1]["epoch"] == 3 and rows[-1]["learning_rate"] < 1e-5  # the schedule ends with the last epoch
    assert max(row["padded_share"] for row in rows) < 0.5
    stop_after(monkeypatch, seqnet.results("whole")["steps"] - 3)
    assert seqnet.quietly(*overrides, "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run").code == 0
    assert seqnet.fingerprint("run") == seqnet.fingerprint("whole")
    assert Path("run/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()
    scores = [seqnet("evaluate", "run=run", *size).rows[0]["loss"] for size in ((), ("data.batch_size=1",))]
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)


def test_a_run_on_shards_in_blocks_with_workers_goes_on_to_the_same_end(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...], reviews: Path, tmp_path: Path
) -> None:
    header, *rows = reviews.read_text().splitlines(keepends=True)
    train = tmp_path / "shards" / "train"
    train.mkdir(parents=True)
    for number, begin in enumerate(range(0, len(rows), 9), 1):
        (train / f"part-{number}.csv").write_text(header + "".join(rows[begin : begin + 9]))
    assert number > 2
    monkeypatch.setattr(cache, "WORTH_WHILE", 0)
    monkeypatch.setattr("seqnet.data.kept.LARGE", 0)
    monkeypatch.setenv("SEQNET_CACHE", "")
    monkeypatch.setattr(shuffling, "BLOCKS", 2)
    overrides = (*classifier, f"data.path={tmp_path / 'shards'}", "data.shuffle_block=4", "training.max_epochs=2")
    assert seqnet.quietly(*overrides, "run_dir=whole").code == 0
    stop_after(monkeypatch, 3)
    assert seqnet.quietly(*overrides, "data.num_workers=1", "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run", "data.num_workers=0").code == 0
    assert seqnet.fingerprint("run") == seqnet.fingerprint("whole")
    assert Path("run/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()


def test_a_run_on_a_large_document_goes_on_to_the_end_of_one_on_a_small_one(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, language_model: tuple[str, ...], writer_run: Path
) -> None:
    """Whose lanes are laid window by window, without those before the first."""
    monkeypatch.setattr(lanes, "LARGE", 0)
    stop_after(monkeypatch, 5)
    assert seqnet.quietly(*language_model, "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run").code == 0
    assert seqnet.fingerprint("run") == seqnet.fingerprint(writer_run)
    assert seqnet.rows("run") == seqnet.rows(writer_run)


VARIED = {  # what changes rows at random in training: of a recording, of letters, of pictures, of a picture's places
    "masks": (
        "spoken_digits",
        "data.fields.audio.mask_bands=8",
        "data.fields.audio.mask_time=0.3",
        "model.hidden_size=8",
    ),
    "strands": ("dna", "data.generated.length=30", "model.hidden_size=8"),
    "shift": ("visual_questions", "model.hidden_size=8", "model.encoders.image.channels=[4]"),
}


@pytest.mark.parametrize(
    "kind", [kind if kind == "masks" else pytest.param(kind, marks=pytest.mark.slow) for kind in VARIED]
)
def test_a_run_of_rows_that_are_varied_by_workers_goes_on_within_an_epoch(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    experiment, *more = VARIED[kind]
    sizes = ("data.generated.train_size=16", "data.generated.valid_size=4", "data.generated.test_size=4")
    steps = ("data.batch_size=4", "training.max_epochs=2", "schedule=constant")
    overrides = (f"experiment={experiment}", *sizes, *steps, "training.monitor=loss", *more)
    assert seqnet.quietly(*overrides, "run_dir=alone").code == 0
    assert seqnet.results("alone")["steps"] == 8
    stop_after(monkeypatch, 6)  # the second epoch's second step of four
    assert seqnet.quietly(*overrides, "data.num_workers=2", "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run").code == 0
    apart = ("config",)  # which says how many workers there are
    assert seqnet.fingerprint("run", without=apart) == seqnet.fingerprint("alone", without=apart)
    assert Path("run/metrics.jsonl").read_bytes() == Path("alone/metrics.jsonl").read_bytes()


@pytest.mark.parametrize("how", ["edited", "halved", "reordered"])
def test_a_run_does_not_go_on_with_data_that_has_changed(
    seqnet: Any, classifier: tuple[str, ...], reviews: Path, how: str
) -> None:
    head, *rows = reviews.read_text().splitlines()
    changed = {
        "edited": [*rows[:-1], rows[-1].replace("fox", "dog", 1) if "fox" in rows[-1] else f"fox {rows[-1]}"],
        "halved": rows[: len(rows) // 2],
        "reordered": rows[::-1],
    }[how]
    Path("mine.csv").write_text("\n".join([head, *rows]) + "\n")
    overrides = [option for option in classifier if not option.startswith(("data.path", "training.max_epochs"))]
    assert seqnet.quietly(*overrides, "data.path=mine.csv", "training.max_epochs=1", "run_dir=run").code == 0
    Path("mine.csv").write_text("\n".join([head, *changed]) + "\n")
    before = seqnet.fingerprint("run")
    found = seqnet("train", "run_dir=run", "training.max_epochs=2")
    assert found.code == 3 and found.err.count("\n") == 1
    assert "split of mine.csv is not what this run has read so far" in found.err and "init_from=run" in found.err
    assert seqnet.fingerprint("run") == before
    assert how == "edited" or seqnet("evaluate", "run=run", "split=valid").code == 3, "rows of training among them"
    assert seqnet("evaluate", "run=run", "split=valid", "data.path=mine.csv").code == 0  # other data may be asked about
    elsewhere = (*overrides, "data.path=mine.csv", "training.max_epochs=1", "init_from=run", "run_dir=other")
    assert seqnet.quietly(*elsewhere).code == 0
    Path("mine.csv").write_text("\n".join([head, *rows]) + "\n")  # what it read, with another date
    assert seqnet("train", "run_dir=run", "training.max_epochs=2").code == 0


def test_a_set_that_is_made_otherwise_is_told(seqnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("experiment=adding", "data.length=5", "data.train_size=8", "data.valid_size=4", "data.test_size=4")
    assert seqnet.quietly(*options, "training.max_steps=1", "model.hidden_size=4", "run_dir=run").code == 0
    monkeypatch.setattr("seqnet.data.digest.BYTES", 8)  # of any other length: as if every number were another one
    found = seqnet("train", "run_dir=run", "training.max_steps=2")
    assert found.code == 0
    assert "seqnet: the train split of adding is made otherwise than when this run began" in found.err


def test_stopping_twice_and_moving_the_folder_changes_nothing(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, task: Any
) -> None:
    overrides, whole = task
    for step in (3, 7):
        stop_after(monkeypatch, step, signal.SIGINT)
        assert seqnet.quietly(*overrides, "run_dir=run").code == 130
    shutil.move("run", "moved")
    assert seqnet("train", "run_dir=moved").code == 0
    assert seqnet.fingerprint("moved") == seqnet.fingerprint(whole)
    assert seqnet.rows("moved") == seqnet.rows(whole)


def test_a_run_goes_on_in_a_new_folder(seqnet: Any, monkeypatch: pytest.MonkeyPatch, task: Any) -> None:
    overrides, whole = task
    stop_after(monkeypatch, 9)
    seqnet.quietly(*overrides, "run_dir=old")
    before = {path: path.read_bytes() for path in Path("old").rglob("*") if path.is_file()}
    stop_after(monkeypatch, 10)
    assert seqnet("train", "resume=old", "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run").code == 0  # and from there by itself
    assert seqnet.fingerprint("run") == seqnet.fingerprint(whole)
    assert seqnet.fingerprint("run", "best") == seqnet.fingerprint(whole, "best")
    assert seqnet.rows("run") == seqnet.rows(whole)
    assert {path: path.read_bytes() for path in Path("old").rglob("*") if path.is_file()} == before

    stop_after(monkeypatch, 0)
    assert seqnet("train", "resume=old/checkpoints/last", "run_dir=other").code == 0
    assert seqnet.fingerprint("other") == seqnet.fingerprint(whole)
    found = seqnet("train", "resume=old", "run_dir=other")
    assert (found.code, "run_dir=other holds a run already" in found.err) == (2, True)


def test_the_best_checkpoint_comes_along_to_a_new_folder(seqnet: Any) -> None:
    worse = ("experiment=adding", "data.length=10", "data.train_size=64", "data.valid_size=20", "data.test_size=20")
    options = (*worse, "optimizer=sgd", "optimizer.lr=3", "training.clip_norm=null", "model.hidden_size=8")
    assert seqnet.quietly(*options, "training.max_epochs=6", "run_dir=run").code == 0
    best = seqnet.results("run")["best"]
    assert best["step"] < 6
    assert seqnet("train", "resume=run", "run_dir=new", "training.max_epochs=7", "checkpoint.keep=1").code == 0
    assert seqnet.results("new")["best"] == best
    assert seqnet.fingerprint("new", "best") == seqnet.fingerprint("run", "best")


def test_the_epochs_of_tensorboard_are_those_of_the_rows_of_a_run_that_was_stopped(
    seqnet: Any, language_model: tuple[str, ...]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 10)
        assert seqnet.quietly(*language_model, "observers.tensorboard=true", "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run", "observers.console=false").code == 0
    shown = EventAccumulator("run/tensorboard/train", size_guidance={"scalars": 0}).Reload().Scalars("epoch")
    rows = [(row["step"], row["epoch"]) for row in seqnet.rows("run") if row["split"] == "train"]
    assert [(point.step, point.value) for point in shown] == rows
    assert {epoch for _, epoch in rows} == {0, 1, 2}


def test_a_complete_run_says_so_and_goes_on_when_a_limit_is_raised(
    seqnet: Any, classifier: tuple[str, ...], judge_run: Path
) -> None:
    assert seqnet.quietly(*classifier, "training.max_epochs=1", "run_dir=run").code == 0
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    for arguments in (("run_dir=run",), (*classifier[:-2], "training.max_epochs=1", "run_dir=run")):
        found = seqnet("train", *arguments)
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith("run is complete: training.max_epochs=1 reached")
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before

    assert seqnet("train", "run_dir=run", "training.max_epochs=3").code == 0
    assert seqnet.fingerprint("run") == seqnet.fingerprint(judge_run)
    assert seqnet.rows("run") == seqnet.rows(judge_run)


def test_a_crash_before_the_scores_are_written_is_made_good(
    seqnet: Any, classifier: tuple[str, ...], judge_run: Path
) -> None:
    shutil.copytree(judge_run, "run", symlinks=True)
    Path("run/results.json").unlink()
    assert seqnet("train", "run_dir=run").code == 0
    assert Path("run/metrics.jsonl").read_bytes() == (judge_run / "metrics.jsonl").read_bytes()
    assert seqnet.results("run")["test"] == seqnet.results(judge_run)["test"]
    assert seqnet.fingerprint("run") == seqnet.fingerprint(judge_run)


def test_a_crash_between_a_checkpoint_and_its_link_is_made_good(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...]
) -> None:
    link = checkpoint.link

    def crash(folder: Path, name: str, written: Path) -> None:
        if name == "best":
            raise RuntimeError("the machine is gone")
        link(folder, name, written)

    monkeypatch.setattr(checkpoint, "link", crash)
    assert seqnet.quietly(*classifier, "run_dir=run").code == 1
    monkeypatch.setattr(checkpoint, "link", link)
    (newest,) = checkpoint.existing(Path("run/checkpoints"))[:1]
    assert checkpoint.linked(Path("run/checkpoints"), "best") is None
    stop_after(monkeypatch, int(newest.name[5:]) + 1)
    assert seqnet("train", "run_dir=run").code == 143
    assert checkpoint.linked(Path("run/checkpoints"), "best") == newest


@pytest.mark.parametrize("override", ["optimizer.lr=1", "data.batch_size=9", "cell=gru", "seed=2", "schedule=cosine"])
def test_a_typed_option_that_differs_is_refused(seqnet: Any, judge_run: Path, override: str) -> None:
    found = seqnet("train", f"run_dir={judge_run}", override)
    key = override.partition("=")[0]
    assert found.code == 2
    assert key in found.err and "the stored run has" in found.err


def test_never_refuses_a_folder_that_holds_a_run(seqnet: Any, judge_run: Path, classifier: tuple[str, ...]) -> None:
    found = seqnet.quietly(*classifier, f"run_dir={judge_run}", "resume=never")
    assert found.code == 2
    assert "holds a run already" in found.err
    assert seqnet.quietly(*classifier, "run_dir=new", "resume=never", "training.max_steps=1").code == 0


def test_a_refused_resume_leaves_no_folder(seqnet: Any, judge_run: Path, tmp_path: Path) -> None:
    found = seqnet("train", f"resume={judge_run}", "run_dir=new", "optimizer.lr=1")
    assert found.code == 2
    assert not list(tmp_path.iterdir())


def damage(path: Path) -> None:
    """Flip a bit in the middle of the parameters."""
    file = path / "parameters.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_damaged_checkpoint_is_passed_over(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, language_model: tuple[str, ...], writer_run: Path
) -> None:
    stop_after(monkeypatch, 12)
    seqnet.quietly(*language_model, "run_dir=run", "checkpoint.every_steps=4")
    first, second = checkpoint.existing(Path("run/checkpoints"))[:2]
    damage(first)
    stop_after(monkeypatch, 0)
    assert seqnet("checkpoint", "verify", "run").code == 5
    found = seqnet("train", "run_dir=run", "training.max_epochs=2")
    assert found.code == 0
    assert found.err.startswith(f"seqnet: passed over: {first / 'parameters.safetensors'} is damaged")
    assert seqnet.fingerprint("run", without=("config",)) == seqnet.fingerprint(writer_run, without=("config",))
    assert seqnet.rows("run") == seqnet.rows(writer_run)
    assert second != first


def test_when_all_checkpoints_are_damaged_there_is_nothing_to_go_on_from(seqnet: Any, judge_run: Path) -> None:
    shutil.copytree(judge_run, "run", symlinks=True)
    for path in checkpoint.existing(Path("run/checkpoints")):
        damage(path)
    for arguments in (("run_dir=run",), ("resume=run", "run_dir=new")):
        found = seqnet("train", *arguments)
        assert found.code == 5
        assert "can be loaded" in found.err.splitlines()[-1]
    assert not Path("new").exists()
    assert seqnet("evaluate", "run=run").code == 5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_signal_from_outside(
    seqnet: Any, terminal: Any, tmp_path: Path, classifier: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    endless = ("training.max_epochs=null", "training.max_steps=100000", "checkpoint.every_steps=1", "run_dir=run")
    words = ("seqnet", "train", "observers.tensorboard=false", *seqnet.last_of(*classifier, *endless))
    pid = terminal.start(*words, folder=tmp_path)
    until = time.monotonic() + 100
    while not any(int(path.name[5:]) >= 3 for path in Path("run/checkpoints").glob("step_*")):
        assert time.monotonic() < until
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, number)
    ended = terminal.end()
    assert ended.code == code, ended
    if number != signal.SIGKILL:
        assert "stopping after this step" in ended.err
        assert "go on with: seqnet train run_dir=run" in ended.err
        assert "Traceback" not in ended.out + ended.err
    step = int(checkpoint.existing(Path("run/checkpoints"))[0].name[5:])
    found = seqnet("train", "run_dir=run", f"training.max_steps={step + 2}")
    assert found.code == 0, found.err
    assert seqnet.results("run")["steps"] == step + 2
    steps = [row["step"] for row in seqnet.rows("run") if row["split"] == "train"]
    assert steps == sorted(set(steps))


def test_a_second_signal_stops_at_once(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...]
) -> None:
    def on_step(self: object, report: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(MetricsFile, "on_step", on_step)
    found = seqnet.quietly(*classifier, "run_dir=run")
    assert found.code == 130
    assert "interrupted" in found.err
    assert [path.name for path in checkpoint.existing(Path("run/checkpoints"))] == ["step_00000000"]
    assert signal.getsignal(signal.SIGINT) is before


def test_before_training_begins_a_signal_stops_at_once(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, classifier: tuple[str, ...], tmp_path: Path
) -> None:
    monkeypatch.setattr("seqnet.build.source", lambda *given: os.kill(os.getpid(), signal.SIGTERM))
    assert seqnet.quietly(*classifier, "run_dir=run").code == 143
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("feeding", "estimator"), [("false", "exact"), ("true", "reinforce")])
def test_what_an_estimator_that_is_left_to_the_run_became_is_stored(
    seqnet: Any, reverser: tuple[str, ...], feeding: str, estimator: str
) -> None:
    """And it is no other one where the run is gone on with by what was typed before."""
    typed = ("attention=hard", "attention.estimator=auto", f"model.input_feeding={feeding}", "run_dir=run")
    assert seqnet.quietly(*reverser, *typed, "training.max_steps=1", "training.max_epochs=null").code == 0
    assert yaml.safe_load(Path("run", "config.yaml").read_text())["attention"]["estimator"] == estimator
    assert seqnet.quietly(*reverser, *typed, "training.max_steps=2", "training.max_epochs=null").code == 0


@pytest.mark.parametrize("step", [2, 9])
def test_a_decoder_stopped_between_two_windows_of_a_target_goes_on_to_the_same_end(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, reverser: tuple[str, ...], step: int
) -> None:
    """Its last vector and coverage are carried; choices, and whether it reads its own words, are drawn at random."""
    overrides = (
        *reverser,
        "attention=hard",
        "attention.coverage=true",
        "model.input_feeding=true",
        "cell@decoder_cell=gru",
        "training.window=2",
        "training.stride=1",
        "training.scheduled_sampling=0.5",
        "training.max_epochs=1",
    )
    assert seqnet.quietly(*overrides, "run_dir=whole").code == 0
    stop_after(monkeypatch, step)
    assert seqnet.quietly(*overrides, "run_dir=run").code == 143
    assert seqnet("train", "run_dir=run").code == 0
    assert seqnet.results("run")["steps"] > 9
    assert seqnet.fingerprint("run") == seqnet.fingerprint("whole")
    assert seqnet.rows("run") == seqnet.rows("whole")


def test_a_run_that_stopped_early_goes_on_when_its_patience_is_raised(seqnet: Any, classifier: tuple[str, ...]) -> None:
    still = (*classifier, "optimizer.lr=1e-30", "training.max_epochs=6")
    assert seqnet.quietly(*still, "training.patience=3", "run_dir=whole").code == 0
    assert seqnet.quietly(*still, "training.patience=1", "run_dir=run").code == 0
    assert seqnet.results("run")["epochs"] < seqnet.results("whole")["epochs"] == 4
    found = seqnet("train", "run_dir=run")
    assert found.out.startswith("run is complete: stopped early: 1 evaluations without a better")
    assert "(training.patience=1); to go on, raise that limit" in found.out
    assert seqnet("train", "run_dir=run", "training.patience=3").code == 0
    assert seqnet.fingerprint("run") == seqnet.fingerprint("whole")
    assert seqnet.rows("run") == seqnet.rows("whole")
    assert seqnet("train", "run_dir=run", "training.patience=2").out.startswith("run is complete: stopped early")
    assert seqnet("train", "run_dir=run", "training.patience=null").code == 0
    assert seqnet.results("run")["reason"] == "training.max_epochs=6 reached"


def test_a_learning_rate_that_jumps_is_told_once(
    seqnet: Any, monkeypatch: pytest.MonkeyPatch, language_model: tuple[str, ...]
) -> None:
    def jumps(*arguments: str) -> list[str]:
        found = seqnet("train", *seqnet.last_of("run_dir=run", "observers.console=true", *arguments))
        return [line for line in found.out.splitlines() if "jumps" in line]

    options = (*language_model, "training.max_epochs=null", "training.max_steps=12", "schedule=linear")
    assert not jumps(*options)
    stop_after(monkeypatch, 14)
    (told,) = jumps("training.max_steps=24")
    rates = {row["step"]: row["learning_rate"] for row in seqnet.rows("run") if row["split"] == "train"}
    assert f"jumps from {rates[12]:.4g} to {rates[12] * 6:.4g} (6-fold)" in told  # by 1/12 of the rate, and by 1/2
    assert told in Path("run/train.log").read_text()
    stop_after(monkeypatch, 0)
    assert not jumps()  # it goes on where it was
    assert not jumps("training.max_steps=25")  # 1/24 becomes 1/25
    assert seqnet.quietly(*options[:-1], "schedule=constant", "run_dir=still").code == 0
    assert "jumps" not in seqnet("train", "run_dir=still", "training.max_steps=24").out


@pytest.mark.parametrize(
    ("harm", "where"),
    [
        (lambda rows: None, "all {rows} rows, up to step {step};"),
        (lambda rows: [], "all {rows} rows, up to step {step};"),
        (
            lambda rows: [*rows[:3], b"\0" * len(rows[3]) + b"\n", *rows[4:]],
            "1 of the {rows} rows up to step {step}: those between",
        ),
        (lambda rows: rows[4:], "4 of the {rows} rows up to step {step}: those between steps 0 and 9;"),
        (lambda rows: rows[:4], "rows up to step {step}: those after step 6;"),
    ],
)
def test_rows_that_are_gone_are_told(
    seqnet: Any,
    monkeypatch: pytest.MonkeyPatch,
    language_model: tuple[str, ...],
    writer_run: Path,
    harm: Any,
    where: str,
) -> None:
    stop_after(monkeypatch, 16)
    seqnet.quietly(*language_model, "run_dir=run")
    stop_after(monkeypatch, 0)
    path = Path("run/metrics.jsonl")
    rows = path.read_bytes().splitlines(keepends=True)
    left = harm(rows)
    path.unlink() if left is None else path.write_bytes(b"".join(left))
    found = seqnet("train", "run_dir=run")
    assert found.code == 0
    (told,) = found.err.splitlines()
    assert told.startswith("seqnet: run/metrics.jsonl has lost ")
    assert where.format(rows=len(rows), step=16) in told
    assert seqnet.fingerprint("run") == seqnet.fingerprint(writer_run)
    there = seqnet.rows("run")
    assert [row for row in seqnet.rows(writer_run) if row in there] == there
