import json

import torch

from seqnet.observers.profile import Profile


def spans(path) -> list[str]:
    return [event["name"] for event in json.loads(path.read_text())["traceEvents"] if event.get("ph") == "X"]


def test_a_trace_of_the_chosen_steps(run, make_step):
    profile = Profile(steps=2, skip=1)
    profile.on_start(run)
    for step in range(1, 6):
        torch.ones(3, 3) @ torch.ones(3, 3)
        profile.on_step(make_step(step))
        assert (run.folder / "trace.json").exists() == (step >= 3)
    profile.on_end({})
    profile.close()
    assert spans(run.folder / "trace.json").count("aten::matmul") == 2


def test_a_run_that_ends_early_leaves_what_was_recorded(run, make_step):
    profile = Profile(steps=5, skip=1)
    profile.on_start(run)
    for step in range(1, 4):
        torch.ones(3, 3) @ torch.ones(3, 3)
        profile.on_step(make_step(step))
    profile.close()
    assert spans(run.folder / "trace.json").count("aten::matmul") == 2


def test_a_run_that_ends_before_it_leaves_nothing(run, make_step):
    for steps in (0, 1):
        profile = Profile()
        profile.on_start(run)
        for step in range(steps):
            profile.on_step(make_step(step + 1))
        profile.close()
        assert not (run.folder / "trace.json").exists()
