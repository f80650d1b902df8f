"""Classes of a user's own, each with a fault; most have a sound sister, which differs in `sound` alone."""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqnet.attention.hard import Hard
from seqnet.attention.memory import Attended
from seqnet.attention.soft import Soft
from seqnet.cells.gru import GRU
from seqnet.cells.lstm import LSTM, update
from seqnet.cells.mingru import MinGRU
from seqnet.cells.pooling import pool
from seqnet.decoding.beam import Beam
from seqnet.decoding.hypothesis import Hypothesis
from seqnet.layers.bidirectional import flip
from seqnet.models.encoder_decoder import EncoderDecoder
from seqnet.models.recurrent import Recurrent
from seqnet.state import HiddenState, LSTMState, detach, map_state, select

# -------------------------------------------------------------------------------------------------------------- cells


class SoundLSTM(LSTM):
    """Nothing is changed but the class, so that it is unrolled."""


class Forgetful(LSTM):
    """Ignores the state that it is handed."""

    def step(self, projected, state):
        return super().step(projected, map_state(torch.zeros_like, state))


class HalfForgetful(LSTM):
    """Ignores its hidden state, and keeps its cell."""

    def step(self, projected, state):
        return super().step(projected, LSTMState(torch.zeros_like(state.hidden), state.cell))


class SwappedGates(LSTM):
    """Takes the input gate for the forget gate."""

    def step(self, projected, state):
        i, f, g, o = F.linear(state.hidden, self.weight_hh).add(projected).chunk(4, dim=-1)
        after = update(torch.cat([f, i, g, o], dim=-1), state.cell)
        return after.hidden, after


class SwappedGRU(GRU):
    """Takes z for 1 - z."""

    def step(self, projected, state):
        r_x, z_x, n_x = projected.chunk(3, dim=-1)
        r_h, z_h, n_h = F.linear(state.hidden, self.weight_hh, self.bias_hh).chunk(3, dim=-1)
        r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
        n = torch.tanh(n_x + r * n_h)
        hidden = z * n + (1 - z) * state.hidden
        return hidden, type(state)(hidden)


class Variant(LSTM):
    """No LSTM, and no fault: its gates are coupled."""

    def step(self, projected, state):
        i, _, g, o = F.linear(state.hidden, self.weight_hh).add(projected).chunk(4, dim=-1)
        after = update(torch.cat([i, -i, g, o], dim=-1), state.cell)
        return after.hidden, after


class TwoMinds(LSTM):
    """Its quick way, project and step, has other gates than its forward."""

    sound = False

    def project(self, x):
        return F.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def step(self, projected, state):
        i, f, g, o = F.linear(state.hidden, self.weight_hh).add(projected).chunk(4, dim=-1)
        gates = [i, f, g, o] if self.sound else [i, g, f, o]
        after = update(torch.cat(gates, dim=-1), state.cell)
        return after.hidden, after

    def forward(self, x, state):
        after = update(F.linear(state.hidden, self.weight_hh).add(self.project(x)), state.cell)
        return after.hidden, after


class OneMind(TwoMinds):
    sound = True


class SwappedInBulk(MinGRU):
    """Its way through a whole sequence takes z for 1 - z; its step does not."""

    sound = False

    def scan(self, x, state):
        z, content = self.project(x).chunk(2, dim=-1)
        hidden = pool(torch.cat([z if self.sound else -z, content], dim=-1), state.hidden, "positive")
        return hidden, HiddenState(hidden)


class SoundInBulk(SwappedInBulk):
    sound = True


class AlwaysDrops(LSTM):
    """Drops in evaluation, too."""

    def step(self, projected, state):
        y, after = super().step(projected, state)
        return F.dropout(y, 0.3, training=True), after


class KeepsState(LSTM):
    """Goes on from the state that it kept."""

    kept = None

    def step(self, projected, state):
        if self.kept is not None and self.kept.hidden.shape == state.hidden.shape:
            state = self.kept
        y, after = super().step(projected, state)
        self.kept = detach(after)
        return y, after


class KeepsCount(LSTM):
    """What it adds to each output depends on how often it was called, which no checkpoint knows."""

    calls = 0

    def step(self, projected, state):
        if self.training:
            self.calls += 1
        y, after = super().step(projected, state)
        return y + 1e-3 * self.calls, after


# --------------------------------------------------------------------------------------------------------- attentions


class MaskUnused(Soft):
    """Makes a mask, and looks everywhere all the same."""

    def forward(self, query, memory, position, coverage=None, weights=True):
        found = self.score(query, memory.keys, coverage).softmax(dim=-1)
        return Attended(found @ memory.values, found.unsqueeze(1) if weights else None)


class SoundSoft(Soft):
    """Nothing is changed."""


class HardUnmasked(Hard):
    """Chooses padding, too."""

    def forward(self, query, memory, position, coverage=None, weights=True):
        return super().forward(query, memory._replace(mask=None), position, coverage, weights)


class SoundHard(Hard):
    """Nothing is changed."""


# ------------------------------------------------------------------------------------------------------------- models


class LeakyMean(Recurrent):
    """Its mean is over padding, too."""

    def _pool(self, pooled, y, lengths):
        found = super()._pool(pooled, y, lengths)
        return found._replace(steps=torch.full_like(found.steps, y.shape[1]))


class WrongEnd(Recurrent):
    """Of the direction from right to left it takes the output at the end of a row, which has read one step."""

    def _last(self, y, lengths):
        if lengths is None:
            return y[:, -1]
        return y[torch.arange(len(y)), (lengths - 1).clamp(min=0)]


