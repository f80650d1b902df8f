"""Seven laws of what goes with what, by what the classes of a configuration say of themselves. No class is named here.

1. The target stands where the task takes it.  2. Its items are such as the objective judges.  3. Every input is read.
4. The model's features stand where the task reads them.  5. What one part needs the others have.  6. The monitor is a
score.  7. What reads ahead is not cut, and does not read what it is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqnet.data.copied import misfit
from seqnet.errors import did_you_mean
from seqnet.fits.parts import Parts
from seqnet.fits.small import small_cells
from seqnet.kinds import BIO, ENDS, NEXT, OPEN, RANKED, SHARED, STREAM, Axis, Item
from seqnet.layers.weight_drop import recurrent_weights
from seqnet.options import shown
from seqnet.relations import ACTIVATION
from seqnet.state import leaves
from seqnet.tasks.forecast_scores import SCORES as FORECAST_SCORES

WHERE = {
    Axis.ROW: "one answer a row",
    Axis.STEP: "an answer at every step",
    Axis.SEQUENCE: "answers that are written step by step",
    Axis.GRID: "an answer at every place of a picture",
    Axis.FRAME: "an answer at every few steps of what is read",
}
WHAT = {
    Item.TOKEN: "tokens",
    Item.LABEL: "one of several labels",
    Item.LABELS: "any of several labels",
    Item.NUMBER: "numbers",
    Item.PIXEL: "pictures",
}
TELLS = {  # what an objective tells of, by the method that a task asks for
    "loss": "the loss of items each by itself",
    "losses": "the loss of each step",
    "row_losses": "the loss of whole rows",
}
TRAITS = {RANKED: "a vocabulary in order of frequency", BIO: "BIO tags"}


@dataclass(frozen=True)
class Law:
    """What must hold. wrong: what is wrong, in words. groups, sections, keys: where a change may help."""

    wrong: Callable[[Parts], str | None]
    groups: Sequence[tuple[str, ...]] = ()  # of which another choice may fit; several = all of them changed
    sections: Sequence[str] = ()  # whose options of a few values may be others
    keys: Sequence[tuple[str, Any]] = ()  # other values that may fit


def _target_axis(parts: Parts) -> str | None:
    """1. The target's axis is one that the task takes."""
    takes: Axis = parts.said("task", "target_axis")
    if parts.target is None or parts.target.axis is takes:
        return None
    return f"{parts.choice('task')} judges {WHERE[takes]}, and this data has {WHERE[parts.target.axis]}"


def _target_item(parts: Parts) -> str | None:
    """2. The target's item is one that the objective judges, where it judges any."""
    judges: Sequence[Item] = parts.said("objective", "judges")
    axes: Sequence[Axis] = getattr(parts.part("objective"), "axes", tuple(Axis))
    takes: Axis = parts.said("task", "target_axis")
    if takes not in axes:
        return f"{parts.choice('task')} judges {WHERE[takes]}, and {parts.choice('objective')} {WHERE[axes[0]]}"
    if parts.target is None or parts.target.item in judges:
        return None
    words = " or ".join(WHAT[item] for item in judges)
    return f"{parts.choice('objective')} judges {words}, and this data's answers are {WHAT[parts.target.item]}"


def _inputs_read(parts: Parts) -> str | None:
    """3. Every input is read by something that reads its kind."""
    read = parts.said("model", "reads")(parts.inputs)
    own = parts.section("model").get("encoders") or {}
    for name, encoder in own.items():
        key = f"model.encoders.{name}"
        if name not in parts.inputs:
            return f"{key} is of no input of this data{did_you_mean(name, parts.inputs)}"
        kind = parts.inputs[name]
        if (kind.item, kind.axis) not in replace(parts, config={**parts.config, key: encoder}).said(key, "reads"):
            return f"{key} does not read the data's input '{name}' ({kind})"
    for name, kind in parts.inputs.items():
        if name not in read and name not in own:
            return f"{parts.choice('model')} has nothing that reads the data's input '{name}' ({kind})"
    return None


