"""seqnet in Python: `seqnet.load` reads a trained run back to be asked, `seqnet.train` makes one.

What the commands do, without a command line: nothing is printed, errors are those of `seqnet.errors`, and what a
process has one of (random generators, threads, signals, Hydra) is afterwards as it was.
"""

import json
import logging
import os
import random
import shlex
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Required, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqnet import build, configuration, terminal, trust
from seqnet.batch import Batch
from seqnet.commands import evaluate, generate, launched, predict, results, stored, streaming
from seqnet.commands import train as training
from seqnet.commands.failures import explained
from seqnet.commands.hidden import hidden_states, layer_of
from seqnet.commands.predict import Asked
from seqnet.commands.signals import StopRequest
from seqnet.commands.writing import asked_writer
from seqnet.data.dataset import Dataset
from seqnet.data.formats.written import plain
from seqnet.data.read import Read
from seqnet.data.tally import ASKED
from seqnet.errors import ConfigurationError, DiskError, UserError, is_full, refused
from seqnet.strict_json import as_line

LOG = logging.getLogger("seqnet")  # hears what the commands would say
LOG.addHandler(logging.NullHandler())

States = NDArray[np.float32]
Decoding = str | Mapping[str, Any]
"""A decoding's name, such as `beam`, or its `name` and options: `{"name": "beam", "beam_size": 5}`."""
Overrides = str | Sequence[str] | Mapping[str, Any]


class Answer(TypedDict, total=False):
    """What a run answers to one input: the keys that `seqnet predict` writes."""

    prediction: Required[Any]  # a label, a list with one for each step, a text, numbers; None to what is blank
    score: Required[Any]  # how likely that is, where the model says it
    probabilities: Any  # of all classes, where asked for
    spans: list[dict[str, Any]]  # the entities of BIO tags, where asked for
    n_best: list[dict[str, Any]]  # further hypotheses of a beam
    error: str  # what is wrong with an input, with on_bad_row="skip"


class Sample(Answer, total=False):
    """What a run made of a prompt: the keys that `seqnet generate` writes."""

    prompt: Required[str]
    output: str  # the file that it was saved as


@dataclass(frozen=True)
class Evaluation:
    """How a run does on a split. scores: the loss and the metrics; tables: rows of the report, each named `table`."""

    split: str
    step: int
    scores: dict[str, float]
    tables: list[dict[str, Any]]


