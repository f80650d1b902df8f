"""Every data set in configs/data, on tiny data of its own format (see examples/)."""

import json
import random

import numpy as np
import pytest
import torch

from seqnet import build, relations
from seqnet.batch import IGNORE, Batch
from seqnet.data.examples import Examples, Ragged, Stream
from seqnet.errors import DataError
from seqnet.specs import Image, Spelling, Tokens

SPLITS = ("train", "valid", "test")


@pytest.fixture
def config(data, tiny, composed, chosen, monkeypatch):
    """Whatever the experiment is, only `data` counts here."""
    monkeypatch.setattr(relations, "conflict", lambda config: None)  # with the rest, which may not suit it
    return composed(*tiny(*chosen(data)))


@pytest.fixture(scope="module")
def sources():
    """What has learned, by the name of the data: told once, for no test changes it."""
    return {}


@pytest.fixture
def fitted(data, config, sources):
    if data not in sources:
        sources[data] = build.source(config)
        sources[data].fit()
    return sources[data]


@pytest.fixture
def line(config, fitted, readable):
    return readable(config, fitted)


def flat(ragged):
    return [ragged.flat, ragged.offsets] if isinstance(ragged, Ragged) else [ragged]


def tensors(split):
    """All that a split holds."""
    if isinstance(split, Stream):
        return flat(split.documents)
    parts = [split.inputs, split.targets, *(split.views[name] for name in sorted(split.views)), split.source]
    return [tensor for part in parts if part is not None for tensor in flat(part)]


def equal(one, other):
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def of_batch(batch):
    kept = [batch.inputs, batch.lengths, torch.nan_to_num(batch.targets, nan=-7.0)]
    kept += [tensor for tensor in (batch.starts, batch.source, batch.source_lengths) if tensor is not None]
    return kept + [batch.views[name] for name in sorted(batch.views)]


def same_batches(found, wanted):
    found, wanted = list(found), list(wanted)
    return len(found) == len(wanted) and all(
        equal(of_batch(one), of_batch(other)) for one, other in zip(found, wanted, strict=True)
    )


def test_it_reads_nothing_before_it_is_asked_to(config, tmp_path):
    config["data"] |= {"path": str(tmp_path / "nowhere")} if "path" in config["data"] else {}
    build.source(config)


def test_what_it_learned_is_json_and_gives_the_same_spaces_and_splits(config, fitted):
    stored = json.loads(json.dumps(fitted.state()))
    restored = build.source(config)
    restored.restore(stored)
    assert (restored.inputs, restored.targets, restored.views) == (fitted.inputs, fitted.targets, fitted.views)
    for what in ("source", "writing"):
        assert getattr(restored, what, None) == getattr(fitted, what, None)
    assert json.loads(json.dumps(restored.state())) == stored
    for name in SPLITS:
        one, other = fitted.split(name), restored.split(name)
        assert (one is None) == (other is None)
        assert one is None or (type(one) is type(other) and equal(tensors(one), tensors(other)))


def test_a_stored_state_that_is_another_s_is_refused(config):
    with pytest.raises(DataError):
        build.source(config).restore({"something": ["else"]})


def test_splits_differ(fitted):
    found = [tensors(split) for name in SPLITS if (split := fitted.split(name)) is not None]
    assert len(found) >= 2
    for place, split in enumerate(found):
        assert not any(equal(split, other) for other in found[:place])


def in_space(space, tensor, time):
    """tensor [time] or [time size], of a space's kind. time: a shape."""
    if isinstance(space, Tokens | Spelling):
        assert tensor.dtype == torch.int64 and tensor.shape[: len(time)] == time
        assert tensor.min() >= 0 and tensor.max() < space.size
    else:
        assert tensor.dtype == torch.float32 and tensor.shape == (*time, space.size) and tensor.isfinite().all()
        assert not space.names or len(space.names) == space.size


