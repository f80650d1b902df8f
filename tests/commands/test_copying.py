"""A source word copied in the place of an unknown one: which word it is, where it is told, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seqnet.attention.hard import Hard
from seqnet.attention.local import Local
from seqnet.attention.multi_head import MultiHead
from seqnet.attention.soft import Soft
from seqnet.batch import IGNORE, WORDS, Batch, Whole
from seqnet.cells.gru import GRU
from seqnet.commands.copying import Copying
from seqnet.data import digest
from seqnet.data.copied import Copied
from seqnet.data.examples import Examples, Ragged
from seqnet.decoding.beam import Beam
from seqnet.decoding.greedy import Greedy
from seqnet.decoding.hypothesis import Hypothesis, Start
from seqnet.decoding.incremental import Written
from seqnet.decoding.sampling import Sampling
from seqnet.exporting import run as exported
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Tokens, Writing
from seqnet.training.evaluation import evaluating
from tests.conftest import trained

LINES = [("der Hund Bello", "Bello the dog"), ("die Katze Mia ruft", "Mia calls the cat"), ("Otto", "Otto")]
UNKNOWN = ("data.fields.de.min_count=100", "data.fields.en.min_count=100")
"""Words that occur less often, all of them, are unknown: nothing but unknown words can be written."""
SHORT = ("decoding.min_length=2", "decoding.max_length=3")

SPACE = Tokens(("<unk>", "a", "b", "c", "<bos>", "<eos>"))
ATTENTIONS: dict[str, Any] = {
    "soft": Soft,
    "hard": Hard,
    "local": lambda query, memory: Local(query, memory, window=2),
    "multi_head": lambda query, memory: MultiHead(query, memory, num_heads=2),
}
DECODINGS: dict[str, Any] = {
    "greedy": Greedy(max_length=6),
    "beam": Beam(4, n_best=4, max_length=6),
    "diverse": Beam(4, n_best=4, groups=2, max_length=6),
    "sampling": Sampling(max_length=6),
}


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_hypothesis_tells_where_the_model_looks_when_it_reads_it_again(decoding: str, attention: str) -> None:
    torch.manual_seed(2)
    model = EncoderDecoder(
        cell=GRU,
        inputs=SPACE,
        source=SPACE,
        out_features=SPACE.size,
        attention=ATTENTIONS[attention],
        hidden_size=8,
        embedding_size=6,
    )
    lengths, start = torch.tensor([5, 2, 4]), torch.full((3, 1), 4)
    source = torch.randint(1, 4, (3, 5))
    batch = Batch(start, torch.ones(3, dtype=torch.int64), start, source=source, source_lengths=lengths)
    with evaluating(model):
        asked = Start(*model.begin(batch), Writing(4, 5, (4,), 6), looks=True)
        found = DECODINGS[decoding].decode(model, asked)
        for row, several in enumerate(found):
            here = slice(row, row + 1)
            for one in several:
                assert one.looked is not None and len(one.looked) == len(one.ids)
                if not one.ids:
                    continue
                read = torch.tensor([[4, *one.ids[:-1]]])
                again = Batch(
                    read, torch.tensor([read.shape[1]]), read, source=source[here], source_lengths=lengths[here]
                )
                weights = model(again, None).attention
                assert one.looked == tuple(weights[0].mean(0).argmax(-1).tolist())
        assert all(one.looked is None for one in DECODINGS[decoding].decode(model, asked._replace(looks=False))[0])


class Source:
    """What copying asks of a data source whose words are known."""

    unknown = 0

    def __init__(self) -> None:
        self.copied = Copied(SPACE.names)


def copying(said: dict[str, str]) -> Copying:
    made = Copying.__new__(Copying)
    made.source, made._said = Source(), said
    return made


def test_the_word_at_the_largest_weight_stands_in_the_place_of_each_unknown_one() -> None:
    one = copying({"Mia": "Mia the cat"})
    numbers = [one.source.copied.number(word) for word in ("b", "Otto", "Mia", "<eos>")]
    assert numbers == [2, 6, 7, 8]  # what is called as the end is no end
    nothing = torch.zeros(1, 1)
    batch = Batch(nothing, nothing[0], nothing, wholes={WORDS: Whole(torch.tensor([numbers]))})
    told = Hypothesis([0, 1, 0, 0, 0], -1.5, -2.5, True, (1, 2, 0, 2, 3))
    ((found,),) = one.hypotheses([[told]], batch)
    assert one.source.copied.words(found.ids) == ["Otto", "a", "b", "Mia the cat", "<eos>"]
    assert found._replace(ids=told.ids) == told
    steps = [
        Written(torch.tensor([0]), torch.tensor([token]), torch.zeros(1), torch.tensor([place]))
        for token, place in zip(told.ids, told.looked or (), strict=True)
    ]
    assert [int(step.ids[0]) for step in one.steps(steps, batch)] == found.ids


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a translator that knows no word at all."""
    folder = tmp_path_factory.mktemp("copier")
    for split in ("train", "val", "test_2016_flickr"):
        rows = LINES * 3 if split == "train" else [("Uwe", "Uwe"), *LINES] if split == "val" else LINES[::-1] * 3
        for language, place in (("de", 0), ("en", 1)):  # each split meets its words in another order
            (folder / f"{split}.{language}").write_text("\n".join(line[place] for line in rows) + "\n")
    options = ("model.hidden_size=8", "model.embedding_size=8", "schedule.warmup_steps=1", "training.max_epochs=1")
    options += ("task.metrics=[token_accuracy,exact_match,bleu,chrf]",)
    small = ("experiment=multi30k", f"data.path={folder}", *UNKNOWN, *options)
    return trained(folder, *small, "decoding.replace_unknown=true", *SHORT)


