import json
from pathlib import Path

import pytest
import torch

from seqnet.errors import CheckpointError, DiskError
from seqnet.training import checkpoint, manifest
from seqnet.training.manifest import manifest_of

COMPONENTS = {
    "parameters": {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor(3, dtype=torch.int64)},
    "optimizer": {"state": {0: {"step": torch.tensor(2.0), "m": torch.ones(2, 3)}}, "param_groups": [{"lr": 0.1}]},
    "rng": {"python": (3, (1, 2), None), "torch": torch.arange(5, dtype=torch.uint8)},
    "config": {"x": None, "y": [1, "two", True], "z": float("nan")},
}


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, 7, COMPONENTS)
    assert path.name == "step_00000007"
    assert same(checkpoint.read(path), COMPONENTS)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    assert checkpoint.verify(path) == 7


def test_shared_storage_is_no_obstacle(tmp_path: Path) -> None:
    whole = torch.arange(8.0)
    path = checkpoint.write(tmp_path, 1, {"carried": [whole[:4], whole[4:], whole]})
    assert same(checkpoint.read(path)["carried"], [whole[:4], whole[4:], whole])


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="/bad"):
        checkpoint.write(tmp_path, 1, {"config": {"bad": object()}})


@pytest.mark.parametrize("file", ["parameters.safetensors", "parameters.json", "rng.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "remove"])
def test_damage_is_found_and_the_file_named(tmp_path: Path, file: str, damage: str) -> None:
    path = checkpoint.write(tmp_path, 1, COMPONENTS)
    victim = path / file
    data = bytearray(victim.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes({"flip": bytes(data), "truncate": bytes(data[:-3]), "empty": b""}[damage])
    if file == "manifest.json" and damage == "flip":
        with pytest.raises(CheckpointError):
            checkpoint.read(path)
        return
    with pytest.raises(CheckpointError, match=file.replace(".", r"\.")):
        checkpoint.read(path)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, 1, COMPONENTS)
    bad = checkpoint.write(tmp_path, 2, COMPONENTS)
    (bad / "config.json").write_text("{}")
    told: list[str] = []
    found = checkpoint.newest(tmp_path, told.append)
    assert found is not None and found[0].name == "step_00000001"
    assert len(told) == 1 and "step_00000002" in told[0]


def test_none_good_is_an_error_and_none_at_all_is_not(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "nothing", print) is None
    bad = checkpoint.write(tmp_path, 2, COMPONENTS)
    (bad / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="the only checkpoint"):
        checkpoint.newest(tmp_path, lambda _: None)


def test_newer_format_is_named(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, 2, COMPONENTS)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoint.read(path)


def test_links_are_relative_and_pruning_keeps_what_they_point_at(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for step in range(5):
        path = checkpoint.write(folder, step, {"config": {"step": step}})
        checkpoint.link(folder, "last", path)
        if step == 1:
            checkpoint.link(folder, "best", path)
    checkpoint.prune(folder, 2)
    assert [p.name for p in checkpoint.existing(folder)] == ["step_00000004", "step_00000003", "step_00000001"]
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert manifest.find(moved, "best").name == "step_00000001"
    assert manifest.find(moved, "last").name == "step_00000004"


def test_links_are_followed_only_inside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    outside = checkpoint.write(tmp_path / "other", 3, COMPONENTS)
    folder.mkdir(parents=True)
    (folder / "best").symlink_to(outside)
    with pytest.raises(CheckpointError, match="neither"):
        manifest.find(tmp_path / "run")


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, 2, COMPONENTS)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["../secret.json"] = {"bytes": 0, "sha256": ""}
    del manifest["sha256"]
    (path / "manifest.json").write_bytes(manifest_of(manifest))
    with pytest.raises(CheckpointError, match="secret"):
        checkpoint.read(path)


def test_writing_where_it_cannot_is_a_disk_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot write"):
        checkpoint.write(tmp_path / "file" / "checkpoints", 1, COMPONENTS)


def test_fingerprint_sees_every_change_but_the_clock_and_the_folder(tmp_path: Path) -> None:
    base = {"parameters": {"w": torch.zeros(2)}, "counters": {"step": 1, "seconds": 3.5}, "config": {"run_dir": "a"}}
    first = checkpoint.fingerprint(checkpoint.write(tmp_path, 1, base))
    moved = base | {"counters": {"step": 1, "seconds": 99.0}, "config": {"run_dir": "b"}}
    assert checkpoint.fingerprint(checkpoint.write(tmp_path, 2, moved)) == first
    changed = base | {"parameters": {"w": torch.tensor([0.0, 1e-30])}, "counters": {"step": 2, "seconds": 3.5}}
    other = checkpoint.fingerprint(checkpoint.write(tmp_path, 3, changed))
    assert {name for name in first if first[name] != other[name]} == {"parameters", "counters"}


def test_numbers_that_are_not_finite_come_back(tmp_path):
    inf, nan = float("inf"), float("nan")
    written = checkpoint.write(tmp_path, 1, {"a": {"x": [inf, (-inf, 1.5)], "y": {3: nan}}, "b": {"$float": "text"}})
    for file in ("a.json", "b.json"):
        json.loads((written / file).read_text(), parse_constant=lambda constant: pytest.fail(constant))
    found = checkpoint.read(written)
    assert found["a"]["x"] == [inf, (-inf, 1.5)] and found["a"]["y"][3] != found["a"]["y"][3]
    assert found["b"] == {"$float": "text"}
    assert checkpoint.fingerprint(written).keys() == {"a", "b"}
    for hostile in ('{"$float": "evil"}', '{"$float": [1]}', '{"$float": null}'):
        with pytest.raises(ValueError):
            checkpoint.join_tensors(json.loads(hostile), {})
