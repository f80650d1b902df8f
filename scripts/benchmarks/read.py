"""Reading large files: seqnet's data set beside the plainest program that yields the same numbers, and their memory."""

import csv
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from benchmarks.timing import Pair, told

SEED, VALID = 0, 0.1
LETTERS = "etaoinshrdlucmfwypvbgkjqxzé"
LABELS = ("one", "two", "three", "four", "five")
Arrays = Sequence[np.ndarray]


class Measured(NamedTuple):
    """What a program took in a process of its own: processor seconds, MiB at most, and a digest of its numbers."""

    seconds: float
    resident: float
    anonymous: float
    digest: str


# ----------------------------------------------------------------------------------------------------------- the files


@cache
def known() -> tuple[list[str], np.ndarray]:
    """50,000 words, and how likely one is that is no rarer, by Zipf's law."""
    random = np.random.default_rng(SEED)
    letters = random.choice(list(LETTERS), 10 * 50_000)
    ends = random.integers(2, 11, 50_000) + 10 * np.arange(50_000)
    likely = 1 / (np.arange(50_000) + 2.7)
    return ["".join(letters[10 * n : end]) for n, end in enumerate(ends)], likely.cumsum() / likely.sum()


def words(count: int, random: np.random.Generator) -> list[str]:
    """So many of them, drawn."""
    names, below = known()
    return [names[number] for number in np.searchsorted(below, random.random(count)).tolist()]


