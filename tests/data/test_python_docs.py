import json

import pytest

from seqnet.data.sources.python_docs import PythonDocs, first_held_out, topics, unique_paragraphs
from seqnet.errors import ConfigurationError


def paragraphs(text: str) -> set[str]:
    return {" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()}


def test_a_paragraph_is_kept_where_it_occurs_first() -> None:
    texts = ["One\n  two\n\nthree\n \n\nlast", "One two\n\nfour\nThree", "\n\nthree  \n"]
    assert unique_paragraphs(texts) == ["One\n  two", "three", "last", "four\nThree"]


def test_the_last_share_of_the_characters_is_held_out() -> None:
    assert first_held_out(["a" * 50, "b" * 40, "c" * 10], 0.1) == 2
    assert first_held_out(["a" * 50, "b" * 40, "c" * 10], 0.5) == 1
    assert first_held_out(["a" * 10, "b" * 90], 0.1) == 1


def test_nothing_held_out_was_trained_on() -> None:
    source = PythonDocs()
    (train,), (valid,) = source.documents("train") or [], source.documents("valid") or []
    assert paragraphs(train).isdisjoint(paragraphs(valid))
    assert paragraphs(train) | paragraphs(valid) == paragraphs("\n\n".join(topics()))
    assert 0.08 < len(valid) / (len(train) + len(valid)) < 0.12


def test_it_is_a_stream_of_characters() -> None:
    source = PythonDocs()
    source.fit()
    train, valid = source.split("train"), source.split("valid")
    assert train is not None and valid is not None
    assert len(train.documents) == len(valid.documents) == 1
    assert len(train) > 100_000
    assert source.split("test") is None
    assert [source.decode(train.documents[0])] == source.documents("train")
    assert source.bad_rows == 0


def test_state_is_json_and_comes_back() -> None:
    source, again = PythonDocs(level="words", vocabulary_size=1000, lower=True), PythonDocs(level="words", lower=True)
    source.fit()
    again.restore(json.loads(json.dumps(source.state())))
    assert again.inputs == source.inputs
    assert source.inputs.size == 1000


def test_a_share_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match=r"data\.valid_share is 0; it must be above 0 and below 1"):
        PythonDocs(valid_share=0)
