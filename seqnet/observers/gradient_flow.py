"""How the gradient fares on its way back through time: the norm of dL_t/dh_(t-k), layer by layer."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby

import torch
from torch import Tensor, nn

from seqnet.batch import IGNORE, Batch, Output
from seqnet.layers.bidirectional import Bidirectional
from seqnet.layers.layer import Layer
from seqnet.layers.unroll import unroll, within
from seqnet.observers.undisturbed import undisturbed
from seqnet.state import State, leaves, map_state, select

ROWS = 16  # of a window, the longest of those in which something is asked
LAGS = 1000  # steps that are looked back
SHUT, OPEN = 0.1, 0.9  # a gate below or above is saturated (Karpathy, Johnson and Li 2015, section 4.2)
FULL = 1 - 1e-7  # a gate's largest value whose half-life is a number
PARTS = ("hidden", "cell")  # of a state, those that a gradient is shown of

Loss = Callable[[Output, Batch], Tensor]


@dataclass
class LayerMemory:
    """What one recurrent layer carries back through time, and what it keeps.

    gradient: by the part of the state, `hidden` and an LSTM's `cell`, the norm of the gradient for the lags 0, 1, ...,
    the mean over rows. half_life: steps after which half of what a unit remembers is gone, by the median over the steps
    of its gate; the median and the longest of the units. saturation: of each gate, the shares that are shut and open.
    missing: what cannot be told, and why.
    """

    name: str
    cell: str
    windowed: bool  # it runs over what training.window cuts, and not over an input that is read whole
    gradient: dict[str, list[float]] = field(default_factory=dict)
    half_life: tuple[float, float] | None = None
    saturation: dict[str, tuple[float, float]] = field(default_factory=dict)
    spectral_radius: float | None = None
    missing: list[str] = field(default_factory=list)


def recurrent_layers(model: nn.Module) -> dict[str, Layer]:
    """The model's recurrent layers by their names, as the model's table has them: layers.layers.0 is layers.0."""
    found = ((name.split("."), module) for name, module in model.named_modules() if isinstance(module, Layer))
    return {".".join(part for part, _ in groupby(parts)): module for parts, module in found}


def look(model: nn.Module, loss: Loss, window: Batch, state: State, device: torch.device) -> list[LayerMemory]:
    """Run some rows of a window again, cell by cell, and go back from a loss to the states before it.

    loss: summed, of an output and a window. state: the one that the window begins with. In the layers that run over the
    window L_t is the loss of the last step of a row at which something is asked, for a layer that reads from right to
    left of the first; where a row has one answer, and in layers that read an input whole, it is the row's whole loss
    and t the last step that they read. Computed in evaluation mode and the weights' own precision; the model, its
    gradients and the random states stay as they were. Layers that did not run are left out.
    """
    rows = _rows(window)
    if not len(rows):
        return []
    window = window.map(lambda tensor: tensor[rows]).to(device)
    state = None if state is None else select(state, rows.to(device))
    recorded = {name: _Recorded(layer) for name, layer in recurrent_layers(model).items()}
    backward = {id(m.right_to_left) for m in model.modules() if isinstance(m, Bidirectional)}
    with undisturbed(model, device), torch.enable_grad(), _watched(recorded.values()):
        output = model(window, state)
        ran = {name: one for name, one in recorded.items() if one.states}
        carried = {id(leaf) for leaf in leaves(output.state)}
        windowed = {name for name, one in ran.items() if one.calls > 1 or one.returned(carried)}
        for name in windowed:
            ran[name].lengths = window.lengths  # it may have been told step by step, without them
        kinds = {name: _kind(window, name in windowed, id(one.layer) in backward) for name, one in ran.items()}
        found: dict[str, dict[str, list[float]]] = {}
        for kind in dict.fromkeys(kinds.values()):
            names = [name for name in ran if kinds[name] == kind]
            asked, judged = _anchored(window, kind)
            total = loss(output, judged)
            ends = [_anchor(ran[name], kind, asked) for name in names]
            curves = _curves([ran[name] for name in names], ends, total)
            found |= dict(zip(names, curves, strict=True))
    with torch.no_grad():
        return [_told(name, one, name in windowed, found[name]) for name, one in ran.items()]


def _rows(window: Batch) -> Tensor:
    """Which rows are run: of those in which something is asked the longest, in their order."""
    mask = window.target_mask()
    asked = mask if window.row_targets else mask.any(dim=1)
    lengths = torch.where(asked, window.lengths, -1)
    chosen = lengths.argsort(descending=True, stable=True)[:ROWS]
    return chosen[lengths[chosen] >= 0].sort().values


# ------------------------------------------------------------------------------------------------- running it again


class _Recorded:
    """A layer that is run cell by cell, and the states that it went through in its last steps."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.inputs: list[Tensor] = []  # [batch input] each
        self.before: list[State] = []
        self.states: list[State] = []
        self.lengths: Tensor | None = None  # of what it reads, [batch]
        self.skipped = 0  # steps before the first of these
        self.calls = 0
        self.final: list[State] = []  # the states that it returned

    def __call__(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """As `Layer.forward`."""
        layer, time = self.layer, x.shape[1]
        self.calls += 1
        rows = lengths if lengths is not None else torch.full((len(x),), time, device=x.device)
        self.lengths = rows if self.lengths is None else self.lengths + rows
        state = layer.initial_state(len(x)) if state is None else state
        past, skip = None, max(0, time - LAGS)
        if skip:
            self.skipped += len(self.states) + skip
            self.inputs, self.before, self.states = [], [], []
            with torch.no_grad():
                past, state = Layer.forward(layer, x[:, :skip], state, within(lengths, 0, skip))
        y, state = unroll(self._step, x[:, skip:], state, within(lengths, skip, time))  # type: ignore[arg-type]
        self.final.append(state)
        return y if past is None else torch.cat([past, y], dim=1), state

    def _step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, new = self.layer.cell(x, state)
        if isinstance(getattr(new, "cell", None), Tensor):
            # One and the same whether or not h was made of this very tensor: its gradient is that which h does not get.
            new = new._replace(cell=new.cell.view_as(new.cell))
        self.inputs.append(x)
        self.before.append(state)
        self.states.append(new)
        return y, new

    def returned(self, tensors: Collection[int]) -> bool:
        """Whether a state that it returned is of these tensors, which are known by their identity."""
        return any(id(leaf) in tensors for leaf in leaves(tuple(self.final)))

    def parts(self) -> list[str]:
        """The parts of its state that a gradient is shown of."""
        return [part for part in PARTS if isinstance(getattr(self.states[0], part, None), Tensor)]


@contextmanager
def _watched(recorded: Collection[_Recorded]) -> Iterator[None]:
    """Have the layers run cell by cell, and put them back."""
    try:
        for one in recorded:
            vars(one.layer)["forward"] = one
        yield
    finally:
        for one in recorded:
            vars(one.layer).pop("forward", None)


# --------------------------------------------------------------------------------------------------------- gradients


def _kind(window: Batch, windowed: bool, backward: bool) -> str:
    """Which loss a layer's gradient is of: that of the `last` step, of the `first`, or of the `whole` row."""
    if window.row_targets or not windowed:
        return "whole"
    return "first" if backward else "last"


def _anchored(window: Batch, kind: str) -> tuple[Tensor, Batch]:
    """At which step of each row L_t is asked, [batch], and the window in which nothing else is."""
    if kind == "whole":
        return window.lengths - 1, window
    mask = window.target_mask()
    steps = torch.arange(window.time, device=mask.device)
    last = torch.where(mask, steps, -1).amax(1)
    chosen = last if kind == "last" else torch.where(mask, steps, window.time).amin(1)
    kept = (steps == chosen[:, None]).view(*mask.shape, *[1] * (window.targets.dim() - 2))
    nothing = float("nan") if window.targets.is_floating_point() else IGNORE
    return chosen, replace(window, targets=torch.where(kept, window.targets, nothing))


def _anchor(one: _Recorded, kind: str, asked: Tensor) -> Tensor:
    """The step t of each row, counted as the layer reads, [batch]."""
    assert one.lengths is not None
    if kind == "whole":
        return one.lengths - 1
    return asked if kind == "last" else one.lengths - 1 - asked


def _curves(several: Sequence[_Recorded], ends: Sequence[Tensor], total: Tensor) -> Iterator[dict[str, list[float]]]:
    """Of each layer, and each part of its state, the norm of the gradient of `total` for each lag."""
    wanted = [getattr(state, part) for one in several for part in one.parts() for state in one.states]
    reached = [tensor for tensor in wanted if tensor.requires_grad]
    there: list[Tensor | None] = []
    if reached and total.requires_grad:
        there = list(torch.autograd.grad(total, reached, retain_graph=True, allow_unused=True))
    by_id = {id(tensor): grad for tensor, grad in zip(reached, there, strict=False) if grad is not None}
    for one, end in zip(several, ends, strict=True):
        curves = {}
        for part in one.parts():
            states = [getattr(state, part) for state in one.states]
            norms = torch.stack([_norms(by_id.get(id(state)), state) for state in states])
            curves[part] = _by_lag(norms.cpu(), (end - one.skipped).cpu())
        yield curves


def _norms(gradient: Tensor | None, state: Tensor) -> Tensor:
    """Of each row, [batch], in double precision, in which squares neither vanish nor explode."""
    rows = (torch.zeros_like(state) if gradient is None else gradient).flatten(1).double()
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms


def _by_lag(norms: Tensor, ends: Tensor) -> list[float]:
    """The mean over rows for the lags 0, 1, ... that at least half of the rows have. norms: [step batch]."""
    steps = len(norms)
    places = ends - torch.arange(steps, device=norms.device)[:, None]  # [lag batch]
    there = (places >= 0) & (places < steps)
    rows = there.sum(1)
    far = int((2 * rows >= rows[0].clamp(min=1)).cumprod(0).sum()) if steps else 0
    found = norms.gather(0, places.clamp(0, max(steps - 1, 0))).where(there, 0).sum(1) / rows.clamp(min=1)
    return found[:far].tolist()


# -------------------------------------------------------------------------------------------------- gates and weights


def _told(name: str, one: _Recorded, windowed: bool, gradient: dict[str, list[float]]) -> LayerMemory:
    """What there is to tell of a layer, beside its gradient."""
    cell = one.layer.cell
    found = LayerMemory(name, type(cell).__name__, windowed, gradient)
    if "hidden" not in gradient:
        found.missing.append("no gradient, as its state has no part called hidden")
    if not _tells(cell, "gates"):
        found.missing.append("no saturation and no half-life, as it has no method gates")
    elif gates := cell.gates(torch.stack(one.inputs), map_state(lambda *steps: torch.stack(steps), *one.before)):  # type: ignore[operator]
        _tell_gates(found, one, gates, getattr(cell, "keeps", None))
    if not _tells(cell, "recurrent"):
        found.missing.append("no spectral radius, as it has no property recurrent")
    else:
        weight = cell.recurrent.detach().to("cpu", torch.float32)  # type: ignore[operator]
        found.spectral_radius = float(torch.linalg.eigvals(weight).abs().max())
    return found


def _tells(cell: nn.Module, name: str) -> bool:
    """Whether a cell has what tells of its step: what a subclass puts in the place of a step is not known to it."""
    classes = type(cell).__mro__

    def depth(attribute: str) -> int:
        return next((place for place, one in enumerate(classes) if attribute in vars(one)), len(classes))

    return depth(name) <= min(depth("step"), depth("forward")) and depth(name) < len(classes)


def _tell_gates(found: LayerMemory, one: _Recorded, gates: dict[str, Tensor], keeps: str | None) -> None:
    """Saturation and half-life over the steps that are not padding. gates: [step batch hidden] each."""
    assert one.lengths is not None
    valid = torch.arange(len(one.states))[:, None] + one.skipped < one.lengths.cpu()
    if not valid.any():
        return
    # On a CPU: a GPU's median is none that is the same each time.
    read = {gate: values.cpu()[valid] for gate, values in gates.items()}
    for gate, values in read.items():
        found.saturation[gate] = float((values < SHUT).float().mean()), float((values > OPEN).float().mean())
    if keeps in read:
        usual = read[keeps].double().clamp(1e-30, FULL).median(0).values  # the mean would tell of overwriting
        lives = math.log(2) / -usual.log()
        found.half_life = float(lives.median()), float(lives.max())