class TrainedRun:
    """A trained model, and all that is needed to ask it something; ask it from one thread at a time.

    path: the run folder or checkpoint that it was loaded from. It keeps nothing of what it is asked.
    """

    def __init__(self, path: Path, loaded: stored.StoredRun, trusted: Sequence[str] = ()) -> None:
        """See `load`, which makes one."""
        self.path = path
        self._stored = loaded
        self._trust = list(trusted)

    def __repr__(self) -> str:
        size = sum(parameter.numel() for parameter in self.model.parameters())
        model, device = type(self.model).__name__, self._stored.precision.device
        return f"<seqnet run {self.path}: {model}, {size:,} parameters, step {self.step:,}, on {device}>"

    @property
    def model(self) -> nn.Module:
        """The model, with the weights that are scored."""
        return self._stored.assembly.model

    @property
    def step(self) -> int:
        """The training step of its checkpoint."""
        return self._stored.step

    @property
    def config(self) -> dict[str, Any]:
        """A copy of the configuration that it was trained with."""
        return deepcopy(self._stored.config)

    @property
    def results(self) -> dict[str, Any] | None:
        """What training reached, as `results.json` holds it; None of a checkpoint alone."""
        file = self.path / results.FILE
        if not file.is_file():
            return None
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found

    # ------------------------------------------------------------------------------------------------------- to ask

    def predict(
        self,
        inputs: Iterable[Any] | Path,
        *,
        probabilities: bool = False,
        spans: bool = False,
        decoding: Decoding | None = None,
        prefix: str | None = None,
        horizon: int | None = None,
        batch_size: int | None = None,
        on_bad_row: Literal["raise", "skip"] | None = None,
    ) -> list[Answer]:
        """One answer for each input, in their order.

        inputs: texts, lists or arrays of numbers, or of several columns dicts by their names; or a file, as a Path, as
        `seqnet predict input=FILE` reads it. probabilities: of all classes too. spans: the entities of BIO tags too.
        decoding: of a run that writes, None = as in training. prefix: text that what is written must begin with.
        horizon: how many steps of a series to forecast. on_bad_row: `skip` gives an input that cannot be read an
        answer of None, with what is wrong as its `error`. Raises ConfigurationError for options that this run has
        no use for, and DataError for inputs that it cannot read.
        """
        path = inputs if isinstance(inputs, Path) else None
        config = self._asked(
            "predict",
            input=path,
            probabilities=probabilities,
            spans=spans,
            decoding=decoding,
            prefix=prefix,
            horizon=horizon,
            **{"data.batch_size": batch_size, "data.on_bad_row": on_bad_row},
        )
        asked = None if isinstance(inputs, Path) else self._values(inputs, on_bad_row == "skip")
        with _undisturbed(), explained(self._stored.config, config, rows="data.batch_size"):
            source = self._stored.assembly.source
            if isinstance(source, Dataset):
                source.tallies.pop(ASKED, None)  # of what was asked before
            predict.refuse_without_effect(config, self._stored, None)
            writer = asked_writer(config, self._stored)
            answer = predict.answering(self._stored, config, writer)
            found: list[Answer] = []
            for rows in predict.answered(
                self._stored, config, answer, predict.inputs_of(self._stored, config).asked if asked is None else asked
            ):
                found += [plain(each) for _, each in rows]
            for note in predict.notes_of(source, writer):
                LOG.warning("%s", note)
        return found

    def evaluate(
        self,
        split: Literal["train", "valid", "test"] = "test",
        *,
        path: str | Path | None = None,
        decoding: Decoding | None = None,
        batch_size: int | None = None,
        on_bad_row: Literal["raise", "skip"] | None = None,
        dynamic: bool = False,
        rule: Literal["rms", "sgd"] = "rms",
        lr: float | Literal["chosen"] = "chosen",
        decay: float = 0.001,
        window: int | None = None,
    ) -> Evaluation:
        """Scores on a split of the data that it was trained on, or of other data of the same kind at `path`.

        decoding: of a run that writes, None = as in training. on_bad_row: `skip` leaves out rows that cannot be used.
        dynamic: scores too, each named `dynamic_...`, of weights that learn of each window of a running text once it
        has been scored; rule, lr, decay, window (tokens): how they learn. Raises ConfigurationError and DataError.
        """
        config = self._asked(
            "evaluate",
            split=split,
            decoding=decoding,
            dynamic=dynamic,
            **{"data.path": path, "data.batch_size": batch_size, "data.on_bad_row": on_bad_row},
            **{"adaptation.rule": rule, "adaptation.lr": lr, "adaptation.decay": decay, "adaptation.window": window},
        )
        with _undisturbed(), explained(self._stored.config, config):
            scores, report = evaluate.judged(self._stored, config)
            return Evaluation(split, self.step, plain(scores), [plain(row) for row in report.rows()])

    def generate(
        self,
        prompt: Any = None,
        *,
        samples: int = 1,
        length: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        typical_p: float | None = None,
        decoding: Decoding = "sampling",
        seed: int = 1,
        output: str | Path | None = None,
    ) -> list[Sample]:
        """So many samples: a text gone on with, or what is written, composed or drawn for a source.

        prompt: the text to go on from, or steps of notes; or the source. length: tokens at most, or steps. temperature,
        top_k, top_p, min_p, typical_p: of sampling. The same seed makes the same samples. output: also saves a piece as
        .mid or .wav, a drawing as .png. Raises ConfigurationError for a run that writes nothing, and DataError for a
        prompt that it cannot read.
        """
        config = self._prompted(
            prompt,
            samples=samples,
            length=length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            typical_p=typical_p,
            decoding=decoding,
            seed=seed,
            output=output,
        )
        if output is not None and Path(output).suffix.lower() not in generate.MEDIA:
            raise ConfigurationError(
                f"output={output}: choose one of {', '.join(generate.MEDIA)}; what is written is returned"
            )
        with _undisturbed(), explained(self._stored.config, config, rows="samples"):
            found: list[Sample] = [plain(row) for row in generate.made(self._stored, config).rows]
        return found

    def stream(
        self,
        prompt: Any = None,
        *,
        length: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        typical_p: float | None = None,
        decoding: Decoding = "sampling",
        seed: int = 1,
    ) -> Iterator[str]:
        """Pieces of text as they are written, which together are what `generate` makes of the same options.

        A piece is what a token adds: a character, a word with the space before it, a part of a word. Raises
        ConfigurationError, also for a decoding such as `beam` that knows its answer only at the end, and DataError.
        """
        config = self._prompted(
            prompt,
            length=length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            typical_p=typical_p,
            decoding=decoding,
            seed=seed,
        )
        with _undisturbed(), explained(self._stored.config, config):
            pieces = streaming.streamed(self._stored, config)
        return self._explained(pieces, config)

    def _explained(self, pieces: Iterator[str], config: dict[str, Any]) -> Iterator[str]:
        while True:
            with explained(self._stored.config, config):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def encode(self, inputs: Iterable[Any], *, layer: int = -1, batch_size: int | None = None) -> list[States]:
        """The hidden state after each step of each input, [steps size] float32, without padding.

        inputs: as for `predict`. layer: of the recurrent layers, from the bottom 0, 1, ..., from the top -1, -2, ...;
        of a model that reads a source those of its encoder. Of two directions both stand side by side. Raises
        ConfigurationError for a model without recurrent layers, and DataError for inputs that cannot be read.
        """
        config = self._asked("predict", **{"data.batch_size": batch_size})
        of = self._stored
        size: int = layer_of(self.model, layer).size  # type: ignore[assignment]
        rows = config["data"]["batch_size"] or of.config["data"]["batch_size"]

        def states(batch: Batch, places: list[int]) -> list[dict[str, Any]]:
            return [{"states": one.numpy()} for one in hidden_states(of.assembly, of.precision, batch, layer)]

        with _undisturbed(), explained(of.config, config, rows="data.batch_size"):
            found = [one for asked in self._values(inputs) for one in predict.predictions(states, asked, rows, 0)]
        nothing = np.zeros((0, size), dtype=np.float32)  # of what is blank
        return [one.get("states", nothing) for one in found]

    # ---------------------------------------------------------------------------------------------- how it is asked

    def _asked(self, command: str, **given: Any) -> dict[str, Any]:
        config = configuration.asked(command, given)
        return config | {"run": str(self.path), "trust": self._trust}

    def _prompted(self, prompt: Any, **given: Any) -> dict[str, Any]:
        text = prompt if prompt is None or isinstance(prompt, str) else as_line(plain(_as_json(prompt)))
        return self._asked("generate", prompt=text, **given)

    def _values(self, inputs: Iterable[Any], skip: bool = False) -> Iterator[Asked]:
        """Inputs as they are asked, all together. Raises ConfigurationError for one that stands by itself."""
        if isinstance(inputs, str | bytes | Mapping):
            raise ConfigurationError(
                "inputs is one value: give a list of them, [value], or a file of them as pathlib.Path(...)"
            )
        source: Any = self._stored.assembly.source
        values = [plain(_as_json(value)) for value in inputs]
        if not values:
            return iter(())
        if isinstance(source, Dataset):
            return predict.asked_of([(values, 1)], "inputs", source.read_values, source.as_given, skip, {})
        lines = [value if isinstance(value, str) else as_line(value) for value in values]
        return predict.asked_of(
            [(lines, 1)], "inputs", source.read_inputs, lambda line, number: Read(number, {}, line), skip, {}
        )


