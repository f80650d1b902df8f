import math

import pytest
import torch
import torch.nn.functional as F

from seqnet.attention.hard import Hard
from seqnet.batch import Batch, Output
from seqnet.cells.gru import GRU
from seqnet.draws import uniform
from seqnet.errors import ConfigurationError
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.specs import Tokens
from seqnet.tasks.seq2seq import chosen_loss
from tests.attention.conftest import SCORES

QUERY = 6


def scores_of(reference, hard, score, query, encoded, paid, row, at):
    weights = dict(hard.score.named_parameters())
    return [
        reference.score(
            score, weights, query[row, at], encoded[row, place], 0 if paid is None else paid[row, at, place]
        )
        for place in range(int(reference.lengths[row]))
    ]


def best(scores):
    return max(range(len(scores)), key=lambda place: scores[place].item())


@pytest.mark.parametrize("estimator", ["reinforce", "gumbel"])
@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", SCORES)
def test_in_evaluation_it_is_the_best_state(reference, score, coverage, estimator):
    hard = reference.randomised(Hard(QUERY, 5, SCORES[score], estimator, coverage=coverage)).eval()
    query, encoded, paid = reference.inputs(5, coverage)

    def answer(row, at):
        chosen = best(scores_of(reference, hard, score, query, encoded, paid, row, at))
        return encoded[row, chosen], {chosen: torch.ones(()).double()}

    found = hard(query, hard.prepare(encoded, reference.lengths), reference.position, paid, True)
    context, weights = reference.each(answer)
    reference.same([found.context], [context], [encoded])
    assert torch.equal(found.weights, weights[:, None])
    assert found.log_probability is found.baseline is found.bonus is None


@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", SCORES)
def test_reinforce_is_the_formula(reference, score, coverage):
    hard = reference.randomised(Hard(QUERY, 5, SCORES[score], "reinforce", entropy=0.3, coverage=coverage))
    query, encoded, paid = reference.inputs(5, coverage)
    found = hard(query, hard.prepare(encoded, reference.lengths), reference.position, paid, True)
    drawn = found.weights[:, 0].argmax(dim=-1)
    logs, entropies = {}, {}

    def answer(row, at):
        scores = scores_of(reference, hard, score, query, encoded, paid, row, at)
        probabilities = reference.softmax(scores)
        chosen = int(drawn[row, at])
        logs[row, at] = probabilities[chosen].log()
        entropies[row, at] = -sum(p * p.log() for p in probabilities)
        return encoded[row, chosen], {chosen: torch.ones(()).double()}

    context, weights = reference.each(answer)
    log_probability, entropy = (torch.stack([*part.values()]).view(drawn.shape) for part in (logs, entropies))
    baseline = query.detach() @ hard.baseline.weight[0] + hard.baseline.bias
    leaves = [query, encoded, paid, *hard.parameters()]
    assert torch.equal(found.weights, weights[:, None])
    reference.same(
        [found.context, found.log_probability, found.baseline, found.bonus],
        [context, log_probability, baseline, 0.3 * entropy],
        leaves,
    )


@pytest.mark.parametrize("coverage", [False, True], ids=["plain", "coverage"])
@pytest.mark.parametrize("score", SCORES)
def test_gumbel_is_the_formula(reference, score, coverage):
    """Forward the choice, backward softmax((log p + noise) / temperature); the noise is drawn again from its seed."""
    hard = reference.randomised(Hard(QUERY, 5, SCORES[score], "gumbel", temperature=0.7, coverage=coverage))
    query, encoded, paid = reference.inputs(5, coverage)
    torch.manual_seed(7)
    found = hard(query, hard.prepare(encoded, reference.lengths), reference.position, paid, True)
    torch.manual_seed(7)
    noise = -(-uniform(*query.shape[:2], encoded.shape[1]).log()).log()

    def answer(row, at):
        probabilities = reference.softmax(scores_of(reference, hard, score, query, encoded, paid, row, at))
        noisy = [p.log() + noise[row, at, place] for place, p in enumerate(probabilities)]
        soft = reference.softmax([value / 0.7 for value in noisy])
        chosen = best(noisy)
        weights = {place: (place == chosen) + value - value.detach() for place, value in enumerate(soft)}
        return sum(weight * encoded[row, place] for place, weight in weights.items()), weights

    context, weights = reference.each(answer)
    assert set(found.weights.flatten().tolist()) == {0.0, 1.0}
    assert found.log_probability is found.baseline is found.bonus is None
    leaves = [query, encoded, paid, *hard.parameters()]
    reference.same([found.context, found.weights], [context, weights[:, None]], leaves)


@pytest.mark.parametrize("estimator", ["reinforce", "gumbel"])
def test_a_draw_is_as_likely_as_its_weight_in_soft_attention(estimator):
    hard = Hard(1, 1, SCORES["dot"], estimator).train()
    draws = 20_000
    encoded = torch.tensor([[0.0], [math.log(2)], [math.log(5)], [9.0]])[None]
    memory = hard.prepare(encoded, torch.tensor([3]))
    with torch.no_grad():
        found = hard(torch.ones(1, draws, 1), memory, torch.zeros(1, draws)).weights.sum((0, 1, 2)) / draws
    # Three standard deviations of a share are below 0.011.
    torch.testing.assert_close(found, torch.tensor([1 / 8, 2 / 8, 5 / 8, 0]), rtol=0, atol=0.011)


