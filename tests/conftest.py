"""Small runs, made by the command line in this process."""

import contextlib
import copy
import io
import json
import operator
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal import config_loader_impl, config_repository, defaults_list
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig

from seqnet import build, cli, isolation
from seqnet.batch import Batch
from seqnet.configuration import CONFIGS
from seqnet.training import checkpoint, manifest

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards make toxic brew".split()
QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu", "threads=1")


def pytest_configure() -> None:
    """Signals count in tests, also where these run behind something that ignores them, as a job of a script does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    compose_each_choice_once()


class _Copy(pickle.Unpickler):
    """Copies what was pickled here, unheard by those who listen for pickles of strangers."""

    def find_class(self, module: str, name: str) -> Any:
        return operator.attrgetter(name)(sys.modules[module])


def compose_each_choice_once() -> None:
    """Have Hydra read each file, and put together each choice of groups, once in this process, not for each run.

    Values that are typed are put in afterwards, as ever. The user's own files, which tests change, are read each time.
    """
    loader, repository = config_loader_impl.ConfigLoaderImpl, config_repository.ConfigRepository
    create_defaults_list = config_loader_impl.create_defaults_list
    map_of_choices = defaults_list._create_interpolation_map
    put_together, load_single, load_config = (
        loader._compose_config_from_defaults_list,
        loader._load_single_config,
        repository.load_config,
    )
    places = {f"file://{CONFIGS}", "pkg://hydra.conf", "structured://"}
    chosen: dict[tuple[str | None, ...], Any] = {}
    made: dict[tuple[Any, ...], bytes] = {}

    def ours(repo: Any) -> bool:
        return {source.full_path() for source in repo.get_sources()} <= places

    def once(repo: Any, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if not ours(repo):
            return make()
        if key not in made:
            made[key] = pickle.dumps(make())
        return _Copy(io.BytesIO(made[key])).load()  # several times as fast as copy.deepcopy

    def chooses(override: Override, repo: Any) -> bool:
        return not isinstance(override.value(), dict) and bool(repo.group_exists(override.key_or_group))

    def choose(repo: Any, config_name: str | None, overrides_list: list[Override], **options: bool) -> Any:
        choices = [one for one in overrides_list if chooses(one, repo)]
        key = (config_name, *(one.input_line for one in choices))
        if ours(repo) and key not in chosen:
            with contextlib.suppress(HydraException):  # it is to say so itself
                chosen[key] = create_defaults_list(repo, config_name, choices, **{**options, "skip_missing": False})
        if not ours(repo) or key not in chosen:
            return create_defaults_list(repo, config_name, overrides_list, **options)
        found = copy.copy(chosen[key])
        values = [one for one in overrides_list if not chooses(one, repo)]
        found.config_overrides = [one for one in values if not one.is_sweep_override()]
        return found

    def map_if_used(overrides: Any, listed: list[Any], self_added: bool) -> DictConfig | None:
        used = any(one.is_interpolation() for one in listed if not one.is_self())
        return map_of_choices(overrides, listed, self_added) if used else None

    def compose(self: Any, defaults: list[Any], repo: Any) -> Any:
        return once(repo, ("whole", repr(defaults)), lambda: put_together(self, defaults, repo))

    def single(self: Any, default: Any, repo: Any) -> Any:
        return once(repo, ("part", default.config_path, default.package), lambda: load_single(self, default, repo))

    def read(self: Any, config_path: str) -> Any:
        return once(self, ("file", config_path), lambda: load_config(self, config_path))

    config_loader_impl.create_defaults_list = choose
    defaults_list._create_interpolation_map = map_if_used
    loader._compose_config_from_defaults_list = compose
    loader._load_single_config = single
    repository.load_config = read
    repository.__deepcopy__ = lambda self, memo: copy.copy(self)  # its sources, which are all that Hydra registers


def last_of(*arguments: str | Path) -> list[str | Path]:
    """The arguments, each key once: what comes later is in the place of what came before, which seqnet refuses."""
    return list({str(argument).partition("=")[0]: argument for argument in arguments}.values())


class Fixed:
    """A loader of given batches, the same every epoch."""

    def __init__(self, *batches: Batch) -> None:
        self.given = batches

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        yield from self.given[start:]

    def num_batches(self, epoch: int) -> int:
        return len(self.given)


@dataclass
class Answer:
    """What a command line brought."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def answer(*arguments: str | Path, stdin: bytes | None = None) -> Answer:
    """Run a command line in this process. The disk is not waited for, which is the subject of other tests."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        if stdin is not None:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.answer([str(argument) for argument in arguments])
    return Answer(code, out.getvalue(), err.getvalue())


class Terminal:
    """Types a line: terminal("seqnet", ..., folder=...) or terminal("FILE.py", ...), in a child of `server`."""

    def __init__(self, server: "subprocess.Popen[str]", folder: Path) -> None:
        self._server = server
        self.pid = server.pid
        self._out, self._err = folder / "out", folder / "err"

    def __call__(self, *words: str, folder: Path) -> Answer:
        """Run it to its end."""
        self.start(*words, folder=folder)
        return self.end()

    def start(self, *words: str, folder: Path) -> int:
        """Begin it, a training with each key once; the id of its process, and of its group."""
        assert self._server.stdin is not None
        if words[:2] == ("seqnet", "train"):
            words = tuple(map(str, last_of(*words)))
        for file in (self._out, self._err):
            file.write_bytes(b"")
        asked = {"typed": words, "folder": str(folder), "out": str(self._out), "err": str(self._err)}
        print(json.dumps(asked), file=self._server.stdin, flush=True)
        return self._number()

    def end(self) -> Answer:
        """Wait for what was started."""
        return Answer(self._number(), self._out.read_text(), self._err.read_text())

    def _number(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())


@contextlib.contextmanager
def serving(folder: Path, *within: str) -> Iterator[Terminal]:
    """A terminal whose output goes through `folder`, and whose server is started by the command `within`."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    environment.pop("SEQNET_DATA", None)
    server = subprocess.Popen(
        [*within, sys.executable, "-W", "error", str(here / "forks.py")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        yield Terminal(server, folder)


@pytest.fixture(scope="session")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A process of its own for each line typed, and warnings end it."""
    with serving(tmp_path_factory.mktemp("terminal")) as started:
        yield started


@pytest.fixture(scope="session")
def terminal_within() -> Callable[..., contextlib.AbstractContextManager[Terminal]]:
    """Begins a terminal inside of another command: terminal_within(folder, "unshare", "-rm")."""
    return serving


class Shell:
    """The command line, and what it wrote."""

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Answer:
        """Run a command line in this process."""
        return answer(*arguments, stdin=stdin)

    def quietly(self, *arguments: str | Path) -> Answer:
        """Train, with nobody watching."""
        return answer("train", *last_of(*QUIET, *arguments))

    last_of = staticmethod(last_of)

    @staticmethod
    def rows(run: Path | str) -> list[dict[str, Any]]:
        """metrics.jsonl."""
        return [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]

    @staticmethod
    def results(run: Path | str) -> dict[str, Any]:
        """results.json."""
        found: dict[str, Any] = json.loads((Path(run) / "results.json").read_text())
        return found

    @staticmethod
    def fingerprint(run: Path | str, name: str = "last", without: tuple[str, ...] = ()) -> dict[str, str]:
        """Of a run's checkpoint."""
        found = checkpoint.fingerprint(manifest.find(Path(run), name))
        return {key: value for key, value in found.items() if key not in without}


@pytest.fixture
def seqnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEQNET_DEBUG", raising=False)
    return Shell()


def trained(folder: Path, *arguments: str | Path) -> Path:
    """Train in that folder, where it must go well; the run's own folder."""
    with contextlib.chdir(folder):
        found = answer("train", *last_of(*QUIET, *arguments), "run_dir=run")
    assert found.code == 0, found.err
    return folder / "run"


class Inside:
    """Stands in for the process of a job: it runs in this one, as it is started."""

    pid = os.getpid()

    def __init__(self, function: Callable[..., object], *arguments: Any, output: Path | None = None) -> None:
        self.sentinel, write = os.pipe()
        os.close(write)
        try:
            function(*arguments)
            self.exitcode: Any = 0
        except SystemExit as ending:
            self.exitcode = ending.code
        os.close(self.sentinel)

    def join(self) -> None:
        """It has ended."""

    def is_alive(self) -> bool:
        """It has ended."""
        return False


@pytest.fixture
def jobs_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs of sweeps run in this process, and not in their own."""
    monkeypatch.setattr(isolation, "started", Inside)
    monkeypatch.setattr(isolation, "result", lambda function, *arguments: function(*arguments))


def options_of(group: str, choice: str) -> dict[str, Any]:
    """What a yaml says, without the choices of other groups that it makes."""
    found: dict[str, Any] = yaml.safe_load((CONFIGS / group / f"{choice}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key != "defaults"}


def table_of(
    path: Path | str | None,
    fields: dict[str, dict[str, Any]],
    inputs: list[str],
    target: str | None,
    format: dict[str, Any] | None = None,
    seed: int = 0,
    **options: Any,
) -> Any:
    """A data set of files, as `data=table` makes it, which has read nothing; nothing is held out.

    fields: by name, the options of each and its `type`. format: the options of the format and its `type`.
    """
    described = {
        name: options_of("field", one["type"]) | {key: value for key, value in one.items() if key != "type"}
        for name, one in fields.items()
    }
    given = dict(format or {})
    data = {
        **options_of("data", "table"),
        "path": None if path is None else str(path),
        "fields": described,
        "inputs": inputs,
        "target": target,
        "format": options_of("data/format", given.pop("type", "auto")) | given,
        "valid_share": 0.0,
        **options,
    }
    return build.source({"seed": seed, "data": data})


@pytest.fixture(scope="session")
def table() -> Callable[..., Any]:
    """Makes a data set of files: see `table_of`."""
    return table_of


@pytest.fixture(scope="session")
def novel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 2,000 characters or so."""
    drawn = random.Random(1)
    path = tmp_path_factory.mktemp("novel") / "novel.txt"
    path.write_text("\n".join(" ".join(drawn.choices(WORDS, k=8)) for _ in range(50)))
    return path


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of texts of different lengths, each with a label."""
    drawn = random.Random(2)
    rows = []
    for _ in range(60):
        words = drawn.choices(WORDS, k=drawn.randint(1, 12))
        rows.append(f"{' '.join(words)},{'friendly' if 'fox' in words else 'not'}")
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def language_model(novel: Path) -> tuple[str, ...]:
    """Overrides: text in lanes and windows, state carried, 22 steps."""
    return (
        "experiment=tiny_shakespeare",
        "cell=lstm",
        f"data.path={novel}",
        "data.batch_size=4",
        "model.hidden_size=8",
        "model.embedding_size=4",
        "model.output_dropout=0.1",
        "training.window=40",
        "training.stride=30",
        "training.max_epochs=2",
        "training.ema_decay=null",
        "training.evaluate_every_steps=5",
        "training.log_every_steps=3",
        "schedule.warmup_steps=2",
        "observers.sample_length=5",
    )


@pytest.fixture(scope="session")
def classifier(reviews: Path) -> tuple[str, ...]:
    """Overrides: rows in buckets with one answer each, dropout, patience, a plateau schedule, 14 steps."""
    return (
        "experiment=sst2",
        f"data.path={reviews}",
        "data.fields.text.column=text",
        "data.fields.label.column=label",
        "data.test_share=0.2",
        "data.valid_share=0.2",
        "data.batch_size=8",
        "model.hidden_size=6",
        "model.embedding_size=5",
        "model.num_layers=2",
        "model.dropout=0.2",
        "schedule=plateau",
        "schedule.patience=0",
        "training.max_epochs=3",
        "training.log_every_steps=2",
    )


@pytest.fixture(scope="session")
def writer_run(language_model: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained language model."""
    return trained(tmp_path_factory.mktemp("writer"), *language_model)


@pytest.fixture(scope="session")
def judge_run(classifier: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained classifier of texts."""
    return trained(tmp_path_factory.mktemp("judge"), *classifier)


@pytest.fixture(scope="session")
def adding_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained regression on sequences of numbers."""
    return trained(
        tmp_path_factory.mktemp("adding"),
        "experiment=adding",
        "data.length=10",
        "data.train_size=64",
        "data.valid_size=20",
        "data.test_size=20",
        "model.hidden_size=8",
        "training.max_epochs=1",
    )


@pytest.fixture(scope="session")
def reverser() -> tuple[str, ...]:
    """Overrides: numbers to be written in reverse, attention, dropout, 10 steps, beam search."""
    return (
        "experiment=reverse",
        "data.length=4",
        "data.held_out_length=5",
        "data.symbols=5",
        "data.train_size=160",
        "data.valid_size=20",
        "data.test_size=20",
        "data.batch_size=32",
        "model.hidden_size=16",
        "model.embedding_size=8",
        "model.output_dropout=0.1",
        "training.max_epochs=2",
        "training.monitor=token_accuracy",
        "task.metrics=[token_accuracy,exact_match,cer,wer,bleu,chrf]",
        "decoding=beam",
        "decoding.beam_size=3",
    )


@pytest.fixture(scope="session")
def reverse_run(reverser: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained encoder-decoder."""
    return trained(tmp_path_factory.mktemp("reverser"), *reverser)


@pytest.fixture(scope="session")
def caption_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that describes pictures."""
    folder = tmp_path_factory.mktemp("captions")
    return trained(folder, "experiment=digit_captions", "data.train_share=0.1", "training.max_epochs=1")


@pytest.fixture(scope="session")
def drawing_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that draws."""
    folder = tmp_path_factory.mktemp("drawings")
    return trained(folder, "experiment=digit_average", "data.train_share=0.3", "training.max_epochs=2")


@pytest.fixture(scope="session")
def chorale_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that composes."""
    folder = tmp_path_factory.mktemp("chorales")
    pieces = [[[60, 64, 67], [62, 65, 69], [59, 62, 67], [60, 64, 67]][first:] for first in range(3)] * 3
    (folder / "pieces.json").write_text(json.dumps(dict.fromkeys(("train", "valid", "test"), pieces)))
    return trained(
        folder,
        "experiment=compose",
        "data.path=pieces.json",
        "data.transpose=0",
        "model.hidden_size=16",
        "training.max_epochs=3",
    )