def load(
    run: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: str | None = None,
    trust: Sequence[str] = (),
) -> TrainedRun:
    """Read a trained run back, as safely as the commands do: nothing of it is executed, and its data need not be there.

    run: a run folder, of which the best checkpoint is taken, or one checkpoint directory. device: auto, cpu or cuda.
    precision: fp32, tf32, bf16 or fp16; None = as in training. trust: packages of one's own whose classes it may name.
    Raises CheckpointError where there is none that can be loaded, and ConfigurationError for classes that are not
    trusted.
    """
    path, trusted = Path(run), [trust] if isinstance(trust, str) else list(trust)
    configuration.asked("predict", {"device": device, "precision": precision, "trust": trusted})
    with _undisturbed():
        return TrainedRun(path, stored.load(path, "best", trusted, device, precision), trusted)


def train(overrides: Overrides = (), /, **options: Any) -> TrainedRun:
    """Train a model and return the run; where `run_dir` holds one that was stopped, go on with it.

    overrides: what follows `seqnet train`, as a line or a list of `KEY=VALUE`, or a dict by keys. options: the same by
    keys without dots: `train(experiment="digits", cell="gru")`. KeyboardInterrupt, raised in the main thread, comes
    with a checkpoint to go on from. Raises what the command would say in a sentence: see `seqnet.errors`.
    """
    arguments = arguments_of(overrides, options)
    with _undisturbed():
        launched.refuse_several(os.environ)
        composed = configuration.compose("train", arguments)
        if (count := composed.config.get("processes", 1)) > 1:
            raise ConfigurationError(
                f"processes={count} starts programs, and seqnet.train trains in this one: give processes=1, or run "
                "`seqnet train` in a terminal"
            )
        code, folder = training.trained(
            composed.config,
            composed.typed,
            composed.choices,
            composed.defaults,
            composed.places,
            StopRequest(_interrupts(), told=b""),
        )
        if code:
            raise KeyboardInterrupt
        trusted = [*composed.config["trust"], *build.packages(composed.config)]  # which were run just now
        loaded = stored.load(folder, "best", trusted, composed.config["device"], composed.config["precision"])
    return TrainedRun(folder, loaded, trusted)