def test_gumbel_at_a_low_temperature_is_the_hard_choice(reference):
    """What its gradient is taken of is then the drawn state itself, and the draw of clear scores is the best one."""
    query, encoded, _ = reference.inputs(QUERY, False)
    gumbel = Hard(QUERY, QUERY, SCORES["dot"], "gumbel", temperature=1e-4).double()
    hard = Hard(QUERY, QUERY, SCORES["dot"], "reinforce").double().eval()
    memory = gumbel.prepare(encoded, reference.lengths)
    clear = 1e4 * query
    found = gumbel.train()(clear, memory, reference.position)
    wanted = hard(clear, memory, reference.position)
    assert torch.equal(found.weights, wanted.weights)
    reference.same([found.context], [wanted.context], [query, encoded])
    gumbel.eval()
    assert torch.equal(
        gumbel(query, memory, reference.position).weights, hard(query, memory, reference.position).weights
    )


@pytest.mark.parametrize("feeding", [False, True], ids=["", "input_feeding"])
def test_the_gradient_of_reinforce_is_that_of_the_expected_loss(feeding):
    """Unbiased: summed over all choices, each as likely as it is, its gradient is the exact one."""
    words = Tokens(("a", "b", "c"))
    model = EncoderDecoder(
        GRU,
        words,
        3,
        words,
        attention=lambda query, memory: Hard(query, memory, SCORES["additive"], entropy=0),
        hidden_size=4,
        embedding_size=3,
        input_feeding=feeding,
    ).double()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -1, 1)
    rows, source, target = 200, 3, 2
    whole = Batch(
        inputs=torch.tensor([[2, 0]]).expand(rows, -1),
        lengths=torch.full((rows,), target),
        targets=torch.tensor([[0, 1]]).expand(rows, -1),
        source=torch.tensor([[0, 1, 2]]).expand(rows, -1),
        source_lengths=torch.full((rows,), source),
    )
    output = model(whole)
    assert output.reaches == feeding
    losses = F.cross_entropy(output.logits().transpose(1, 2), whole.targets, reduction="none")
    logs = output.log_probability.sum(1)
    # Rows differ in nothing but their choices, and each choice has a probability of its own.
    different = {round(log, 9): row for row, log in enumerate(logs.tolist())}
    assert len(different) == source**target
    picked = torch.tensor([*different.values()])
    probabilities = logs[picked].exp()
    torch.testing.assert_close(probabilities.sum(), torch.ones(()).double())
    estimate = 0.0
    for row, probability in zip(picked, probabilities.detach(), strict=True):
        one = Output(
            output.features[row, None],
            output.head,
            None,
            log_probability=output.log_probability[row, None],
            baseline=output.baseline[row, None],
            reaches=output.reaches,
        )
        estimate = estimate + probability * (
            losses[row].sum() + chosen_loss(losses[row, None], torch.ones_like(losses[row, None]), one)
        )
    exact = (probabilities * losses[picked].sum(1)).sum()
    torch.testing.assert_close(estimate, exact)
    learns = {name: part for name, part in model.named_parameters() if "baseline" not in name}
    found = torch.autograd.grad(estimate, [*learns.values()], retain_graph=True)
    wanted = torch.autograd.grad(exact, [*learns.values()])
    for name, one, other in zip(learns, found, wanted, strict=True):
        assert other.any(), name
        torch.testing.assert_close(one, other, msg=name)


def test_the_bonus_is_taken_off_where_something_is_asked():
    bonus = torch.tensor([[0.5, 0.25]], requires_grad=True)
    zero = torch.zeros(1, 2)
    output = Output(zero, torch.nn.Identity(), None, log_probability=zero, baseline=zero, bonus=bonus)
    total = chosen_loss(torch.tensor([[1.5, 0.0]]), torch.tensor([[True, False]]), output)
    assert total == 0
    total.backward()
    assert bonus.grad.tolist() == [[-1.0, 0.0]]


@pytest.mark.parametrize("estimator", ["reinforce", "gumbel"])
def test_it_learns_where_to_look(estimator):
    """Rows of symbols in some order, to be told backwards: only the choice of the right position explains them."""
    torch.manual_seed(0)
    time, kinds = 6, 5
    hard = Hard(time, kinds + time, SCORES["general"], estimator)
    head = torch.nn.Linear(kinds + time, kinds)
    optimizer = torch.optim.Adam([*hard.parameters(), *head.parameters()], lr=0.03)
    places = torch.eye(time).expand(64, -1, -1)
    for _ in range(200):
        symbols = torch.randint(kinds, (64, time))
        encoded = torch.cat([F.one_hot(symbols, kinds).float(), places], dim=-1)
        found = hard(places, hard.prepare(encoded, None), torch.zeros(64, time), None, False)
        losses = F.cross_entropy(head(found.context).transpose(1, 2), symbols.flip(1), reduction="none")
        total = losses.sum()
        if found.log_probability is not None:
            output = Output(
                found.context,
                head,
                None,
                log_probability=found.log_probability,
                baseline=found.baseline,
                bonus=found.bonus,
            )
            total = total + chosen_loss(losses, torch.ones_like(losses), output)
        optimizer.zero_grad()
        (total / losses.numel()).backward()
        optimizer.step()
    chosen = hard.eval()(places, hard.prepare(encoded, None), torch.zeros(64, time)).weights[:, 0]
    assert torch.equal(chosen, places.flip(1))


def test_refuses_an_unknown_estimator_and_ranges():
    with pytest.raises(ConfigurationError, match="attention.estimator=gumble is not .*; did you mean 'gumbel'"):
        Hard(2, 2, estimator="gumble")
    with pytest.raises(ConfigurationError, match="attention.temperature=0 above 0"):
        Hard(2, 2, estimator="gumbel", temperature=0)
    with pytest.raises(ConfigurationError, match="attention.entropy=-1 must be at least 0"):
        Hard(2, 2, entropy=-1)