def test_words_of_the_source_are_told_and_the_score_is_that_of_the_unknown_ones(seqnet: Any, run: Path) -> None:
    lines = [*(line for line, _ in LINES), "Zo\u00e9 und Quentix"]
    asked = ("predict", f"run={run}")
    text = "\n".join(lines).encode()
    for name in ("greedy", "beam", "sampling"):
        one = (f"decoding={name}", *SHORT, "decoding.replace_unknown=true")
        copied = seqnet(*asked, *one, stdin=text).rows
        for line, row in zip(lines, copied, strict=True):
            words = row["prediction"].split()
            assert len(words) >= 2 and set(words) <= set(line.split()), "a word that was not read"
        if name != "sampling":  # whose draws hang on what is asked beside
            (alone,) = seqnet(*asked, *one, stdin=lines[1].encode()).rows
            assert alone["prediction"] == copied[1]["prediction"]
            assert alone["score"] == pytest.approx(copied[1]["score"], abs=1e-5)
    assert [row["prediction"] for row in seqnet(*asked, stdin=text).rows] == [
        row["prediction"]
        for row in seqnet(*asked, "decoding=beam", *SHORT, "decoding.replace_unknown=true", stdin=text).rows
    ], "not as in training"


def test_a_dictionary_says_what_a_copied_word_is_written_as(seqnet: Any, run: Path) -> None:
    Path("names.tsv").write_text("Otto\tOtto the Great\n", encoding="utf-8")
    asked = ("predict", f"run={run}", "decoding=greedy", "decoding.replace_unknown=true", *SHORT)
    (row,) = seqnet(*asked, "decoding.dictionary=names.tsv", stdin=b"Otto").rows
    assert row["prediction"] == "Otto the Great Otto the Great"
    Path("two.tsv").write_text("Otto\tOtto the Great\nOtto\tOtto\n", encoding="utf-8")
    found = seqnet(*asked, "decoding.dictionary=two.tsv", stdin=b"Otto")
    assert found.code == 3 and "two.tsv, line 2: 'Otto' is written otherwise in a line before" in found.err, found.err
    Path("names.tsv").write_text("Otto Otto\n", encoding="utf-8")
    found = seqnet(*asked, "decoding.dictionary=names.tsv", stdin=b"Otto")
    assert (found.code, "names.tsv, line 1: it must be a source word, a tab" in found.err) == (3, True)


def test_an_evaluation_compares_with_the_words_of_the_references(seqnet: Any, run: Path) -> None:
    asked = ("evaluate", f"run={run}", "decoding=greedy", "decoding.replace_unknown=true")
    scores, *tables = seqnet(*asked, "decoding.min_length=1", "decoding.max_length=2").rows
    errors = [row for row in tables if row["table"] == "errors"]
    assert {row["target"] for row in errors} == {target for _, target in LINES[:2]}, "Otto is right, the others are not"
    assert scores["chrf"] > 0
    assert seqnet.results(run)["test"].keys() == scores.keys() - {"split", "step"}
    plain = seqnet("evaluate", f"run={run}", "decoding=greedy", "decoding.max_length=2").rows[0]
    assert plain["loss"] == scores["loss"] and plain["chrf"] != scores["chrf"]


@pytest.mark.parametrize("more", [(), ("decoding=greedy",)], ids=["as in training", "without copies"])
def test_the_runs_own_test_split_is_what_it_was(seqnet: Any, run: Path, more: tuple[str, ...]) -> None:
    found = seqnet("evaluate", f"run={run}", *more)
    assert found.code == 0, found.err
    assert more or found.rows[0].items() >= seqnet.results(run)["test"].items()


def test_scores_do_not_hang_on_the_rows_beside(seqnet: Any, run: Path) -> None:
    asked = ("evaluate", f"run={run}", "decoding=greedy", "decoding.replace_unknown=true")
    asked += ("decoding.min_length=1", "decoding.max_length=2")
    beside, *_ = seqnet(*asked).rows
    alone, *_ = seqnet(*asked, "data.batch_size=1").rows
    assert beside["exact_match"] == alone["exact_match"] == pytest.approx(1 / 3), "Otto is right, the others are not"
    assert beside["token_accuracy"] == alone["token_accuracy"]