def write_text(path: Path, size: int) -> None:
    """Lines of 12 words, about so many bytes."""
    random = np.random.default_rng(SEED)
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            drawn = words(min(1_200_000, 12 * (size // 60 + 1)), random)
            file.writelines(" ".join(drawn[begin : begin + 12]) + "\n" for begin in range(0, len(drawn), 12))


def write_table(path: Path, rows: int) -> None:
    """A text of eight words, a number and a label a row."""
    random = np.random.default_rng(SEED)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "number", "label"])
        for begin in range(0, rows, 100_000):
            count = min(100_000, rows - begin)
            drawn = words(8 * count, random)
            numbers, labels = random.normal(size=count).round(4).tolist(), random.integers(0, 5, count).tolist()
            out.writerows(
                (" ".join(drawn[8 * row : 8 * row + 8]), numbers[row], LABELS[labels[row]]) for row in range(count)
            )


# -------------------------------------------------------------------------------------------------- seqnet's data set


def ours(kind: str, path: Path) -> Arrays:
    """The numbers of the training and the validation split, as seqnet reads them."""
    from seqnet.data.dataset import Dataset
    from seqnet.data.examples import Examples, Stream
    from seqnet.data.fields.label import LabelField
    from seqnet.data.fields.number import NumberField
    from seqnet.data.fields.text import TextField
    from seqnet.data.formats.auto import Auto

    if kind == "table":
        fields = {"text": TextField(), "number": NumberField(), "label": LabelField()}
        data = Dataset(SEED, ".", fields, ["text", "number"], "label", Auto(), path=path, valid_share=VALID)
    else:
        level: Any = kind
        fields = {"text": TextField(level)}
        data = Dataset(SEED, ".", fields, ["text"], "text", Auto(), path=path, valid_share=VALID)
    data.fit()
    found: list[Any] = []
    for split in ("train", "valid"):
        read = data.split(split)
        if isinstance(read, Stream):
            found.append(read.documents.flat)
        else:
            assert isinstance(read, Examples)
            found += [read.inputs.flat, read.inputs.offsets, read.wholes["number"].flat, read.targets]
    return [tensor.numpy() for tensor in found]


# ------------------------------------------------------------------------------------------------ the plainest programs


def characters(path: Path) -> Arrays:
    """NumPy over the code points of the whole text."""
    text = path.read_text(encoding="utf-8")
    cut = int(len(text) * (1 - VALID))
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    counts = np.bincount(points[:cut])
    known = counts.nonzero()[0]
    order = known[np.lexsort((known, -counts[known]))]
    table = np.zeros(0x110000, np.uint8)
    table[order] = np.arange(1, len(order) + 1)
    numbers = table[points]
    return [numbers[:cut], numbers[cut:]]


def words_of(path: Path) -> Arrays:
    """A dictionary over the words of the whole text."""
    text = path.read_text(encoding="utf-8")
    parts = [part.replace("\n", " <eos> ").split() for part in _held_out(text)]
    numbers = _numbered(parts[0], ("<unk>", "<eos>"))
    return [np.fromiter((numbers.get(word, 0) for word in part), np.int32, len(part)) for part in parts]


def bpe(path: Path) -> Arrays:
    """`tokenizers` over the lines of the whole text."""
    import tokenizers

    text = path.read_text(encoding="utf-8")
    parts = [part.splitlines(keepends=True) for part in _held_out(text)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=8000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(parts[0], trainer)
    encoded = (tokenizer.encode_batch_fast(part) for part in parts)
    return [np.fromiter(chain.from_iterable(line.ids for line in lines), np.int16) for lines in encoded]


def table(path: Path) -> Arrays:
    """The csv module, and lists of all rows."""
    from seqnet.data.columns import assign

    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    splits = assign(len(rows), VALID, 0.0, SEED)
    train = [row for row, split in zip(rows, splits, strict=True) if split == 0]
    valid = [row for row, split in zip(rows, splits, strict=True) if split == 1]
    names = _numbered([word for text, _, _ in train for word in text.split()], ("<unk>",))
    numbers = np.array([float(number) for _, number, _ in train])
    mean, deviation = numbers.mean(), numbers.std()
    labels = {label: number for number, label in enumerate(sorted({label for _, _, label in train}))}
    found: list[np.ndarray] = []
    for part in (train, valid):
        texts = [text.split() for text, _, _ in part]
        lengths = np.array([0, *map(len, texts)])
        found += [
            np.array([names.get(word, 0) for text in texts for word in text], np.int32),
            lengths.cumsum(),
            (((np.array([float(number) for _, number, _ in part]) - mean) / deviation)[:, None]).astype(np.float32),
            np.array([labels[label] for _, _, label in part], np.int16),
        ]
    return found


def _held_out(text: str) -> tuple[str, str]:
    """The text up to the first white space behind nine tenths, and the rest."""
    place = int(len(text) * (1 - VALID))
    while not text[place].isspace():
        place += 1
    return text[: place + 1], text[place + 1 :]


def _numbered(parts: Sequence[str], special: Sequence[str]) -> dict[str, int]:
    counts = Counter(parts)
    names = sorted((name for name in counts if name not in special), key=lambda name: (-counts[name], name))
    return {name: number for number, name in enumerate((*special, *names))}


PLAIN: dict[str, Callable[[Path], Arrays]] = {"characters": characters, "words": words_of, "bpe": bpe, "table": table}


# ------------------------------------------------------------------------------------------------------- measured apart


def digest(found: Arrays) -> str:
    """Of numbers, whatever whole type they are held in; of others but for the last bits, which hang on how they are
    summed.
    """
    made = blake2b(digest_size=16)
    for array in found:
        for begin in range(0, len(array), 1 << 20):
            piece = array[begin : begin + (1 << 20)]
            made.update((piece.astype(np.int64) if piece.dtype.kind in "iu" else piece.round(3) + 0.0).tobytes())
    return made.hexdigest()


def child(program: str, kind: str, path: Path) -> None:
    """Run a program and print what it took; started by `measure`."""
    import seqnet.data.dataset  # noqa: F401  torch and all, before either begins

    began = time.process_time()
    found = ours(kind, path) if program == "seqnet" else PLAIN[kind](path)
    seconds = time.process_time() - began
    (resident,) = _status("self", "VmHWM")
    from seqnet import strict_json

    print(strict_json.dumps([seconds, resident, digest(found)]))


def _status(pid: int | str, *names: str) -> list[float]:
    """MiB that the kernel counts of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return [int(lines[name].split()[0]) / 1024 for name in names]


def measure(program: str, kind: str, path: Path) -> Measured:
    """What a program takes in a process of its own, without a cache."""
    here = Path(__file__).parents[1]
    code = f"from benchmarks.read import child, Path; child({program!r}, {kind!r}, Path({str(path)!r}))"
    environment = {**os.environ, "PYTHONPATH": str(here), "SEQNET_CACHE": ""}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
    anonymous = 0.0
    while process.poll() is None:
        try:
            anonymous = max(anonymous, *_status(process.pid, "RssAnon"))
        except (OSError, KeyError):  # it has ended meanwhile
            break
        time.sleep(0.01)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{program}, {kind}: ended with {process.returncode}")
    seconds, resident, found = json.loads(out)
    return Measured(seconds, resident, anonymous, found)


SIZES = {"characters": 100, "words": 100, "bpe": 20, "table": 1_000_000}
"""Megabytes of text, or rows of a table."""
GROWN = 300  # megabytes of characters, for the memory that does not grow


def read(turns: int = 3) -> list[Pair]:
    """Each kind of file, the two programs in turn; and how the memory of seqnet grows with a file's size."""
    found = []
    with TemporaryDirectory() as folder:
        for kind, size in SIZES.items():
            path = Path(folder) / ("rows.csv" if kind == "table" else "text.txt")
            write_table(path, size) if kind == "table" else write_text(path, size * 1_000_000)
            ours, theirs = list[Measured](), list[Measured]()
            for turn in range(turns):
                for program, several in (("seqnet", ours), ("other", theirs))[:: -1 if turn % 2 else 1]:
                    several.append(measure(program, kind, path))
            if len({one.digest for one in (*ours, *theirs)}) > 1:
                raise SystemExit(f"{kind}: the two programs do not yield the same numbers")
            unit = "rows" if kind == "table" else "MB"
            name = f"read {kind}, {size:,} {unit}: {memory(ours)}, other {memory(theirs)}"
            found.append(told(compared(name, ours, theirs)))
            if kind == "characters":
                write_text(path, GROWN * 1_000_000)
                print(f"read {kind}, {GROWN} MB: {memory([measure('seqnet', kind, path)])}", flush=True)
    return found


def memory(several: Sequence[Measured]) -> str:
    """The most that any of them took."""
    resident, anonymous = max(one.resident for one in several), max(one.anonymous for one in several)
    return f"{resident:,.0f} MiB resident, {anonymous:,.0f} anonymous"


def compared(name: str, ours: Sequence[Measured], theirs: Sequence[Measured]) -> Pair:
    """Their processor times as a pair."""
    seconds = [[one.seconds for one in several] for several in (ours, theirs)]
    ratios = tuple(one / other for one, other in zip(*seconds, strict=True))
    return Pair(name, *(statistics.median(each) * 1e3 for each in seconds), ratios, torch.get_num_threads())
