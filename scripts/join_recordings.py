"""Recordings joined at random, and a table of what they say: folders of single spoken digits become numbers.

    python scripts/join_recordings.py data/fsdd/recordings data/numbers --joined 2 5 --rows 2400 --test 0-4 --valid 5-9

Names are made as `7_jackson_32.wav`: what is said, by whom, which take. Recordings that are joined are of one speaker
and of one split, so that no recording of test is heard in training. `--joined 1 1` copies nothing: the table names the
recordings as they are, each once. The table, rows.csv, has the columns file, text, speaker and split.
"""

import argparse
import csv
import random
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SILENCE = 0.1  # seconds at most between two recordings


def takes(text: str) -> range:
    """The takes of a range such as `0-4`. Raises ValueError."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def by_split(folder: Path, valid: range, test: range) -> dict[str, dict[str, list[tuple[str, Path]]]]:
    """The word and the file of each recording, by split and speaker. Raises SystemExit for a file of another name."""
    found: dict[str, dict[str, list[tuple[str, Path]]]] = {
        split: defaultdict(list) for split in ("train", "valid", "test")
    }
    for path in sorted(folder.glob("*.wav")):
        parts = path.stem.split("_")
        if len(parts) != 3 or not parts[2].isdigit():
            sys.exit(f"{path}: its name is not made as 7_jackson_32.wav")
        said, speaker, take = parts[0], parts[1], int(parts[2])
        word = WORDS[int(said)] if said.isdigit() and int(said) < len(WORDS) else said
        split = "test" if take in test else "valid" if take in valid else "train"
        found[split][speaker].append((word, path))
    return found


def main() -> None:
    """Write the recordings and the table."""
    import soundfile

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recordings", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--joined", type=int, nargs=2, default=(2, 5), metavar=("FEWEST", "MOST"))
    parser.add_argument("--rows", type=int, default=2400, help="of train; valid and test have a tenth each")
    parser.add_argument("--valid", type=takes, default=range(5, 10), help="takes, such as 5-9")
    parser.add_argument("--test", type=takes, default=range(0, 5))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    fewest, most = asked.joined
    if not 1 <= fewest <= most:
        parser.error("--joined must be two numbers of at least 1, the first not above the second")
    asked.out.mkdir(parents=True, exist_ok=True)
    drawn = random.Random(asked.seed)
    table = []
    for split, speakers in by_split(asked.recordings, asked.valid, asked.test).items():
        if not speakers:
            sys.exit(f"{asked.recordings}: no recording is of the {split} split; choose other takes for it")
        if most == 1:
            for speaker, recordings in speakers.items():
                table += [(str(path.resolve()), word, speaker, split) for word, path in recordings]
            continue
        for number in range(asked.rows if split == "train" else asked.rows // 10):
            speaker = drawn.choice(sorted(speakers))
            some = drawn.choices(speakers[speaker], k=drawn.randint(fewest, most))
            pieces, rate = [], 0
            for _, path in some:
                samples, rate = soundfile.read(path, dtype="float32")
                pieces += [samples, np.zeros(round(drawn.random() * SILENCE * rate), np.float32)]
            name = f"{split}_{number:05}.wav"
            soundfile.write(asked.out / name, np.concatenate(pieces), rate)
            table.append((name, " ".join(word for word, _ in some), speaker, split))
    with (asked.out / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "text", "speaker", "split"))
        writer.writerows(table)
    print(f"{len(table):,} rows in {asked.out / 'rows.csv'}")


if __name__ == "__main__":
    main()