def test_batches_are_of_the_spaces_it_tells_and_ask_for_something(config, fitted):
    for name in SPLITS:
        split = fitted.split(name)
        if split is None:
            continue
        loader = build.loader(config, split, training=name == "train")
        batches = list(loader.batches(0))
        assert len(batches) == loader.num_batches(0) > 0
        for (batch,) in (batch.windows(None) for batch in batches):
            assert isinstance(batch, Batch) and batch.size <= config["data"]["batch_size"]
            shape = (batch.size, batch.time)
            assert batch.lengths.dtype == torch.int64 and int(batch.lengths.max()) == batch.time
            in_space(fitted.inputs, batch.inputs, shape)
            assert {name for name in batch.views if not name.startswith("<")} == fitted.views.keys()
            for view, space in fitted.views.items():
                in_space(space, batch.views[view], shape)
            inside = torch.arange(batch.time) < batch.lengths[:, None]
            targets, places = batch.targets, shape[:1] if batch.row_targets else shape
            assert targets.shape[: len(places)] == places
            if isinstance(fitted.targets, Tokens):
                asked = targets[targets != IGNORE]
                assert batch.row_targets or (targets[~inside] == IGNORE).all()
            else:
                asked = targets[~targets.isnan().any(-1)]
                assert batch.row_targets or targets[~inside].isnan().all()
            in_space(fitted.targets, asked, asked.shape[:1])
            assert len(asked)


def test_every_row_is_read_once_an_epoch(config, fitted):
    for name in SPLITS:
        split = fitted.split(name)
        if split is None:
            continue
        loader = build.loader(config, split, training=name == "train")
        steps = sum(int(batch.lengths.sum()) for batch in loader.batches(0))
        if isinstance(split, Stream):
            assert steps == int((split.documents.lengths - 1).clamp(min=0).sum())
        else:
            assert steps == int(split.lengths.sum())


def test_batches_are_a_pure_function_of_seed_epoch_and_number(config, fitted):
    split = fitted.split("train")

    def batches(epoch, start=0, seed=1):
        return list(build.loader(config | {"seed": seed}, split, training=True).batches(epoch, start))

    loader = build.loader(config, split, training=True)
    first = list(loader.batches(0))
    list(loader.batches(1))
    assert same_batches(loader.batches(0), first)
    assert same_batches(batches(0), first)
    for start in (1, len(first) - 1, len(first)):
        assert same_batches(batches(0, start), first[start:])
    if isinstance(split, Examples):
        assert not same_batches(batches(1), first)
        assert not same_batches(batches(0, seed=2), first)
        evaluation = build.loader(config, split, training=False)
        assert same_batches(evaluation.batches(1), evaluation.batches(0))


def test_no_global_random_generator_is_touched(config, line):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)

    def generators():
        kind, keys, *rest = np.random.get_state()
        return random.getstate(), (kind, keys.tolist(), *rest), torch.get_rng_state().tolist()

    before = generators()
    source = build.source(config)
    source.fit()
    for name in SPLITS:
        split = source.split(name)
        for training in (True, False) if split is not None else ():
            list(build.loader(config, split, training).batches(0))
    source.read_inputs([line], "here")
    assert generators() == before


def test_it_is_drawn_from_the_seed_alone(config, fitted):
    torch.manual_seed(99)
    again = build.source(config)
    again.fit()
    for name in SPLITS:
        split = fitted.split(name)
        assert split is None or equal(tensors(again.split(name)), tensors(split))


def test_inputs_can_be_read_and_shown_and_nothing_is_asked(fitted, line):
    examples = fitted.read_inputs([line, line], "here")
    assert isinstance(examples, Examples) and len(examples) == 2
    batch = examples.batch(torch.arange(2))
    in_space(fitted.inputs, batch.inputs, (2, batch.time))
    assert batch.views.keys() == fitted.views.keys()
    nothing = batch.targets == IGNORE if isinstance(fitted.targets, Tokens) else batch.targets.isnan()
    assert nothing.all()
    split = fitted.split("train")
    if isinstance(split, Examples):
        assert batch.row_targets == isinstance(split.targets, torch.Tensor)
    read = examples.inputs if examples.source is None else examples.source
    assert isinstance(fitted.show(read[0]), str)
    assert len(fitted.read_inputs([], "here")) == 0


def test_a_line_that_cannot_be_read_is_named(fitted, line):
    with pytest.raises(DataError, match="somewhere, line 6: "):
        fitted.read_inputs([line, "", line], "somewhere", 5)


