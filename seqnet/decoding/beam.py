"""Beam search: the best few hypotheses are followed side by side."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import torch
from torch import Tensor

from seqnet.decoding.hypothesis import Hypothesis, Start, Stepper, largest
from seqnet.decoding.limits import LeastLength, Limits
from seqnet.errors import ConfigurationError
from seqnet.options import Count, CountFromZero, NotNegative, Positive, Steps, number, whole
from seqnet.specs import Writing
from seqnet.state import State, select

DIVERSITY = 0.5
AT_ONCE = 800
"""Hypotheses that a CPU follows at once: the logits of more, of a usual vocabulary, would not stay in its cache."""


PIECE = 64
"""Words of a vocabulary of which the largest logit is looked for at once."""


class Beam:
    """The `beam_size` likeliest beginnings are kept at every step; those that end are ranked by

    log p(Y) / ((5 + |Y|) / 6)^length_penalty + coverage_penalty * sum_j log(min(sum_t a_tj, 1))

    (Wu et al. 2016, equation 14), where |Y| counts the end and a_tj is the attention of step t, the mean over heads,
    on the source's valid position j. n_best: how many of them are told. A row is done when `beam_size` hypotheses
    have ended, or none that goes on can come before the n_best that have; where fewer have ended by the largest
    length, those that would go on come after them. Of equals the first goes first. The limits are those of `Limits`.

    groups: so many beams of `beam_size / groups` share a row (Vijayakumar et al. 2018, with Hamming diversity): at each
    step one after the other chooses by its log-probabilities less `diversity` (None: 0.5) for each hypothesis that a
    group before it goes on with by the same token. Nothing but the choice hangs on that: scores are the model's. What
    is told is the best of all groups, each once. Raises ConfigurationError.
    """

    @staticmethod
    def idle(options: Mapping[str, Any], inputs: Mapping[str, Any], target: Any) -> dict[str, str]:
        """Options that change nothing, and why."""
        return {"diversity": "it is between groups, and decoding.groups=1"} if options["groups"] == 1 else {}

    @staticmethod
    def conflict(options: Mapping[str, Any], inputs: Mapping[str, Any], target: Any) -> str | None:
        """Groups are of one size."""
        size, groups = options["beam_size"], options["groups"]
        if groups >= 1 and size % groups == 0:
            return None
        return (
            f"decoding.beam_size={size} cannot be shared out among decoding.groups={groups}: make it a multiple of the "
            "groups"
        )

    def __init__(
        self,
        beam_size: Annotated[int, whole(1, 10_000)] = 5,
        length_penalty: Annotated[float, number(least=0, most=10)] = 1.0,
        coverage_penalty: NotNegative = 0.0,
        n_best: Count = 1,
        groups: Count = 1,
        diversity: Positive | None = None,
        min_length: LeastLength = 0,
        max_length: Steps | None = None,
        no_repeat_ngram: CountFromZero = 0,
    ) -> None:
        if beam_size < 1:
            raise ConfigurationError(f"decoding.beam_size={beam_size} must be a whole number of at least 1")
        if not 1 <= n_best <= beam_size:
            raise ConfigurationError(
                f"decoding.n_best={n_best} must be at least 1 and at most decoding.beam_size={beam_size}"
            )
        if length_penalty < 0 or coverage_penalty < 0:
            raise ConfigurationError("decoding.length_penalty and decoding.coverage_penalty must be at least 0")
        options = {"beam_size": beam_size, "groups": groups}
        sentence = self.conflict(options, {}, None)
        if sentence is None and diversity is not None and (idle := self.idle(options, {}, None)):
            sentence = f"decoding.diversity={diversity} has no effect: {idle['diversity']}; leave it out"
        if sentence is not None:
            raise ConfigurationError(sentence)
        self.beam_size = beam_size
        self.groups = groups
        self.diversity = DIVERSITY if diversity is None else diversity
        self.length_penalty = length_penalty
        self.coverage_penalty = coverage_penalty
        self.n_best = n_best
        self.limits = Limits(min_length, max_length, no_repeat_ngram)

    @torch.no_grad()
    def decode(self, model: Stepper, start: Start) -> list[list[Hypothesis]]:
        """Up to n_best hypotheses of each row, best first; nothing is drawn from the generator.

        Raises ConfigurationError for a coverage penalty on a model without attention.
        """
        inputs = start.inputs
        some = max(1, AT_ONCE // self.beam_size) if inputs.is_cpu else max(1, len(inputs))
        if len(inputs) <= some and self.groups == 1:
            return self._search(model, start)
        found = []
        for rows in torch.arange(len(inputs), device=inputs.device).split(some):
            rows = rows.repeat_interleave(self.groups)  # noqa: PLW2901
            part = {"memory": select(start.memory, rows), "state": select(start.state, rows), "first": inputs[rows]}
            found += self._search(model, start._replace(**part))
        if self.groups == 1:
            return found
        firsts = range(0, len(found), self.groups)
        return [self._together(found[first : first + self.groups]) for first in firsts]

    def _together(self, groups: Sequence[list[Hypothesis]]) -> list[Hypothesis]:
        """The best of all groups of a row, each once."""
        once: dict[tuple[int, ...], Hypothesis] = {}
        for one in chain(*groups):
            once.setdefault((*one.ids, one.ended), one)
        return sorted(once.values(), key=_place)[: self.n_best]

    def _search(self, model: Stepper, start: Start) -> list[list[Hypothesis]]:
        """What `decode` returns, of all rows at once; of groups each in a row of its own, those of a row in turn."""
        size = self.beam_size // self.groups
        memory, state, writing, prefix, inputs = start.memory, start.state, start.writing, start.prefix, start.inputs
        rows, steps, device = len(inputs), self.limits.steps(writing, len(prefix)), inputs.device
        found: list[list[Hypothesis]] = [[] for _ in range(rows)]
        names = torch.arange(rows, device=device)  # which row of the batch each open row is
        scores = torch.zeros(rows, 1, dtype=torch.float64, device=device)  # [rows width]
        written = inputs.new_zeros(rows, 1, 0)  # [rows width time]
        looked = inputs.new_zeros(rows, 1, 0) if start.looks else None  # the same
        best = scores.new_full((rows, self.n_best), -torch.inf)  # of what ended, by rank
        ended_so_far = inputs.new_zeros(rows)
        covered: Tensor | None = None  # [rows width source_time]
        for time in range(steps):
            logits, state, weights = model.step(inputs, state, memory)
            width = scores.shape[1]
            if looked is not None:
                looked = torch.cat([looked, largest(weights).view(-1, width, 1)], dim=2)
            if self.coverage_penalty:
                covered = self._cover(covered, weights, width)
            places, tokens, totals = self._candidates(logits, scores, written, names, writing, prefix)
            over = tokens == writing.end if writing.end is not None else torch.zeros_like(tokens, dtype=torch.bool)
            ended = over[:, :size] & totals[:, :size].isfinite()
            if over.any():
                ranks = self._rank(totals, time + 1, None if covered is None else _rows_of(covered, places), memory)
                self._keep(found, names, ended, places, written, looked, totals, ranks)
                best = torch.cat([best, ranks[:, :size].masked_fill(~ended, -torch.inf)], dim=1)
                best = best.topk(self.n_best, dim=1).values
                ended_so_far = ended_so_far + ended.sum(dim=1)
            going = over.long().argsort(dim=1, stable=True)[:, :size]
            scores = totals.gather(1, going).masked_fill(over.gather(1, going), -torch.inf)
            origin, token = places.gather(1, going), tokens.gather(1, going)
            written = torch.cat([_rows_of(written, origin), token[..., None]], dim=2)
            looked = None if looked is None else _rows_of(looked, origin)
            covered = None if covered is None else _rows_of(covered, origin)
            reachable = scores.amax(dim=1) / self._length_norm(steps)
            done = (ended_so_far >= size) | (best[:, -1] >= reachable) | (reachable == -torch.inf)
            base = torch.arange(len(names), device=device)[:, None] * width
            picked = (base + origin).flatten()
            if writing.end is not None and done.any():
                open_rows = (~done).nonzero()[:, 0]
                if not len(open_rows):
                    break
                picked = picked.view(len(names), -1)[open_rows].flatten()
                names, scores, written, best = names[open_rows], scores[open_rows], written[open_rows], best[open_rows]
                ended_so_far, token = ended_so_far[open_rows], token[open_rows]
                looked = None if looked is None else looked[open_rows]
                covered = None if covered is None else covered[open_rows]
                memory = select(memory, open_rows)
            state, inputs = select(state, picked), token.flatten()
        else:
            self._cut_off(found, names, written, looked, scores, self._rank(scores, steps, covered, memory))
        return [sorted(row, key=_place)[: self.n_best] for row in found]

    def _candidates(
        self, logits: Tensor, scores: Tensor, written: Tensor, names: Tensor, writing: Writing, prefix: Sequence[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Twice as many of the best ways to go on as are followed: the hypothesis each goes on from, its token, its
        score. [rows n]"""
        logits = logits.float().contiguous()
        logs = torch.log_softmax(logits, 1, out=logits)  # in its place: in a cache there is no room for two
        logs = self.limits.apply(logs, written.flatten(0, 1), writing, prefix)
        each = logs.unflatten(0, scores.shape)
        if self.groups == 1:  # at most `width` of these end, so beam_size of them go on
            totals, places = _best(each, scores, 2 * self.beam_size)
        else:
            totals, places = self._in_turn(each, scores, names, writing.end)
        return places // logs.shape[1], places % logs.shape[1], totals

    def _in_turn(self, logs: Tensor, scores: Tensor, names: Tensor, end: int | None) -> tuple[Tensor, Tensor]:
        """What `_best` gives of logs [rows width vocab], of each group once those before it have chosen."""
        size, (rows, width, vocabulary) = self.beam_size // self.groups, logs.shape
        chosen = logs.new_zeros(int(names.max()) // self.groups + 1, vocabulary)  # how often, in each row of the batch
        count = min(2 * size, width * vocabulary)
        totals, places = scores.new_zeros(rows, count), names.new_zeros(rows, count)
        for group in range(self.groups):
            here = (names % self.groups == group).nonzero()[:, 0]
            row = names[here] // self.groups
            less = self.diversity * chosen[row]
            own = logs[here]
            _, place = _best(own - less[:, None], scores[here], count)
            tokens = place % vocabulary
            best = own.flatten(1).gather(1, place) + scores[here].gather(1, place // vocabulary)
            totals[here], places[here] = best, place
            over = tokens == end if end is not None else torch.zeros_like(tokens, dtype=torch.bool)
            going = over.long().argsort(dim=1, stable=True)[:, :size]
            alive = best.isfinite() & ~over
            chosen.index_put_(
                (row[:, None], tokens.gather(1, going)), alive.gather(1, going).to(chosen.dtype), accumulate=True
            )
        return totals, places

    def _length_norm(self, length: int) -> float:
        return float(((5 + length) / 6) ** self.length_penalty)

    def _rank(self, scores: Tensor, length: int, covered: Tensor | None, memory: State) -> Tensor:
        ranks = scores / self._length_norm(length)
        if covered is None:
            return ranks
        valid = torch.arange(covered.shape[2], device=covered.device) < memory.lengths[:, None]
        logs = covered.clamp(min=1e-30, max=1).log().masked_fill(~valid[:, None], 0)
        ranked: Tensor = ranks + self.coverage_penalty * logs.sum(dim=2).double()
        return ranked

    def _cover(self, covered: Tensor | None, weights: Tensor | None, width: int) -> Tensor:
        if weights is None:
            raise ConfigurationError(
                f"decoding.coverage_penalty={self.coverage_penalty:g} asks what attention covered, and this model has "
                "none: set decoding.coverage_penalty=0"
            )
        here: Tensor = weights.float().mean(dim=1).unflatten(0, (-1, width))
        return here if covered is None else covered + here

    def _keep(
        self,
        found: list[list[Hypothesis]],
        names: Tensor,
        ended: Tensor,
        places: Tensor,
        written: Tensor,
        looked: Tensor | None,
        totals: Tensor,
        ranks: Tensor,
    ) -> None:
        """Note the hypotheses that ended at this step."""
        row, candidate = ended.nonzero(as_tuple=True)
        from_here = places[row, candidate]
        ids = written[row, from_here].tolist()
        seen = _told(None if looked is None else looked[row, from_here, :-1], len(ids))
        numbers = zip(
            names[row].tolist(), ids, seen, ranks[row, candidate].tolist(), totals[row, candidate].tolist(), strict=True
        )
        for name, tokens, looks, rank, total in numbers:
            found[name].append(Hypothesis(tokens, rank, total, True, looks))

    def _cut_off(
        self,
        found: list[list[Hypothesis]],
        names: Tensor,
        written: Tensor,
        looked: Tensor | None,
        scores: Tensor,
        ranks: Tensor,
    ) -> None:
        """Note those that were as long as they may be."""
        whose = names[:, None].expand_as(scores).flatten().tolist()
        seen = _told(None if looked is None else looked.flatten(0, 1), len(whose))
        hypotheses = (written.flatten(0, 1).tolist(), scores.flatten().tolist(), ranks.flatten().tolist(), seen)
        for name, ids, total, rank, looks in zip(whose, *hypotheses, strict=True):
            if total > -torch.inf or not found[name]:  # what is no number is told too, where there is nothing else
                found[name].append(Hypothesis(ids, rank, total, False, looks))


def _place(one: Hypothesis) -> tuple[bool, float]:
    """By what hypotheses are put in order: those that did not end come last."""
    return not one.ended, -one.score


def _best(logs: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """What `_largest` gives of logs [rows width vocab] + scores [rows width], flattened to [rows width*vocab].

    The largest of a row lie in those of its pieces that have the largest maxima: only these are looked through.
    """
    rows, width, vocabulary = logs.shape
    if width * vocabulary <= 2 * count * PIECE:
        return _largest((logs + scores[..., None]).flatten(1), count)
    whole = vocabulary - vocabulary % PIECE
    maxima = logs[..., :whole].unflatten(2, (-1, PIECE)).amax(dim=3)
    if whole < vocabulary:
        maxima = torch.cat([maxima, logs[..., whole:].amax(dim=2, keepdim=True)], dim=2)
    pieces = (maxima + scores[..., None]).flatten(1).topk(count + 1, dim=1).indices  # [rows n]
    row, begin = pieces // maxima.shape[2], pieces % maxima.shape[2] * PIECE
    tokens = begin[..., None] + torch.arange(PIECE, device=logs.device)
    places = row[..., None] * vocabulary + tokens.clamp(max=vocabulary - 1)
    values = logs.flatten(1).gather(1, places.flatten(1)).view(places.shape) + scores.gather(1, row)[..., None]
    top, found = values.masked_fill(tokens >= vocabulary, -torch.inf).flatten(1).topk(count + 1, dim=1)
    if (top[:, 1:] == top[:, :-1]).any():  # which of equals are the first, all of them have to be asked
        return _largest((logs + scores[..., None]).flatten(1), count)
    return top[:, :count], places.flatten(1).gather(1, found[:, :count])


def _largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row of values [rows n], or all, and their places; of equals the first goes first."""
    size = values.shape[1]
    count = min(count, size)
    top, places = values.topk(min(count + 1, size), dim=1)
    equal = (top[:, 1:] == top[:, :-1]).any()
    top, places = top[:, :count], places[:, :count]
    if equal:  # topk takes any of those that equal its last one, and in any order
        least = top[:, -1:]
        order = torch.arange(size, device=values.device)
        firsts = torch.where(values == least, order, size).topk(count, dim=1, largest=False).values
        larger = top != least
        rank = order[:count] - larger.sum(dim=1, keepdim=True)
        places = torch.where(larger, places, firsts.gather(1, rank.clamp(min=0))).sort(dim=1).values
        top, order = values.gather(1, places).sort(dim=1, descending=True, stable=True)
        places = places.gather(1, order)
    return top, places


def _told(looked: Tensor | None, count: int) -> Sequence[tuple[int, ...] | None]:
    """Where so many hypotheses looked, [count time], as they tell it."""
    return [None] * count if looked is None else list(map(tuple, looked.tolist()))


def _rows_of(tensor: Tensor, places: Tensor) -> Tensor:
    """tensor [rows width ...] to [rows n ...]: the hypotheses at places [rows n]."""
    return tensor.gather(1, places.view(*places.shape, *[1] * (tensor.dim() - 2)).expand(-1, -1, *tensor.shape[2:]))