def test_words_leave_padding_unasked() -> None:
    words = Copied(SPACE.names).targets([["a", "Otto", "b"], ["Mia"]])
    targets = Ragged.of([torch.tensor([1, 0, 2, 5]), torch.tensor([0, 5])])
    examples = Examples(Ragged.of([torch.tensor([4, 1, 0, 2]), torch.tensor([4, 0])]), targets, views={WORDS: words})
    told = examples.batch(torch.tensor([0, 1])).told()
    assert told.targets.tolist() == [[1, 6, 2, 5], [7, 5, IGNORE, IGNORE]]
    assert digest.of_split(examples) == digest.of_split(replace(examples, views={}))


def test_what_is_told_elsewhere_has_the_words_too(seqnet: Any, run: Path) -> None:
    one = ("decoding=greedy", "decoding.replace_unknown=true", *SHORT)
    (row,) = seqnet("generate", f"run={run}", "prompt=Otto", *one).rows
    assert row["prediction"] == "Otto Otto"
    found = seqnet("predict", f"run={run}", "pictures=drawn", *one, stdin=b"Otto ruft")
    assert found.code == 0, found.err
    found = seqnet("explain", f"run={run}", *one, stdin=b"Otto")
    assert found.code == 0, found.err
    assert {json.loads(line)["prediction"] for line in found.out.splitlines()} == {"Otto Otto"}


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (("experiment=multi30k", "attention=none"), "attention=none looks at none"),
        (("experiment=multi30k", "data.fields.en.level=bpe"), "answers are not made of words"),
        (("experiment=multi30k", "data.fields.de.level=characters"), "source is not made of words"),
        (("experiment=reverse",), "answers are not made of words"),
        (("experiment=digit_captions",), "answers are not made of words"),
    ],
)
def test_what_cannot_copy_is_refused_before_data_is_read(seqnet: Any, overrides: tuple[str, ...], named: str) -> None:
    found = seqnet("train", *overrides, "decoding.replace_unknown=true")
    assert found.code == 2 and named in found.err, found.err
    assert len(found.err.splitlines()) == 1


def test_a_run_that_cannot_copy_says_so(seqnet: Any, reverse_run: Path, writer_run: Path, run: Path) -> None:
    one = ("decoding=greedy", "decoding.replace_unknown=true")
    found = seqnet("predict", f"run={reverse_run}", *one, stdin=b"1 2")
    assert (found.code, "answers are not made of words" in found.err) == (2, True)
    found = seqnet("generate", f"run={writer_run}", *one, "prompt=the")
    assert (found.code, "this run goes on with a text" in found.err) == (2, True)
    found = seqnet("predict", f"run={run}", "decoding=greedy", "decoding.dictionary=names.tsv", stdin=b"Otto")
    assert (found.code, "nothing is copied" in found.err) == (2, True)


@pytest.mark.slow
def test_an_export_copies_the_same_words(seqnet: Any, run: Path) -> None:
    made = seqnet("export", f"run={run}", "output=exported")
    assert made.code == 0, made.err
    model, lines = exported.Model("exported"), [line for line, _ in LINES]
    assert model.decoding is not None and model.decoding.replace_unknown
    text = "\n".join(lines).encode()
    for name in ("greedy", "beam"):
        asked = (f"decoding={name}", *SHORT, "decoding.replace_unknown=true")
        told = seqnet("predict", f"run={run}", *asked, stdin=text).rows
        how = exported.Decoding(name, min_length=2, max_length=3, replace_unknown=True)
        found = model.answer(lines, decoding=how)
        assert [one["prediction"] for one in found] == [one["prediction"] for one in told]
        assert [one["score"] for one in found] == pytest.approx([one["score"] for one in told], abs=1e-4)
    quantised = seqnet("export", f"run={run}", "output=small", "quantize=int8")
    assert quantised.code == 0, quantised.err


def test_rows_that_are_left_out_shift_no_words(seqnet: Any, run: Path) -> None:
    asked = ("evaluate", f"run={run}", "split=valid", "decoding=greedy", "decoding.replace_unknown=true")
    clean = seqnet(*asked, "decoding.max_length=2").rows[0]
    Path("gaps").mkdir()
    for path in run.parent.glob("*.??"):
        lines = path.read_text(encoding="utf-8").splitlines()
        gaps = {"de": (1, "  "), "en": (4, "")}[path.suffix[1:]]
        other = {"de": (4, "Emil"), "en": (1, "Emil")}[path.suffix[1:]]
        for place, line in sorted((gaps, other)):
            lines.insert(place, line)
        (Path("gaps") / path.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    skipping = ("data.path=gaps", "data.on_bad_row=skip")
    assert seqnet(*asked, "decoding.max_length=2", *skipping).rows[0] == clean