def _features(parts: Parts) -> str | None:
    """4. The model's features stand where the task reads them."""
    reads: Axis = parts.said("task", "features")
    gives = parts.features
    if gives is reads:
        return None
    readout = parts.section("model").get("readout")
    model = parts.choice("model") if readout is None else f"model.readout={shown(readout)}"
    return f"{model} gives {WHERE[gives]}, and {parts.choice('task')} judges {WHERE[reads]}"


def _traits(parts: Parts) -> str | None:
    """5. What the objective needs is a trait of the target."""
    for trait in getattr(parts.part("objective"), "needs", ()):
        if parts.target is not None and trait not in parts.target.traits:
            return f"{parts.choice('objective')} needs {TRAITS.get(trait, trait)}, which this data does not have"
    return None


def _losses(parts: Parts) -> str | None:
    """5. The objective tells the loss as the task asks for it."""
    asks = getattr(parts.part("task"), "asks", "loss")
    if hasattr(parts.part("objective"), asks):
        return None
    return f"{parts.choice('objective')} does not tell {TELLS.get(asks, asks)}, which {parts.choice('task')} needs"


def _decoding(parts: Parts) -> str | None:
    """5. What decodes reads features that stand where the task has them."""
    if parts.target is None or ENDS not in parts.target.traits:
        return None
    reads, has = getattr(parts.part("decoding"), "features", Axis.SEQUENCE), parts.said("task", "features")
    if reads is has:
        return None
    return f"{parts.choice('decoding')} decodes {WHERE[reads]}, and {parts.choice('task')} judges {WHERE[has]}"


def _copied(parts: Parts) -> str | None:
    """5. What is copied in the place of an unknown word is a word of the source."""
    if not parts.section("decoding").get("replace_unknown"):
        return None
    return misfit(next(iter(parts.inputs.values()), None), parts.target)


def _tied(parts: Parts) -> str | None:
    """5. A tied weight is of tokens that are both read and asked, and of a plain output layer."""
    if not parts.section("model").get("tied"):
        return None
    if hasattr(parts.part("objective"), "output_layer"):
        return (
            "model.tied=true makes one weight of the token embedding and the output layer, and that of "
            f"{parts.choice('objective')} is its own"
        )
    if parts.target is not None and parts.target.item is not Item.TOKEN:
        return (
            "model.tied=true shares the weight of a token embedding, and this data's answers are "
            f"{WHAT[parts.target.item]}"
        )
    if parts.features is not Axis.SEQUENCE and not any(SHARED in kind.traits for kind in parts.inputs.values()):
        return (
            "model.tied=true shares the weight of a token embedding, and this data does not ask for the tokens that "
            "it is made of"
        )
    return None


def _shared(parts: Parts) -> str | None:
    """5. A shared embedding is of one vocabulary."""
    if not parts.section("model").get("shared_embedding"):
        return None
    if any(SHARED in kind.traits for kind in parts.inputs.values()):
        return None
    return "model.shared_embedding=true needs a source and answers of one vocabulary, and this data has none"


def _source(parts: Parts) -> str | None:
    """5. What looks back at a source has one."""
    attends = getattr(parts.part("model"), "attends", None)
    joins = getattr(parts.part("model.join"), "attends", False)
    looks = joins or (attends is not None and attends(parts.section("model")))
    if parts.config.get("attention") is None:
        what = f"{parts.choice('model/join')} looks at inputs by attention, and attention=none is none"
        return what if joins else None
    if parts.features is Axis.FRAME:
        return f"{parts.choice('attention')} looks back at what was read, and {parts.choice('model')} does not"
    if not looks:
        return f"{parts.choice('attention')} reads a source, and {parts.choice('model')} has none"
    if all(kind.axis is Axis.STEP for kind in parts.inputs.values()):
        return f"{parts.choice('attention')} reads a source, and this data has none"
    return None


def _score(parts: Parts) -> str | None:
    """5. A score that only projects keys adds nothing to an attention that projects them itself."""
    score = parts.part("attention.score")
    if not getattr(parts.part("attention"), "projects", False) or score is None:
        return None
    if score.projects_query or not score.projects_keys:
        return None
    return (
        f"{parts.choice('attention/score')} is the dot product with projected keys, and {parts.choice('attention')} "
        "projects them itself"
    )


def _mixture(parts: Parts) -> str | None:
    """5. An attention that has answers mixed has a model and an objective for it, and what it finds is not fed back."""
    mixed = getattr(parts.part("attention"), "mixed", None)
    if mixed is None or not mixed(parts.section("attention")):
        return None
    return _no_mixture(parts)


