"""Files of several sizes are made, read and encoded: seconds of CPU, memory and disk, as docs/scale.md shows them.

    python scripts/large_data.py 100 300 1000 --kinds characters words table --workers 0

Each size is in megabytes. Memory is what no file stands for (RssAnon), of all processes together, at its most.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DIFFERENT = 2_000_000  # words that the texts are made of, the first of them most often
WORDS = 200_000  # that are drawn at a time
RARE = 0.15  # a word at place r occurs as often as (r + 2) ** -(1 + RARE)
LANGUAGE = ("experiment=tiny_shakespeare", "data.fields.text.vocabulary_size=30000")
KINDS = {
    "characters": (".txt", (*LANGUAGE, "data.fields.text.level=characters")),
    "words": (".txt", (*LANGUAGE, "data.fields.text.level=words")),
    "table": (
        ".csv",
        (
            "experiment=sst2",
            "data.fields.text.column=text",
            "data.fields.label.column=label",
            "data.fields.text.vocabulary_size=30000",
        ),
    ),
}
BATCHES = 100  # that are made from the middle of an epoch on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=float, default=[30, 100])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        from seqnet import strict_json  # not before: what is measured begins with little in memory

        print(strict_json.dumps(measured(options.measure[0], Path(options.measure[1]), options.workers)))
        return
    print("| kind | GB | rows or tokens | CPU s | CPU s a GB | found again, s | memory, MiB | kept, GB |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        for size in options.sizes:
            with tempfile.TemporaryDirectory(prefix="large_") as folder:
                file = Path(folder, f"train{KINDS[kind][0]}")
                write(file, size * 1e6)
                environment = {**os.environ, "SEQNET_CACHE": f"{folder}/kept", "TMPDIR": folder}
                words = [sys.executable, __file__, "--workers", str(options.workers), "--measure", kind, str(file)]
                first, again = (
                    json.loads(subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE).stdout)
                    for _ in range(2)
                )
                kept = sum(path.stat().st_size for path in Path(folder, "kept").rglob("*") if path.is_file())
            gigabytes = size / 1e3
            print(
                f"| {kind} | {gigabytes:g} | {first['length']:,} | {first['seconds']:.1f} | "
                f"{first['seconds'] / gigabytes:.0f} | {again['seconds']:.1f} | {first['began']:.0f}, "
                f"{first['most']:.0f} | {kept / 1e9:.2f} |",
                flush=True,
            )


def write(file: Path, size: float) -> None:
    """Texts of about so many bytes, whose words are few and many as those of a language are."""
    random = np.random.default_rng(1)
    words = vocabulary(random)
    done = 0
    with file.open("w", encoding="ascii") as out:
        table = file.suffix == ".csv"
        done += out.write("text,label\n" if table else "")
        while done < size:
            for text in sentences(random, words):
                label = f",{'good' if len(text) % 2 else 'bad'}" if table else ""
                done += out.write(f"{text}{label}\n")


def vocabulary(random: np.random.Generator) -> list[str]:
    """Different words, the first of them the shortest."""
    lengths = np.clip(2 + np.log2(np.arange(1, DIFFERENT + 1)) / 2.2 + random.normal(0, 1, DIFFERENT), 1, 14).astype(
        int
    )
    weights = 1 / np.arange(2, 28)
    letters = "".join(random.choice(list("etaoinshrdlucmfwypvbgkjqxz"), lengths.sum(), p=weights / weights.sum()))
    ends = lengths.cumsum().tolist()
    return [letters[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]


def sentences(random: np.random.Generator, words: list[str]) -> Iterator[str]:
    """Texts of 5 to 29 words."""
    share = 1 - random.random(WORDS) * (1 - ((DIFFERENT + 3) / 3) ** -RARE)
    drawn = [words[place] for place in np.minimum(share ** (-1 / RARE) * 3 - 3, DIFFERENT - 1).astype(int).tolist()]
    begin = 0
    for length in random.integers(5, 30, WORDS // 30).tolist():
        yield " ".join(drawn[begin : begin + length])
        begin += length


def measured(kind: str, file: Path, workers: int) -> dict[str, float]:
    """Read a file as a run does, and make some batches from the middle of an epoch."""
    from seqnet import build
    from seqnet.configuration import compose

    config = compose("train", [*KINDS[kind][1], f"data.path={file}", f"data.num_workers={workers}"]).config
    began, most = anonymous(), [0.0]
    threading.Thread(target=watch, args=(most,), daemon=True).start()
    before = seconds()
    source = build.source(config)
    source.fit()
    train, _ = source.split("train"), source.split("valid")
    spent = seconds() - before
    loader = build.loader(config, train, training=True)
    assert loader is not None
    batches = loader.batches(1, loader.num_batches(1) // 2)
    for _, batch in zip(range(BATCHES), batches, strict=False):
        middle = batch.num_windows(64) // 2
        for _, _ in zip(range(BATCHES), batch.windows(64, start=middle), strict=False):
            pass
    batches.close()  # type: ignore[attr-defined]
    return {"length": len(train), "seconds": spent, "began": began, "most": max(most[0], anonymous())}


def watch(most: list[float]) -> None:
    """Remember the most memory that was used."""
    while True:
        most[0] = max(most[0], anonymous())
        time.sleep(0.02)


def anonymous() -> float:
    """MiB of memory that no file stands for, of this process and those that it has begun."""
    total = 0
    for process in (os.getpid(), *(child.pid for child in multiprocessing.active_children())):
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return total / 1024


def seconds() -> float:
    """Of CPU, of this process and those that it has begun and that have ended."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in found)


if __name__ == "__main__":
    main()
