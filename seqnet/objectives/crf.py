"""A tag at every step, the tags of a row judged together: a linear-chain conditional random field.

p(y | x) = exp s(x, y) / sum over all y' of exp s(x, y'), where s(x, y) = begin(y_1) + sum_t emission_t(y_t) +
sum_t move(y_t-1, y_t) + end(y_n) (Lafferty et al. 2001; over recurrent features Huang et al. 2015, equation 1, and
Lample et al. 2016, section 2.2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from seqnet.kinds import BIO as BIO_TAGS
from seqnet.kinds import Axis, Item, Kind
from seqnet.linear import Linear
from seqnet.objectives.classes import expect_tokens
from seqnet.objectives.classification import Classification
from seqnet.objectives.single import at_least_single
from seqnet.specs import Spec

if TYPE_CHECKING:
    from torchmetrics import Metric

BIO = re.compile(r"O|[BI]-.+")
BIOES = re.compile(r"O|[BIES]-.+")
UNLIKELY = -100.0
"""What a move that the scheme forbids adds in training: e^-100 is nothing beside 1, and a row whose own tags break the
scheme has a finite loss all the same."""
NEVER = -1e6
"""What it adds where the best row of tags is looked for: far more than any emissions make up for."""


class Crf:
    """The likeliest tags of a whole row; entity-level F1 where they are BIO.

    constrained: of BIO and BIOES tags only rows that the scheme allows are ever answered, and take part in the sum.
    Each step of which nothing is asked is passed over. No labels are smoothed and no classes weighted: what is likely
    is a row. Raises ConfigurationError for targets that are not classes.
    """

    judges = (Item.LABEL,)
    axes = (Axis.STEP,)
    whole_rows = True

    @staticmethod
    def scores(target: Kind | None) -> tuple[str, ...]:
        """What it counts: entities where the tags are said to be of a scheme."""
        entities = target is None or BIO_TAGS in target.traits
        return ("accuracy", "macro_f1", *(("entity_f1",) if entities else ()))

    def __init__(self, targets: Spec, constrained: bool = True) -> None:
        self.targets = expect_tokens("crf", targets)
        self.constrained = constrained
        self.out_features = targets.size
        self.class_names = self.targets.names
        self._classes = Classification(targets)

    def output_layer(self, in_features: int) -> CrfLayer:
        """The model's output layer."""
        names = self.class_names
        return CrfLayer(in_features, allowed_moves(names) if self.constrained else all_moves(len(names)))

    def loss(self, logits: Tensor, targets: Tensor, training: bool = True) -> Tensor:
        """Summed, in nats, of n rows of one step each. logits: [n tags]; targets: [n] int64."""
        return self._classes.loss(logits, targets, training)

    def metrics(self) -> dict[str, Metric]:
        """accuracy and macro_f1 over single tags, and their confusion matrix where there are at most 50."""
        return self._classes.metrics()

    def row_metrics(self) -> dict[str, Metric]:
        """entity_f1, where the tags are BIO."""
        from seqnet.objectives.spans import EntityF1

        return {"entity_f1": EntityF1(self.class_names)} if scheme_of(self.class_names) is BIO else {}

    def update(self, metrics: dict[str, Metric], logits: Tensor, targets: Tensor) -> None:
        """Count n rows of one step each in `metrics`. logits: [n tags]; targets: [n]."""
        self._classes.update(metrics, logits, targets)

    def count(self, metrics: dict[str, Metric], decisions: Tensor, targets: Tensor) -> None:
        """Count n steps in `metrics`. decisions, targets: [n]."""
        self._classes.count(metrics, decisions, targets)

    def decide(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest tag of a row of one step, and its probability. logits: [... tags]; returns [...] twice."""
        return self._classes.decide(logits)

    def explain(self, decision: int) -> str:
        """The tag."""
        return self._classes.explain(decision)

    def exported(self) -> dict[str, Any]:
        """See seqnet.exported; what tags score beside each other is the layer's, which says it (`exported_layer`)."""
        return {"kind": "chain", "names": list(self.class_names)}

    def exported_layer(self, head: CrfLayer) -> nn.Module:
        """The part of the output layer that run.py decides by."""
        return head.emission

    def exported_weights(self, head: CrfLayer) -> dict[str, Any]:
        """What else of the output layer it decides by."""
        return {"best": head.scores(NEVER), "summed": head.scores(UNLIKELY)}

    def report(self, horizon: int) -> list[Any]:
        """A row a type of entity, where there are some, then what is told of the single tags."""
        from seqnet.objectives.spans import spans
        from seqnet.objectives.tables import Entities

        entities = [Entities(spans)] if all(map(BIO.fullmatch, self.class_names)) else []
        return [*entities, *self._classes.report(horizon)]

    def derived(self, loss: float) -> dict[str, float]:
        """Nothing follows from the mean loss."""
        return {}


# ----------------------------------------------------------------------------------------------- what may follow what


class Moves(NamedTuple):
    """Which tag may stand first, behind which, and last: [tags], [tags tags] (from, to) and [tags], bool."""

    begin: Tensor
    move: Tensor
    end: Tensor


def scheme_of(names: Sequence[str]) -> re.Pattern[str] | None:
    """BIO, BIOES, or None for names that are tags of neither."""
    if all(name == "O" for name in names):
        return None
    return next((scheme for scheme in (BIO, BIOES) if all(map(scheme.fullmatch, names))), None)


def all_moves(tags: int) -> Moves:
    """Any of so many tags may follow any other."""
    return Moves(*(torch.ones(shape, dtype=torch.bool) for shape in ((tags,), (tags, tags), (tags,))))


def allowed_moves(names: Sequence[str]) -> Moves:
    """What the scheme of the names allows; of names that are tags of none, everything.

    I-X and E-X go on with an entity of type X. In BIOES an entity that B-X or I-X leaves open is gone on with.
    """
    scheme = scheme_of(names)
    if scheme is None:
        return all_moves(len(names))
    goes_on = torch.tensor([name[0] in "IE" for name in names])
    leaves_open = torch.tensor([name[0] in "BI" for name in names])
    same = torch.tensor([[one[2:] == other[2:] for other in names] for one in names])
    joined = leaves_open[:, None] & same
    move = torch.where(goes_on, joined, torch.tensor(True))
    if scheme is BIO:
        return Moves(~goes_on, move, torch.ones_like(goes_on))
    return Moves(~goes_on, move & (goes_on | ~leaves_open[:, None]), ~leaves_open)


# --------------------------------------------------------------------------------------------------- the output layer


class CrfLayer(nn.Module):
    """Features to emissions, and what tags score beside each other; whole rows, end to end, to losses and tags.

    Rows are told as `lengths` [rows], which add up to the n steps of features [n feature]. moves: which are allowed.
    """

    allowed_begin: Tensor
    allowed_move: Tensor
    allowed_end: Tensor

    def __init__(self, in_features: int, moves: Moves) -> None:
        super().__init__()
        tags = len(moves.begin)
        self.in_features = in_features
        self.out_features = tags
        self.emission = Linear(in_features, tags)
        self.begin = nn.Parameter(torch.zeros(tags))
        self.move = nn.Parameter(torch.zeros(tags, tags))
        self.end = nn.Parameter(torch.zeros(tags))
        for name, allowed in moves._asdict().items():
            self.register_buffer(f"allowed_{name}", allowed, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Logits [... tags] of features [... feature], each a row of one step."""
        begin, _, end = self._scores(UNLIKELY)
        logits: Tensor = at_least_single(self.emission(features)) + begin + end
        return logits

    def row_losses(self, features: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The negative log-probability of each row's targets [n], in nats: [rows]; 0 for a row without a step."""
        emissions, wanted = self._rows(features, lengths), _padded(targets, lengths)
        scores = self._scores(UNLIKELY)
        total = _over_tags(_forward(emissions, scores, lengths)[:, -1], scores.end)
        return (total - _of_path(emissions, wanted, scores, lengths)) * (lengths > 0)

    def decide(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest tags of each row, and the probability of each of these at its step, whatever the others: [n]
        twice."""
        emissions = self._rows(features, lengths)
        best = _viterbi(emissions, self._scores(NEVER), lengths)
        likely = _marginals(emissions, self._scores(UNLIKELY), lengths)
        inside = _inside(lengths, emissions.shape[1])
        return best[inside], likely.gather(2, best[..., None]).squeeze(2)[inside]

    def _rows(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Emissions side by side, [rows time tags] of at least one step."""
        return _padded(at_least_single(self.emission(features)), lengths)

    def scores(self, forbidden: float) -> dict[str, Any]:
        """What tags score beside each other, as lists by name. forbidden: what a move adds that is not allowed."""
        return {name: each.tolist() for name, each in self._scores(forbidden)._asdict().items()}

    def _scores(self, forbidden: float) -> Scores:
        return Scores(
            at_least_single(self.begin).masked_fill(~self.allowed_begin, forbidden),
            at_least_single(self.move).masked_fill(~self.allowed_move, forbidden),
            at_least_single(self.end).masked_fill(~self.allowed_end, forbidden),
        )


# ------------------------------------------------------------------ over rows side by side: emissions [rows time tags]


class Scores(NamedTuple):
    """What a tag scores that stands first, behind another, and last: [tags], [tags tags] (from, to) and [tags]."""

    begin: Tensor
    move: Tensor
    end: Tensor


def _inside(lengths: Tensor, time: int) -> Tensor:
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def _padded(items: Tensor, lengths: Tensor) -> Tensor:
    """Rows end to end [n ...] side by side, [rows time ...], 0 behind each row's end; time is at least 1."""
    rows = pad_sequence(list(items.split(lengths.tolist())), batch_first=True) if len(lengths) else items[None, :0]
    return rows if rows.shape[1] else rows.new_zeros(rows.shape[0], 1, *rows.shape[2:])


def _forward(emissions: Tensor, scores: Scores, lengths: Tensor) -> Tensor:
    """The forward algorithm: for each step and tag the log of the summed exp of all that begins so, [rows time tags].

    Behind a row's end its last step's stand still.
    """
    here = scores.begin + emissions[:, 0]
    found = [here]
    for step in range(1, emissions.shape[1]):
        there = torch.logsumexp(here.unsqueeze(2) + scores.move, dim=1) + emissions[:, step]
        here = torch.where((step < lengths)[:, None], there, here)
        found.append(here)
    return torch.stack(found, dim=1)


def _over_tags(last: Tensor, end: Tensor) -> Tensor:
    return torch.logsumexp(last + end, dim=1)


def _of_path(emissions: Tensor, tags: Tensor, scores: Scores, lengths: Tensor) -> Tensor:
    """The score of given tags [rows time], [rows]."""
    inside = _inside(lengths, emissions.shape[1])
    each = emissions.gather(2, tags[..., None]).squeeze(2) * inside
    moves = scores.move[tags[:, :-1], tags[:, 1:]] * inside[:, 1:]
    last = tags.gather(1, (lengths - 1).clamp(min=0)[:, None]).squeeze(1)
    return each.sum(1) + moves.sum(1) + scores.begin[tags[:, 0]] + scores.end[last]


def _marginals(emissions: Tensor, scores: Scores, lengths: Tensor) -> Tensor:
    """The probability of each tag at each step: forwards from the beginning and, the row turned round, from the end."""
    time = emissions.shape[1]
    places = torch.arange(time, device=lengths.device).expand(len(lengths), -1)
    turned = torch.where(_inside(lengths, time), lengths[:, None] - 1 - places, places)[..., None].expand_as(emissions)
    back = _forward(emissions.gather(1, turned), Scores(scores.end, scores.move.t(), scores.begin), lengths)
    logs = _forward(emissions, scores, lengths) + back.gather(1, turned) - emissions
    return logs.softmax(dim=2)


def _viterbi(emissions: Tensor, scores: Scores, lengths: Tensor) -> Tensor:
    """The tags with the highest score, [rows time]; of equal ones the first tag. Behind a row's end its last stands."""
    here = scores.begin + emissions[:, 0]
    stay = torch.arange(emissions.shape[2], device=emissions.device).expand_as(here)
    origins = []
    for step in range(1, emissions.shape[1]):
        best, origin = (here.unsqueeze(2) + scores.move).max(dim=1)
        going = (step < lengths)[:, None]
        here = torch.where(going, best + emissions[:, step], here)
        origins.append(torch.where(going, origin, stay))
    tags = [(here + scores.end).argmax(dim=1)]
    for origin in reversed(origins):
        tags.append(origin.gather(1, tags[-1][:, None]).squeeze(1))
    return torch.stack(tags[::-1], dim=1)
