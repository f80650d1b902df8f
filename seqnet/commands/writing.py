"""Free writing: what a run's decoder writes by itself for the rows of a batch, and how that is told."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqnet.batch import Batch
from seqnet.build import Assembly, check_options, locate, make
from seqnet.commands.copying import Copying
from seqnet.commands.stored import StoredRun
from seqnet.commands.vocabulary import read_vocabulary
from seqnet.data.generation import generator
from seqnet.decoding.constrained import Constrained
from seqnet.decoding.generation import OF_WRITER, Decoding
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.decoding.incremental import Written
from seqnet.decoding.obeying import Obeying
from seqnet.decoding.unroll import unroll
from seqnet.errors import ConfigurationError, DataError, visible
from seqnet.kinds import Axis
from seqnet.options import shown
from seqnet.specs import Tokens, Writing
from seqnet.training.evaluation import evaluating
from seqnet.training.precision import Precision

LIMITS = ("min_length", "max_length", "no_repeat_ngram", *OF_WRITER)
FILES = ("vocabulary", "dictionary")
GREEDY = "seqnet.decoding.greedy.Greedy"

Found = list[list[Hypothesis]] | Tensor
"""For each row its hypotheses, best first; of numbers, which are rolled out, [batch steps feature]."""


def writing_of(source: Any) -> Writing | None:
    """How a source's targets are written; None where they are not written step by step."""
    found: Writing | None = getattr(source, "writing", None)
    return found


def greedily(decoding: dict[str, Any], trust: Sequence[str] | None = None) -> dict[str, Any]:
    """The greedy decoding with the same limits, or the one that the configured one names. trust: as `locate` has it."""
    target = getattr(locate(decoding["_target_"], trust), "greedy", GREEDY)
    return {"_target_": target, **{key: decoding[key] for key in LIMITS if key in decoding}}


def described(decoding: dict[str, Any], source: Any = None) -> dict[str, Any]:
    """A decoding as a line of JSON says it: its name and its options. A source's numbers are rolled out without."""
    writing = writing_of(source)
    if writing is not None and writing.end is None:
        return {"name": "roll_out"}
    options = {key: value for key, value in decoding.items() if key != "_target_"}
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", decoding["_target_"].rpartition(".")[2]).lower()
    return {"name": name, **options}


def decoded(description: dict[str, Any]) -> str:
    """The sentence that says how answers were decoded, without what has no effect. description: see `described`."""
    said = {key: value for key, value in description.items() if key == "temperature" or value not in (None, 0)}
    return " ".join([f"decoded by {said.pop('name')}", *(f"{key}={shown(value)}" for key, value in said.items())])


def decoder(decoding: dict[str, Any], source: Any, trust: Sequence[str] | None = None) -> Decoding:
    """The decoder that is configured, held to the tokens of `decoding.vocabulary`. trust: as `build.make` takes it.

    Raises ConfigurationError and DataError.
    """
    options = dict(decoding)
    path, copies, dictionary = (options.pop(key, None) for key in OF_WRITER)
    if dictionary is not None and not copies:
        raise ConfigurationError(
            f"decoding.dictionary={dictionary} has no effect: nothing is copied; set decoding.replace_unknown=true too"
        )
    if copies and writing_of(source) is None:
        raise ConfigurationError(
            "decoding.replace_unknown=true copies words of a source, and this run goes on with a text: leave it out"
        )
    made: Decoding = make(options, trust)
    if path is None:
        return made
    if not isinstance(source.targets, Tokens):
        raise ConfigurationError(f"decoding.vocabulary={path} is of tokens, and this run draws numbers: leave it out")
    writing = writing_of(source)
    forbidden = source.forbidden if writing is None else writing.forbidden
    return Constrained(made, read_vocabulary(path, source.targets, forbidden))


def has_steps(decoder: Any) -> bool:
    """Whether a decoder chooses one token after another, once and for all."""
    return hasattr(getattr(decoder, "decoding", decoder), "steps")