def _no_mixture(parts: Parts) -> str | None:
    """Why answers cannot be mixed; None where they can."""
    what = "attention.estimator=exact mixes what is answered at each position"
    otherwise = "set attention.estimator=reinforce or gumbel"
    if not getattr(parts.part("model"), "mixes", False):
        return f"{what}, and {parts.choice('model')} has one answer for all: {otherwise}"
    if parts.section("model").get("input_feeding"):
        return (
            f"{what}, and model.input_feeding=true would feed back which it was: {otherwise}, or "
            "model.input_feeding=false"
        )
    if not hasattr(parts.part("objective"), "mixed_losses"):
        return f"{what}, and {parts.choice('objective')} does not judge mixtures: {otherwise}"
    return None


def settle(parts: Parts) -> None:
    """Write into a configuration what an `auto` of its attention is there."""
    settled = getattr(parts.part("attention"), "settled", None)
    if settled is not None:
        parts.section("attention").update(settled(parts.section("attention"), _no_mixture(parts) is None))


def _decoder(parts: Parts) -> str | None:
    """5. What is said to a decoder is said to a model that has one."""
    model = parts.choice("model")
    if parts.config.get("decoder_cell") is not None and not parts.takes("model", "decoder_cell"):
        return f"{parts.choice('cell@decoder_cell')} is the cell of a decoder, and {model} has none"
    share = parts.config["training"]["scheduled_sampling"]
    if share and not parts.takes("model", "own_share", "forward"):
        return f"training.scheduled_sampling={shown(share)} lets a decoder read what it wrote, and {model} has none"
    return None


def _lags(parts: Parts) -> str | None:
    """5. What goes to the output layer has a model that hands it on."""
    lags = parts.section("data").get("lags")
    if lags is None or parts.takes("model", "recent"):
        return None
    return f"data.lags={shown(lags)} are read by the output layer, and {parts.choice('model')} hands it none"


def _states(parts: Parts) -> str | None:
    """5. A state that is handed on as it is is one that the other cell can take."""
    if parts.section("model").get("bridge") != "copy" or parts.config.get("decoder_cell") is None or not parts.inputs:
        return None
    shapes = []
    for cell in small_cells(parts).values():
        if cell is None:
            return None
        shapes.append([tuple(tensor.shape) for tensor in leaves(cell.initial_state(1))])
    if shapes[0] == shapes[1]:
        return None
    return (
        "model.bridge=copy hands the encoder's final state on as it is, and that of "
        f"{parts.choice('cell')} is none of {parts.choice('cell@decoder_cell')}"
    )


def _activation(parts: Parts) -> str | None:
    """4. What is added for the outputs at each step is so where there are such."""
    training = parts.config["training"]
    for key in ACTIVATION:
        if training[key] and parts.features not in (Axis.STEP, Axis.SEQUENCE):
            return (
                f"training.{key}={shown(training[key])} is of what a model puts out at each step, and "
                f"{parts.choice('model')} gives {WHERE[parts.features]}"
            )
    return None


def _weight_dropout(parts: Parts) -> str | None:
    """5. Weights that are dropped are named by the cell."""
    p = parts.section("model").get("weight_dropout")
    for name, cell in small_cells(parts).items() if p else ():
        if cell is not None and not recurrent_weights(cell):
            whose = parts.choice("cell" if name == "cell" else "cell@decoder_cell")
            return (
                f"model.weight_dropout={shown(p)} drops weights that a state is multiplied by, and {whose} names none "
                "as recurrent_weights"
            )
    return None


def _word_dropout(parts: Parts) -> str | None:
    """5. The unknown token is read in place of another where there is one."""
    p = parts.section("model").get("word_dropout")
    read = [*parts.inputs.values()]
    if parts.target is not None and parts.features is Axis.SEQUENCE:
        read.append(parts.target)
    if not p or any(OPEN in kind.traits for kind in read):
        return None
    return (
        f"model.word_dropout={shown(p)} reads the unknown token in place of others, and nothing that is read here has "
        "one"
    )