def arguments_of(overrides: Overrides, options: Mapping[str, Any]) -> list[str]:
    """A command line. Raises ConfigurationError for flags that are of a command line only."""
    if isinstance(overrides, str):
        typed = shlex.split(overrides)
    elif isinstance(overrides, Mapping):
        typed = [_typed(key, value) for key, value in overrides.items()]
    else:
        typed = list(map(str, overrides))
    typed += [_typed(key, value) for key, value in options.items()]
    for argument in typed:
        if argument.startswith("-") and not argument.startswith("--config-dir"):
            raise ConfigurationError(f"{argument} is of the command line: leave it out, and give KEY=VALUE")
    return [configuration.quoted(argument) for argument in typed]


def _typed(key: str, value: Any) -> str:
    """An option as it is typed; text that is no choice of a group is quoted, so that it is read as it stands."""
    name = key.lstrip("+")
    if isinstance(value, str) and (trust.is_group(name) or name in trust.parts()):
        return f"{key}={value}"
    return f"{key}={_told(plain(_as_json(value)))}"


def _told(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return configuration.quote(value)
    if isinstance(value, list):
        return f"[{','.join(map(_told, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{name}:{_told(each)}' for name, each in value.items())}}}"
    return repr(value)


def _as_json(value: Any) -> Any:
    """Tensors as arrays; all else as it is, of which `plain` knows the rest."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, list | tuple) else value


def _interrupts() -> Sequence[int]:
    """The signals that end training with a checkpoint: Ctrl-C, where nobody else listens to it and this thread may."""
    main = threading.current_thread() is threading.main_thread()
    return (signal.SIGINT,) if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler else ()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Nothing is shown inside, and what a process has one of is afterwards as it was. Raises DiskError for a full disk.

    Generators, threads and how torch computes. What led to an error is shown with SEQNET_DEBUG=1, as in a terminal.
    """
    of_python, of_numpy, of_torch = random.getstate(), np.random.get_state(), torch.get_rng_state()
    of_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    deterministic, rounded = _deterministic(), _rounded()
    try:
        with terminal.logged(LOG):
            yield
    except UserError as error:
        if os.environ.get("SEQNET_DEBUG") != "1":
            error.__cause__, error.__suppress_context__ = None, True
        raise
    except OSError as error:
        if is_full(error):
            raise DiskError(refused(error.filename or "a temporary file", error)) from error
        raise
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        torch.set_rng_state(of_torch)
        if of_gpus is not None:
            torch.cuda.set_rng_state_all(of_gpus)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = benchmark
        if _deterministic() != deterministic:  # which imports torch's compiler
            torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        if rounded is not None and _rounded() != rounded:
            torch.set_float32_matmul_precision(rounded[0])
            torch.backends.cudnn.allow_tf32 = rounded[1]


def _deterministic() -> tuple[bool, bool]:
    """Whether torch is, and whether it only warns where it cannot."""
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _rounded() -> tuple[str, bool] | None:
    """How a GPU rounds what it multiplies in single precision: in products of matrices, and in cuDNN.

    None where torch does not say, as it was told in both its old way and its new one.
    """
    try:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return None