@dataclass
class Writer:
    """Writes the rows of batches, one batch after the other; numbers are rolled out, whatever the decoding.

    decoding: as configured. trust: as `build.make` takes it. What is drawn is drawn from a generator of its own,
    which begins at the seed.
    """

    assembly: Assembly
    precision: Precision
    decoding: dict[str, Any]
    seed: int
    trust: Sequence[str] | None = None

    def __post_init__(self) -> None:
        self._written = self._cut = 0
        self._decoder = decoder(self.decoding, self.assembly.source, self.trust)
        self._check()
        copies, path = self.decoding.get("replace_unknown"), self.decoding.get("dictionary")
        self._copying = Copying(self.assembly.source, self.assembly.model, path) if copies else None
        self._generator = torch.Generator().manual_seed(self.seed)

    def _check(self) -> None:
        """Raises ConfigurationError where the decoding reads what this model does not give."""
        task = self.assembly.task
        if getattr(self._decoder, "features", Axis.SEQUENCE) is not getattr(task, "features", Axis.SEQUENCE):
            name, hears = self.description["name"], task.features is Axis.FRAME
            ways = ("writes one token after another", "hears all tokens at once")
            raise ConfigurationError(
                f"decoding={name} is of a model that {ways[not hears]}, and this run's {ways[hears]}: leave it out"
            )

    @property
    def numbers(self) -> bool:
        """Whether numbers are written, not tokens."""
        return self.assembly.source.writing.end is None

    @property
    def description(self) -> dict[str, Any]:
        """What a line of JSON says of it."""
        return described(self.decoding, self.assembly.source)

    def __call__(self, batch: Batch, prefix: Sequence[int] = ()) -> Found:
        """What is written for each row of a batch, whatever its inputs and targets are. prefix: how all begin."""
        model: Any = self.assembly.model
        source = self.assembly.source
        with evaluating(model), self.precision.autocast():
            memory, state = model.begin(batch.to(self.precision.device))
            if self.numbers:
                return unroll(model, memory, state, source.writing.longest, source.targets.size)
            found: list[list[Hypothesis]] = self._obeying(batch).decode(model, self._start(memory, state, prefix))
        self._written += len(found)
        self._cut += sum(not several[0].ended for several in found)
        return found if self._copying is None else self._copying.hypotheses(found, batch)

    def of_batch(self, number: int, batch: Batch) -> Found:
        """What is written for the batch of that number: what is drawn is the same whoever writes for the others."""
        self._generator = generator(self.seed, "written", number)
        return self(batch)

    def steps(self, batch: Batch, prefix: Sequence[int] = ()) -> Iterator[Written]:
        """The same step by step, of a decoding that has `steps`; to be consumed under `evaluating`."""
        model: Any = self.assembly.model
        with evaluating(model), self.precision.autocast():
            memory, state = model.begin(batch.to(self.precision.device))
            found: Iterator[Written] = self._obeying(batch).steps(model, self._start(memory, state, prefix))
        return found if self._copying is None else self._copying.steps(found, batch)

    def _start(self, memory: Any, state: Any, prefix: Sequence[int]) -> Start:
        writing: Writing = self.assembly.source.writing
        writing = writing if self._copying is None else self._copying.writing(writing)
        return Start(memory, state, writing, prefix, self._generator, looks=self._copying is not None)

    @property
    def has_steps(self) -> bool:
        """Whether it writes token after token, and not, as a beam, all of an answer at the end."""
        return not self.numbers and has_steps(self._decoder)

    def _obeying(self, batch: Batch) -> Any:
        """The decoder, held to the grammar of what is written where there is one."""
        grammar = self.assembly.source.writing.grammar
        if grammar is None or batch.source_lengths is None:
            return self._decoder
        return Obeying(self._decoder, grammar, batch.source_lengths)

    @property
    def notes(self) -> list[str]:
        """A sentence where some of what was written so far did not end by itself."""
        if not self._cut:
            return []
        return [
            f"{self._cut:,} of {self._written:,} answers ran to decoding.max_length without an end; raise it, or train "
            "for longer"
        ]

    def rows(self, found: Found) -> list[dict[str, Any]]:
        """A line of JSON for each row: prediction, score, and where more than one was asked n_best."""
        if isinstance(found, Tensor):
            return [{"prediction": row, "score": None} for row in found.tolist()]
        several = self.decoding.get("n_best", 1) > 1
        rows = []
        for hypotheses in found:
            told = [{"prediction": self.assembly.source.text(one.ids), "score": one.score} for one in hypotheses]
            rows.append({**told[0], **({"n_best": told} if several else {})})
        return rows


def asked_writer(config: dict[str, Any], stored: StoredRun) -> Writer | None:
    """The writer of a run as a command asks for it: `decoding` as typed, or else as the run was configured.

    None for a run that does not write. Raises ConfigurationError where one is asked to.
    """
    typed = config.get("decoding")
    if writing_of(stored.assembly.source) is None:
        if typed is not None:
            raise ConfigurationError(
                f"run={config['run']} does not write step by step, so nothing is decoded: leave decoding out"
            )
        return None
    settings = stored.config
    for key in FILES:
        path = settings["decoding"].get(key)
        if typed is None and path is not None:
            name = described(settings["decoding"])["name"]
            raise ConfigurationError(
                f"this run was configured with decoding.{key}={visible(str(path)[:60])}, and no file is opened because "
                f"a run says so: type decoding={name} with its options, and decoding.{key}= where it is wanted"
            )
    if typed is not None:
        check_options({"decoding": typed})
    decoding, trust = (typed, None) if typed is not None else (settings["decoding"], config["trust"])
    return Writer(stored.assembly, stored.precision, decoding, settings["seed"], trust)


def beginning(stored: StoredRun, option: str, text: str) -> list[int]:
    """The ids of a text that what is written must begin with. Raises ConfigurationError, naming the option."""
    source = stored.assembly.source
    if not text:
        return []
    if source.writing.end is None:
        raise ConfigurationError(f"{option}={text}: this run draws numbers, which begin with no text: leave it out")
    try:
        ids: list[int] = source.encode_target(text)
    except DataError as error:
        raise ConfigurationError(f"{option}: {error}") from error
    return ids
