import pytest
import torch

from seqnet.errors import ConfigurationError
from seqnet.objectives.classification import Classification
from seqnet.objectives.tags import Tags
from seqnet.specs import Tokens, Vector

BIO = Tokens(("O", "B-PER", "I-PER"))


def test_is_classification_of_single_tags():
    logits, targets = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.arange(7) % 3
    tags, classes = Tags(BIO, label_smoothing=0.1), Classification(BIO, label_smoothing=0.1)
    for training in (True, False):
        assert tags.loss(logits, targets, training) == classes.loss(logits, targets, training)
    ours, theirs = tags.metrics(), classes.metrics()
    tags.update(ours, logits, targets)
    classes.update(theirs, logits, targets)
    assert list(ours) == ["accuracy", "macro_f1", "confusion"]
    assert [metric.compute().tolist() for metric in ours.values()] == [m.compute().tolist() for m in theirs.values()]
    torch.testing.assert_close(tags.decide(logits), classes.decide(logits))
    assert tags.explain(1) == "B-PER" and tags.out_features == 3 and tags.derived(1.0) == {}


def test_entities_are_counted_by_tag_ids():
    metric = Tags(BIO).row_metrics()["entity_f1"]
    metric.update([[1, 2, 0], [0]], [[1, 2, 0], [1]])
    assert metric.compute().item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["NN", "PER", "S-PER", "B-", "B_PER", "o"])
def test_refuses_other_tags(name):
    with pytest.raises(ConfigurationError, match=f"objective=tags needs BIO .*'{name}'"):
        Tags(Tokens(("O", name)))


def test_refuses_vectors():
    with pytest.raises(ConfigurationError, match="objective=tags"):
        Tags(Vector(2))