def test_a_file_that_is_not_there_is_named_with_what_to_put_there(config, filed, tmp_path):
    config["data"]["path"] = str(tmp_path / "missing.jsonl")
    with pytest.raises(DataError, match="missing.jsonl.* does not exist: .+"):
        build.source(config).fit()


# ------------------------------------------------------------------------- what is written step by step


@pytest.fixture
def written(fitted, writes):
    """A data set whose targets a decoder writes."""
    return fitted


@pytest.fixture
def tokens(written, writes_tokens):
    return written


def rows(source, name="train"):
    """What is read, what the decoder reads and what it is asked, of each row of a split."""
    split = source.split(name)
    for row in range(len(split)):
        yield None if split.source is None else split.source[row], split.inputs[row], split.targets[row]


def test_it_says_how_it_is_written(written):
    writing, train = written.writing, written.split("train")
    assert written.inputs == written.targets
    assert 1 <= int(train.lengths.max()) <= writing.longest
    if isinstance(written.targets, Tokens):
        assert {writing.begin, writing.end, *writing.forbidden} <= set(range(written.targets.size))
        assert writing.begin in writing.forbidden and writing.end not in writing.forbidden
    else:
        assert (writing.begin, writing.end, writing.forbidden) == (None, None, ())
        assert (train.lengths == writing.longest).all()


def test_the_decoder_reads_what_it_is_asked_one_step_late(written):
    writing = written.writing
    for name in SPLITS:
        if written.split(name) is None:
            continue
        for _, inputs, targets in rows(written, name):
            assert torch.equal(inputs[1:], targets[:-1])
            if writing.begin is None:
                assert not inputs[0].any()
            else:
                assert inputs[0] == writing.begin and targets[-1] == writing.end
                assert not torch.isin(targets, torch.tensor(writing.forbidden)).any()
                assert (targets == writing.end).sum() == 1


def test_what_is_read_is_of_the_source_s_space(config, written):
    space = written.source
    for name in SPLITS:
        split = written.split(name)
        for batch in build.loader(config, split, training=False).batches(0) if split is not None else ():
            if space is None:
                assert batch.source is None and batch.source_lengths is None
                continue
            assert batch.source_lengths.shape == (batch.size,)
            assert int(batch.source_lengths.min()) >= 1 and int(batch.source_lengths.max()) == batch.source.shape[1]
            if isinstance(space, Image):
                assert batch.source.dtype == torch.float32 and batch.source.isfinite().all()
                assert batch.source.shape[1:] == (space.height, space.width)
            else:
                in_space(space, batch.source, tuple(batch.source.shape[:2]))


def test_each_place_that_attention_can_look_at_has_a_word(written, sourced):
    for source, _, targets in rows(written):
        places = len(source)
        if isinstance(written.source, Image):
            places = written.source.regions[0] * written.source.regions[1]
        words = written.source_words(source)
        assert len(words) == places and all(isinstance(word, str) for word in words)
        assert len(written.words(targets)) == len(targets)
        assert isinstance(written.show(source), str)


def test_texts_end_at_the_end_and_are_read_back(tokens):
    end, seen = tokens.writing.end, set()
    for _, inputs, targets in rows(tokens):
        text = tokens.text(targets)
        assert text == tokens.text(targets[:-1]) == tokens.text(targets.tolist()) == tokens.text(inputs[1:])
        assert text == tokens.text([*targets.tolist(), *inputs[1:].tolist(), end])
        ids = tokens.encode_target(text)
        assert tokens.text(ids) == text
        assert not {*tokens.writing.forbidden, end} & set(ids)
        seen.add(text)
    assert len(seen) > 1
    assert tokens.encode_target("") == [] and tokens.text([]) == ""
    assert tokens.text([end]) == ""


def test_a_line_to_be_answered_is_a_source_alone(written, line):
    examples = written.read_inputs([line, line], "here")
    assert (examples.source is None) == (written.source is None)
    first = examples.inputs.flat[examples.inputs.offsets[:-1]]
    if written.writing.begin is None:
        assert not first.any()
    else:
        assert (first == written.writing.begin).all()
    if written.source is not None:
        assert (examples.lengths == 1).all()
        assert torch.equal(examples.source[0], examples.source[1])