def _own(parts: Parts) -> str | None:
    """5. A part's own options suit each other, the inputs and the target."""
    for name, conflict in parts.saying("conflict"):
        sentence: str | None = conflict(parts.options(name), parts.inputs, parts.target)
        if sentence is not None:
            return sentence
    return None


def _monitor(parts: Parts) -> str | None:
    """6. What says which checkpoint is best is a score of the objective or the task."""
    of_objective: Sequence[str] = parts.said("objective", "scores")
    if callable(of_objective):  # what it counts follows from what is asked
        of_objective = of_objective(parts.target)
    more = getattr(parts.part("task"), "scores", None)
    known = ("loss", *(of_objective if more is None else more(parts.section("task"), of_objective)))
    if getattr(parts.source, "forecasts", False) and hasattr(parts.part("objective"), "forecast"):
        known = tuple(dict.fromkeys([*known, *FORECAST_SCORES]))
    monitor = parts.config["training"]["monitor"]
    if monitor in known:
        return None
    hint = did_you_mean(monitor, known) or f": choose {' or '.join(known)}"
    return f"training.monitor={shown(monitor)} is no score of this run{hint}"


def _ahead(parts: Parts) -> str | None:
    """7. What reads ahead has no window, and no target that it would have read."""
    ahead = getattr(parts.part("model"), "ahead", None)
    if ahead is None or not ahead(parts.section("model")):
        return None
    both_ways = parts.section("model").get("bidirectional")
    reader = "model.bidirectional=true" if both_ways else parts.choice("model")
    if parts.target is not None and NEXT in parts.target.traits:
        return f"{reader} cannot predict what comes next, which it would have read"
    window = parts.config["training"]["window"]
    if window is not None:
        return f"training.window={window} cuts what {reader} reads {'from its end' if both_ways else 'as a whole'}"
    return None


def _whole_rows(parts: Parts) -> str | None:
    """7. Rows that are judged as a whole are not cut, and the task hands them on as such."""
    if not getattr(parts.part("objective"), "whole_rows", False):
        return None
    if not getattr(parts.part("task"), "whole_rows", False):
        return f"{parts.choice('objective')} judges rows as a whole, and {parts.choice('task')} hands it single items"
    window = parts.config["training"]["window"]
    if window is not None:
        return f"training.window={window} cuts rows, which {parts.choice('objective')} judges as a whole"
    return None


def _stream(parts: Parts) -> str | None:
    """7. A stream has no end, so it is read in windows."""
    streams = any(STREAM in kind.traits for kind in parts.inputs.values())
    if streams and parts.config["training"]["window"] is None:
        return "training.window=null, but a running text is a stream, which is read in windows: set training.window"
    return None


LAWS = (
    Law(_stream),
    Law(_ahead, sections=("model",), keys=(("training.window", None),)),
    Law(_target_axis, groups=(("task",), ("task", "model"))),
    Law(_target_item, groups=(("objective",), ("task",), ("task", "objective"))),
    Law(_inputs_read, groups=(("model",),)),
    Law(_features, groups=(("task",), ("model",)), sections=("model",)),
    Law(_traits, groups=(("objective",),), sections=("data",)),
    Law(_losses, groups=(("objective",),)),
    Law(_whole_rows, groups=(("objective",),), keys=(("training.window", None),)),
    Law(_decoding, groups=(("decoding",),)),
    Law(_copied, keys=(("decoding.replace_unknown", False),)),
    Law(_tied, groups=(("objective",),), sections=("model",)),
    Law(_shared, sections=("data", "model")),
    Law(_source, groups=(("attention",),), keys=(("attention", None),)),
    Law(_score, groups=(("attention/score",), ("attention",))),
    Law(_mixture),
    Law(_decoder, keys=(("decoder_cell", None), ("training.scheduled_sampling", 0.0))),
    Law(_lags, groups=(("model",),), keys=(("data.lags", None),)),
    Law(_states, sections=("model",)),
    Law(
        _activation,
        keys=tuple((f"training.{key}", 0.0) for key in ACTIVATION),
    ),
    Law(_weight_dropout, groups=(("cell",),), keys=(("model.weight_dropout", 0.0),)),
    Law(_word_dropout, keys=(("model.word_dropout", 0.0),)),
    Law(_own),
    Law(_monitor),
)
