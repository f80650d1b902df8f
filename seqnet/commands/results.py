"""What a run reached: the contents of results.json."""

import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from seqnet import __version__, build, relations, strict_json
from seqnet.batch import EvaluationReport
from seqnet.commands.run_state import RunState
from seqnet.commands.samples import PROMPT, runs_on
from seqnet.commands.writing import decoded, described, writing_of
from seqnet.trust import CONTINUED

FILE = "results.json"
PRUNED = "pruned: worse than the median of the other trials (sweep.pruner=median)"
LIBRARIES = ("torch", "hydra-core", "torchmetrics")


def collect(state: RunState, folder: Path, best: dict[str, Any], scored: dict[str, EvaluationReport]) -> dict[str, Any]:
    """Scores, size, time and versions. best: its step, or the steps it averages; scored: its evaluations by split."""
    position, model = state.trainer.position, state.assembly.model
    found: dict[str, Any] = {
        "experiment": state.config["groups"]["experiment"],
        "monitor": state.stopping.monitor,
        "reason": PRUNED if state.stopping.given_up else reason(state.config, state.components_of_progress()),
        "steps": position.step,
        "epochs": position.epoch,
        "best": best,
        "last": {"step": position.step},
    }
    if state.stopping.given_up:
        found["pruned"] = True
    if CONTINUED in state.config:
        found[CONTINUED] = state.config[CONTINUED]
    if state.evaluated is not None:
        found["last"] |= state.evaluated.scores
    if "valid" in scored:
        found["best"] |= scored["valid"].scores
        if scored["valid"].samples:
            found["sample"] = scored["valid"].samples[0]
            if runs_on(state.assembly.source):
                how = decoded(described(state.config["decoding"])).removeprefix("decoded ")
                found["sampled"] = f"{PROMPT} tokens of held-out text, continued {how}"
    if "test" in scored:
        found["test"] = scored["test"].scores
    if writing_of(state.assembly.source) is not None and state.assembly.task.metrics:
        found["decoding"] = described(state.config["decoding"], state.assembly.source)  # that made the test score
    return found | {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": round(position.seconds, 2),
        "skipped_steps": position.skipped,
        "left_out_batches": len(position.left_out),
        "bad_rows": int(getattr(state.assembly.source, "bad_rows", 0)),
        "device": str(state.trainer.precision.device),
        "threads": torch.get_num_threads(),
        "versions": {"seqnet": __version__, **{name: version(name) for name in LIBRARIES}},
        "next": next_commands(state, folder, next((name for name in ("test", "valid") if name in scored), "train")),
    }


def as_text(found: dict[str, Any]) -> str:
    """As the file holds it."""
    return strict_json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def reason(config: dict[str, Any], components: dict[str, Any] | None) -> str:
    """Why training ended where the components of a checkpoint say it stands."""
    assert components is not None
    training, stopping, counters = config["training"], components["early_stopping"], components["counters"]
    if training["patience"] is not None and stopping["waited"] >= training["patience"]:
        without = f"{stopping['waited']} evaluations without a better {training['monitor']}"
        return f"stopped early: {without} (training.patience={training['patience']})"
    reached = {
        "max_steps": counters["step"],
        "max_epochs": components["data_position"]["epoch"],
        "max_minutes": counters["seconds"] / 60,
    }
    for name, value in reached.items():
        if training[name] is not None and value >= training[name]:
            return f"training.{name}={training[name]} reached"
    return "ended"


def next_commands(state: RunState, folder: Path, split: str) -> list[str]:
    """What to type next, ready to be pasted into a shell. split: the one to be scored."""
    asked = {key: part for key, part in state.config.items() if key != "observers"}  # which training alone tells
    run, trust = f"run={shlex.quote(str(folder))}", build.packages(asked)
    trusted = " " + shlex.quote(f"trust=[{','.join(trust)}]") if trust else ""
    source = state.assembly.source
    writes = runs_on(source) and not state.assembly.model.bidirectional
    writes |= writing_of(source) is not None and source.source is None
    drawn = relations.lookup(state.config, "observers.tensorboard", None)
    return [
        f"seqnet generate {run}{trusted}" if writes else f"seqnet predict {run} input=FILE{trusted}",
        f"seqnet evaluate {run} split={split}{trusted}",
        *([f"tensorboard --logdir {shlex.quote(str(folder.parent))}"] if drawn else []),
    ]