class WrongPlace(Recurrent):
    """Of the direction from right to left each step has what stands at its mirrored place."""

    def _run(self, x, state, lengths, joined):
        y, state = super()._run(x, state, lengths, joined)
        left, right = y.chunk(2, dim=-1)
        return torch.cat([left, flip(right, lengths)], dim=-1), state


class SoundRecurrent(Recurrent):
    """Nothing is changed."""


class OwnStep(Recurrent):
    """An LSTM whose single step is written out by hand."""

    sound = False

    def step(self, inputs, state, views=None, head=None, joined=None):
        (layer,), cell = state.layers, self.layers.layers[0].cell
        x = self.inputs(inputs.unsqueeze(1), {})[:, 0]
        i, f, g, o = cell.project(x).add(F.linear(layer.hidden, cell.weight_hh)).chunk(4, dim=-1)
        after = update(torch.cat([i, f, g, o] if self.sound else [f, i, g, o], dim=-1), layer.cell)
        return (head or self.head)(after.hidden), state._replace(layers=(after,))


class OwnSoundStep(OwnStep):
    sound = True


class DropsCarried(Recurrent):
    """Begins each window anew."""

    def forward(self, window, state=None):
        return super().forward(window, None)


class NeverAnew(Recurrent):
    """Rows that begin anew go on."""

    def reset(self, state, starts):
        return state


class ReadsAhead(Recurrent):
    """Each step's features hold what is read a step later."""

    def forward(self, window, state=None):
        output = super().forward(window, state)
        later = torch.cat([output.features[:, 1:], output.features[:, -1:]], dim=1)
        output.features = output.features + 0.1 * later
        return output


class CutOff(Recurrent):
    """Lets no gradient through the middle of what it reads."""

    def _run(self, x, state, lengths, joined):
        if x.shape[1] < 4:
            return super()._run(x, state, lengths, joined)
        middle = x.shape[1] // 2
        one, state = super()._run(x[:, :middle], state, None, joined)
        other, state = super()._run(x[:, middle:], detach(state), None, joined)
        return torch.cat([one, other], dim=1), state


class OtherInGraphs(Recurrent):
    """Says something else where a graph is made of it."""

    def _features(self, y, pooled, views):
        found = super()._features(y, pooled, views)
        return found + 0.1 if torch.compiler.is_compiling() else found


class AmongOthers(Recurrent):
    """What it says of a row depends on those beside it."""

    def forward(self, window, state=None):
        output = super().forward(window, state)
        output.features = output.features - output.features.mean(0, keepdim=True)
        return output


class LosesPosition(EncoderDecoder):
    """Counts the steps of each window from the first."""

    def forward(self, window, state=None, own_share=0.0):
        if state is not None:
            state = state._replace(position=torch.zeros_like(state.position))
        return super().forward(window, state, own_share)


class SoundDecoder(EncoderDecoder):
    """Nothing is changed."""


class StateOfAnother(EncoderDecoder):
    """The encoder reads sources to the end of their padding."""

    def _encode(self, batch):
        if self.encoder is not None and batch.source_lengths is not None:
            whole = torch.full_like(batch.source_lengths, batch.source.shape[1])
            batch = batch.map(lambda tensor: whole if tensor is batch.source_lengths else tensor)
            batch.__dict__["source_full"] = True
        return super()._encode(batch)


# ----------------------------------------------------------------------------------------------------------- decoding


class OwnBeam(Beam):
    """A beam that is written anew, without ends: hypotheses of one length."""

    sound = False

    def decode(self, model, start):
        memory, state, writing, inputs = start.memory, start.state, start.writing, start.first
        rows, size = len(inputs), self.beam_size
        scores = torch.zeros(rows, 1, dtype=torch.float64)
        written = torch.zeros(rows, 1, 0, dtype=torch.int64)
        for _ in range(self.limits.steps(writing)):
            logits, state, _ = model.step(inputs, state, memory)
            logs = self.limits.apply(logits.float().log_softmax(-1), written.flatten(0, 1), writing, ())
            width = scores.shape[1]
            totals = scores[..., None] + logs.unflatten(0, (rows, width))
            scores, places = totals.flatten(1).topk(size, dim=1)
            origin, tokens = places // logs.shape[1], places % logs.shape[1]
            kept = written.gather(1, origin[..., None].expand(-1, -1, written.shape[2]))
            written = torch.cat([kept, tokens[..., None]], dim=2)
            stays = torch.arange(size).clamp(max=width - 1).expand(rows, -1)
            picked = torch.arange(rows)[:, None] * width + (origin if self.sound else stays)
            state, inputs = select(state, picked.flatten()), tokens.flatten()
        return [
            [Hypothesis(ids, score, score, False) for ids, score in zip(*row, strict=True)][: self.n_best]
            for row in zip(written.tolist(), scores.tolist(), strict=True)
        ]


class OwnSoundBeam(OwnBeam):
    sound = True


def forgets_gradients(run):
    """A loop's `_run` that forgets the gradients of the windows before, so that a step is made of its last alone."""

    def forgetful(self, piece, state: object, count: float, regularised) -> tuple[object, Tensor | None]:
        self._forget_gradients()
        found: tuple[object, Tensor | None] = run(self, piece, state, count, regularised)
        return found

    return forgetful


class TaughtOtherwise(LSTM):
    """Adds what changes no gradient where one is wanted."""

    def step(self, projected, state):
        y, state = super().step(projected, state)
        return y + 0.1 * torch.is_grad_enabled(), state
