"""Run folders, checkpoints, vocabularies and configurations from a stranger, read under an audit hook.

Each artefact is a good small run in which one thing is hostile, with sums that are right: whoever can write a
checkpoint can write its manifest. It is read by the command that would read it, in a forked child in which nothing may
run that the file brought, and nothing be opened that is neither the run's, nor what was typed, nor Python's own.
"""

import contextlib
import ctypes
import io
import json
import os
import pickle
import resource
import runpy
import shutil
import signal
import socket
import struct
import subprocess
import sys
import traceback
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import torch
from safetensors.torch import save

import hydra_plugins
from seqnet import cli, configuration
from seqnet.configuration import CONFIGS, Composed, put
from seqnet.training.manifest import existing, manifest_of, sum_of

SECONDS = 120  # of one command, after which it hangs, however busy the machine
MOST, MEMORY = 2 << 30, 300 << 20  # bytes that one command can take beside what was there, and those that it may
OURS = ("/proc", "/dev/null", "/dev/urandom", "/sys/devices/system/cpu")
RAN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "subprocess.Popen",
    "ctypes.dlopen",
    "pty.spawn",
)
OWN_PROCESS = ("ctypes.dlopen", (None,))  # what is loaded already: training tells the C library what to keep
CHANGED = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.chown",
    "os.mkdir",
    "os.truncate",
)
CHANGED += ("os.utime", "shutil.rmtree", "shutil.move")
INSTALLED = tuple(
    {
        os.path.realpath(path)
        for path in (
            sys.prefix,
            sys.base_prefix,
            CONFIGS,
            Path(cli.__file__).parent,
            *hydra_plugins.__path__,
            *sys.path,
        )
        if path and Path(path).exists()
    }
    - {os.path.realpath(Path(__file__).parents[2])}
)

Change = Callable[[Path], None]
Command = tuple[str, ...]

PAYLOAD = "open('pwned', 'w').close()"
EVIL = f"{PAYLOAD}\nclass Evil:\n    def __init__(self, *args, **kwargs): {PAYLOAD}\n"


class Bomb:
    """Runs what it is made of when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (PAYLOAD,))


# ----------------------------------------------------------------------------------------------- the audit hook


@dataclass
class Watch:
    """What one child may open, and what it did beside."""

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    seen: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The hook."""
        try:
            if event == "open":
                self._opened(*arguments)
            elif event in ("exec", "compile", "marshal.loads"):
                self._code(event, arguments[0])
            elif (event, arguments) == OWN_PROCESS:
                return
            elif event in ("pickle.find_class", *RAN) or event.startswith(("socket.", "urllib.", "ftplib.", "http.")):
                self.seen.append(f"{event} {arguments!r:.200}")
            elif event in ("os.listdir", "os.scandir"):  # an import looks through the folders of packages
                packages = (os.path.realpath(path) for path in sys.path)
                self._inside(event, arguments[0] or ".", (*self.readable, *self.writable, os.getcwd(), *packages))
            elif event in CHANGED and not _in_open_folder(event, arguments[-1]):
                both = arguments[int(event == "os.symlink") : 1 + (event in ("os.rename", "os.link", "os.symlink"))]
                for path in map(os.fsdecode, both):  # a link itself is meant, not what it leads to
                    real = Path(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
                    there = event == "os.mkdir" and real.is_dir()  # so that nothing is made
                    if not there and not self._allowed(str(real), self.writable):
                        self.seen.append(f"{event} {real}")
        except Exception as error:  # the hook itself must let nothing pass
            self.seen.append(f"{event}: the hook failed with {error!r}")

    def _opened(self, path: Any, mode: str | None, flags: int) -> None:
        if (
            isinstance(path, int) or sys._getframe(2).f_code.co_filename == shutil.__file__
        ):  # within a folder opened before
            return
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._inside("write" if writes else "open", path, self.writable if writes else self.readable + self.writable)
        if str(path).endswith((".py", ".pyc", ".so", ".pth")):
            self._inside("code", path, INSTALLED)

    def _inside(self, event: str, path: Any, roots: Sequence[str]) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))
        if not self._allowed(real, roots):
            self.seen.append(f"{event} {real}")

    @staticmethod
    def _allowed(real: str, roots: Sequence[str]) -> bool:
        return any(real == root or real.startswith(f"{root}/") for root in roots)

    def _code(self, event: str, code: Any) -> None:
        """Code is Python's own, or made by a library of what it wrote itself; never the payload."""
        name = code.co_filename if isinstance(code, CodeType) else sys._getframe(3).f_code.co_filename
        text = repr(code.co_names + code.co_consts) if isinstance(code, CodeType) else repr(code)
        if "pwned" in text or not (name.startswith(("<frozen", "<string>", *INSTALLED))):
            self.seen.append(f"{event} {name} {text[:200]}")


def _in_open_folder(event: str, last: Any) -> bool:
    """Whether a path is relative to a folder that was opened before, and so was looked at."""
    return isinstance(last, int) and last >= 0 and event != "os.truncate"


@dataclass
class Told:
    """What a command line brought in a child."""

    code: int
    out: str
    err: str
    seen: list[str]
    memory: int = 0  # bytes at most, beside what was there


def _memory(name: str) -> int:
    """Bytes, as the kernel counts them for this process."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) << 10


def watched(action: Callable[[], int], folder: Path, more: Sequence[Path] = ()) -> Told:
    """Do it in a forked child, in `folder`, under the hook. more: files that it may read, too."""
    kept = folder.parent / f"{folder.name}.told"
    child = os.fork()
    if not child:
        out, err = io.StringIO(), io.StringIO()
        own = [os.path.realpath(folder / name) for name in ("run", "new", "board", "out.jsonl", ".writing_out.jsonl")]
        watch = Watch((*INSTALLED, *OURS, *(os.path.realpath(path) for path in more)), (*own, "/dev/null"))
        before = _memory("VmRSS")
        try:
            os.chdir(folder)
            sys.path[:] = [path for path in sys.path if path not in ("", os.getcwd())]
            signal.alarm(SECONDS)
            resource.setrlimit(resource.RLIMIT_AS, [_memory("VmSize") + MOST] * 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                sys.addaudithook(watch)
                code = action()
        except BaseException:
            code = 1
            err.write(traceback.format_exc())
        finally:
            told = {"code": code, "out": out.getvalue(), "err": err.getvalue(), "seen": list(watch.seen)}
            told["memory"] = _memory("VmHWM") - before
            descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.write(descriptor, json.dumps(told).encode())
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        return Told(status, "", f"the child was ended by a signal, {-status}; {signal.SIGALRM} after {SECONDS} s", [])
    return Told(**json.loads(kept.read_text()))


# --------------------------------------------------------------------------------- how a good run is made hostile


def forged(
    changed: Callable[[dict[str, bytes]], None] | None = None, listed: Callable[[Any], None] = lambda body: None
) -> Change:
    """The files of every checkpoint changed, and a manifest with the right sums, itself changed at last by `listed`."""

    def change(run: Path) -> None:
        for place in existing(run / "checkpoints"):
            before = {path.name: path.read_bytes() for path in place.iterdir() if path.name != "manifest.json"}
            files = dict(before)
            if changed is not None:
                changed(files)
            for name, data in files.items():
                if data != before.get(name):
                    (place / name).write_bytes(data)
            body = json.loads((place / "manifest.json").read_text())
            del body["sha256"]
            body["files"] = {name: {"bytes": len(data), "sha256": sum_of(data)} for name, data in files.items()}
            listed(body)
            (place / "manifest.json").write_bytes(manifest_of(body))

    return change


def bytes_of(name: str, data: bytes) -> Change:
    """One file of the checkpoint is that."""
    return forged(lambda files: files.update({name: data}))


def told(component: str, key: str, value: Any) -> Change:
    """A dotted key of a component's JSON is that; without a key all of it."""

    def changed(files: dict[str, bytes]) -> None:
        tree = json.loads(files[f"{component}.json"])
        if key:
            put(tree, key, value)
        else:
            tree = value
        files[f"{component}.json"] = json.dumps(tree).encode()

    return forged(changed)


config = partial(told, "config")


def named(section: str, target: Any, **options: Any) -> Change:
    """A class in the stored configuration."""
    return config(section, {"_target_": target, **options})


def header(text: str, zeros: int = 0, length: int | None = None) -> bytes:
    """The bytes of a safetensors file with that header."""
    return struct.pack("<Q", len(text) if length is None else length) + text.encode() + bytes(zeros)


def reshaped(kind: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """Every parameter made something else."""

    def changed(files: dict[str, bytes]) -> None:
        from safetensors.torch import load

        files["parameters.safetensors"] = save(
            {name: kind(tensor).contiguous() for name, tensor in load(files["parameters.safetensors"]).items()}
        )

    return forged(changed)


def naming(name: str, body: Any) -> None:
    """Lists a file in a manifest."""
    body["files"][name] = {"bytes": 2, "sha256": sum_of(b"{}")}


def checkpoint_of(run: Path) -> Path:
    """The directory of the newest checkpoint."""
    return existing(run / "checkpoints")[0]


def instead(name: str, make: Callable[[Path], Any]) -> Change:
    """Something else stands where a file of the run folder stood; `@` stands for the checkpoint's directory."""

    def change(run: Path) -> None:
        path = run / name.replace("@", f"checkpoints/{checkpoint_of(run).name}")
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)

    return change


def two_faced(run: Path) -> None:
    """The newest checkpoint trusts a package but is damaged; the one before it names a class of that package."""
    newest = checkpoint_of(run)
    older, kept = newest.with_name("step_00000001"), run.parent / "kept"
    shutil.copytree(newest, kept)
    also(named("cell", "evil.Evil"), forged(listed=lambda body: body.update(step=1)))(run)
    newest.rename(older)
    kept.rename(newest)
    kept = older.rename(kept)
    config("trust", ["evil"])(run)
    kept.rename(older)
    (newest / "rng.json").write_text("{}")


def linked_out(name: str) -> Change:
    """A link to the secret beside the run folder, or to a copy of what stood there outside of it."""

    def change(run: Path) -> None:
        path = run / name.replace("@", f"checkpoints/{max(path.name for path in (run / 'checkpoints').glob('step_*'))}")
        outside = run.parent / "outside"
        if outside.exists():
            path.unlink()
        elif path.exists() and not path.is_symlink():
            path.rename(outside)
        else:
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            outside.write_text('{"secret": 1}\n')
        path.symlink_to(outside)

    return change


def bound(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):
        made.bind(path.name)


GOOD = {"monitor": "loss", "best": {"loss": 1.5}, "test": {}}


def board_job(job: Path, results: Any, status: Any = None) -> None:
    """A job of a sweep; its files are JSON, or text as it is."""
    job.mkdir(parents=True)
    for name, content in (("results", results), ("status", {} if status is None else status)):
        (job / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))


def board(results: Any = GOOD, status: Any = None) -> Change:
    """A sweep's folder with such a job."""
    return lambda run: board_job(run.parent / "board" / "0", results, status)


def in_board(name: str, make: Callable[[Path], Any]) -> Change:
    """A sweep's folder with a good job, and in it something else."""

    def change(run: Path) -> None:
        board()(run)
        path = run.parent / "board" / name
        path.unlink(missing_ok=True)
        make(path)

    return change


def also(*changes: Change) -> Change:
    def change(run: Path) -> None:
        for each in changes:
            each(run)

    return change


def planted(names: Sequence[str]) -> Change:
    """Python files in the run folder that have other modules' names; a__b stands for a package's b."""

    def change(run: Path) -> None:
        for name in names:
            path = run / f"{name.replace('__', '/', 1)}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(EVIL)

    return change


def copied(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    return made.getvalue()


# ------------------------------------------------------------------------------------------------ what is hostile

QUIET = ("observers.tensorboard=false", "observers.console=false", "device=cpu")
LIMITS = ("training.max_epochs=9", "training.max_steps=31")
EVALUATE: Command = ("evaluate", "run=run", "device=cpu", "split=valid")
PREDICT: Command = ("predict", "run=run", "device=cpu", "output=out.jsonl")
GENERATE: Command = ("generate", "run=run", "device=cpu", "length=5")
GO_ON: Command = ("train", *QUIET, "run_dir=run", *LIMITS)
ELSEWHERE: Command = ("train", *QUIET, "resume=run", "run_dir=new", *LIMITS)
BEGIN: Command = ("train", *QUIET, "init_from=run", "run_dir=new")
VERIFY: Command = ("checkpoint", "verify", "run")
FINGERPRINT: Command = ("checkpoint", "fingerprint", "run")
BOARD: Command = ("leaderboard", "board", "output=board/leaderboard.csv")
BOTH = (EVALUATE, GO_ON)


@dataclass(frozen=True)
class Artefact:
    """works: what is hostile is not asked for, and the commands end as if it were not there. of: which good run."""

    name: str
    change: Change
    commands: tuple[Command, ...]
    works: bool = False
    codes: tuple[int, ...] = (2, 3, 5)
    of: str = "writer"


def artefacts(commands: tuple[Command, ...], changes: dict[str, Change], **options: Any) -> list[Artefact]:
    return [Artefact(name, change, commands, **options) for name, change in changes.items()]


LSTM = "seqnet.cells.lstm.LSTM"
DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "9" * 10**6
ESCAPE = "\x1b]0;pwned\x07\x1b[31m\x9b31m\r\n[red]"
TOUCH = {"command": "touch pwned"}
EVIL_CLASS = {"_target_": "evil.Evil"}
DASH = "\N{CYRILLIC SMALL LETTER DZE}eqnet.cells.lstm.LSTM"

TARGETS: dict[tuple[Command, ...], list[tuple[str, Any, dict[str, Any]]]] = {
    BOTH: [
        ("cell", "os.system", TOUCH),
        ("data", "subprocess.Popen", {"args": ["touch", "pwned"]}),
        ("cell", "seqnet.cli.main", {}),
        ("model", "seqnet.build.nn.Module", {}),
        ("cell", "seqnet.data.dataset.Dataset", {"path": "/etc/passwd"}),
        ("data.fields.text", "evil.Evil", {}),
        ("data.fields.text", "subprocess.Popen", {"args": ["touch", "pwned"]}),
        ("data.format", "os.system", TOUCH),
        ("data.format", "seqnet.data.fields.text.TextField", {}),
        ("cell", "evil.Evil", {}),
        ("cell", f"{ESCAPE}.Evil", {}),
        ("cell", LSTM, {"_args_": ["touch pwned"]}),
        ("cell", LSTM, {"forget_bias": {"_target_": "os.system", **TOUCH}}),
        ("cell", LSTM, {"recurrent_init": "${oc.env:HOME}"}),
        ("decoding", "os.system", TOUCH),
    ],
    (EVALUATE,): [
        ("cell", "seqnet.build.importlib.import_module", {"name": "evil"}),
        ("task", "seqnet.observers.profile.Profile", {}),
        ("cell", "torch.hub.load", {"repo_or_dir": "evil/evil", "model": "evil"}),
        ("data", "numpy.load", {"file": "pwned", "allow_pickle": True}),
        ("cell", "run.evil.Evil", {}),
        ("cell", "..evil.Evil", {}),
        ("cell", DASH, {}),
        ("cell", f"{LSTM}\0", {}),
        ("cell", "evil", {}),
        ("cell", "", {}),
        ("cell", None, {}),
        ("cell", LSTM, {"_partial_": True, "_convert_": "all", "_recursive_": True}),
    ],
    (GO_ON,): [
        ("cell", "seqnet.__main__.main", {}),
        ("model", "seqnet.commands.train.Training", {}),
        ("schedule", "torch.optim.lr_scheduler.LambdaLR", {"lr_lambda": PAYLOAD}),
        ("optimizer", "torch.optim.lr_scheduler.StepLR", {}),
        ("optimizer", "torch.optim.sgd.torch", {}),
        ("optimizer", "torch.optim.Tensor", {}),
        ("optimizer", "torch.optim.SGD.__init__.__globals__", {}),
        ("cell", "hydra.utils.instantiate", {"config": {"_target_": "os.system", **TOUCH}}),
        ("cell", ["os", "system"], {}),
        ("cell", {"_target_": "os.system"}, {}),
    ],
    (ELSEWHERE,): [
        ("model", "builtins.eval", {"source": PAYLOAD}),
        ("objective", "seqnet.sweep.Path", {"args": "pwned"}),
    ],
    (PREDICT,): [("task", "pickle.loads", {"data": "pwned"}), ("data", "torch.load", {"f": "pwned"})],
    (GENERATE,): [
        ("cell", "builtins.exec", {"source": PAYLOAD}),
        ("attention", "builtins.__import__", {"name": "evil"}),
    ],
}
CLASSES = [
    Artefact(
        f"{section} is {target!r} with {', '.join(options) or 'nothing'}", named(section, target, **options), commands
    )
    for commands, listed in TARGETS.items()
    for section, target, options in listed
]

CONFIGURATIONS = [
    *artefacts(
        BOTH,
        {
            "an encoder in the model": config("model.encoders", {"word": EVIL_CLASS}),
            "callbacks of Hydra": config("hydra", {"callbacks": {"x": EVIL_CLASS}}),
            "trust of its own": also(config("trust", ["evil"]), named("cell", "evil.Evil")),
            "an interpolation for a number": config("seed", "${oc.env:HOME}"),
            "a hidden size that is text": config("model.hidden_size", "8"),
            "a hidden size below 0": config("model.hidden_size", -3),
            "a hidden size of terabytes": config("model.hidden_size", 10**12),
            "a hidden size of gigabytes": config("model.hidden_size", 50_000),
            "a hidden size of half a gigabyte": config("model.hidden_size", 6_000),
            "a hidden size of 400 digits": config("model.hidden_size", 10**400),
            "a hidden size that is no number": config("model.hidden_size", float("nan")),
            "a hidden size that is a tensor": config("model.hidden_size", {"$tensor": "/etc/passwd"}),
            "deep lists for a hidden size": config("model.hidden_size", json.loads("[" * 300 + "]" * 300)),
            "a billion layers": config("model.num_layers", 10**9),
            "a thousand layers": config("model.num_layers", 10**3),
            "an embedding of gigabytes": config("model.embedding_size", 10**8),
            "a million threads": config("threads", 10**6),
            "text for a section": config("training", "evil"),
            "items that are none": config("model", {"$items": 5}),
            "no sections at all": told("config", "", {"groups": {}}),
            "a list for a configuration": told("config", "", [1]),
            "a text of 10 MB": config("training.monitor", "x" * 10**7),
            "a number of a million digits": bytes_of("config.json", f'{{"groups": {DIGITS}}}'.encode()),
            "a data set of the Hub": config("data.path", "evil/evil"),
            "an address for data": config("data.path", "https://example.com/evil.jsonl"),
            "a device for data": config("data.path", "/dev/zero"),
            "a folder above the data's": also(config("data.path", None), config("data.name", "../../etc")),
        },
    ),
    *artefacts(
        (GO_ON, ELSEWHERE),
        {
            "a group of Hydra": config("groups", {"hydra/launcher": "evil", "experiment": "blank"}),
            "a group in another place": config("groups", {"cell@hydra.callbacks": "lstm"}),
            "an experiment with a path": config("groups.experiment", "../../../evil"),
            "a million workers": config("data.num_workers", 10**6),
            "trust in one checkpoint, a class in another": two_faced,
        },
    ),
    *artefacts((EVALUATE, GO_ON, FINGERPRINT), {"deep lists": bytes_of("config.json", DEEP.encode())}),
    *artefacts(
        BOTH,
        {
            "an interpolation in a text": config("data.about", "${oc.env:HOME} ${seed}"),
            "a window of 2**62 steps": config("training.window", 2**62),
            "lanes beyond number": config("data.batch_size", 2**62),
            "YAML tags": instead(
                "config.yaml", lambda path: path.write_text("x: !!python/object/apply:os.system [ls]")
            ),
            "YAML aliases of aliases": instead(
                "config.yaml",
                lambda path: path.write_text(
                    "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
                ),
            ),
        },
        works=True,
    ),
    *artefacts(
        (PREDICT, GENERATE),
        {
            "a file of the system for data, not read": config("data.path", "/etc/passwd"),
            "a data set of the Hub, not fetched": config("data.path", "evil/evil"),
            "a device for data, not read": config("data.path", "/dev/zero"),
        },
        works=True,
    ),
    *artefacts(
        (PREDICT, GO_ON),
        {
            "beams beyond number": config("decoding.beam_size", 10**9),
            "an answer without end": config("decoding.max_length", 10**12),
            "symbols beyond number": config("data.symbols", 10**10),
            "rows beyond number": config("data.valid_size", 10**14),
            "a decoder's cell": config("decoder_cell", EVIL_CLASS),
            "an attention": config("attention._target_", "os.system"),
        },
        of="reverse",
    ),
]


def terminal_driving(files: dict[str, bytes]) -> None:
    """Control characters for a vocabulary."""
    state = json.loads(files["data.json"])
    learned = state["fields"]["text"]
    unknown, *tokens = learned["tokens"]
    learned["tokens"] = [unknown, "\x1b", *(chr(0x80 + place) for place in range(len(tokens) - 1))]
    files["data.json"] = json.dumps(state).encode()


LEARNED = [
    *artefacts(
        (EVALUATE, GENERATE, GO_ON),
        {
            f"data is {str(value)[:60]!r}": told("data", "", value)
            for value in (
                None,
                [],
                {},
                {"fields": [], "longest": None},
                {"fields": {}, "longest": None},
                {"fields": {"evil": {}}, "longest": None},
                {"fields": {"text": {"level": "characters", "tokens": ["<unk>", "a"]}}},
                {"fields": {"text": {"level": "characters", "tokens": ["<unk>", "a"]}}, "longest": 10**12},
                {"fields": {"text": {"level": "characters", "tokens": ["<unk>", "a"]}, "evil": {}}, "longest": None},
            )
        },
    ),
    *artefacts(
        (EVALUATE, GENERATE, GO_ON),
        {
            f"the text's state is {str(value)[:60]!r}": told("data", "fields.text", value)
            for value in (
                None,
                [],
                {"level": "characters", "tokens": "abc"},
                {"level": "characters", "tokens": [1, 2]},
                {"level": "characters", "tokens": ["<unk>", "ab"]},
                {"level": "characters", "tokens": ["<unk>", "a", "a"]},
                {"level": "characters", "tokens": ["<unk>", "\ud800"]},
                {"level": "characters", "tokens": ["<unk>", *map(chr, range(0x4E00, 0x9000))]},
                {"level": "bpe", "tokens": "{}"},
                {"level": "evil.Evil", "tokens": {"_target_": "os.system"}},
            )
        },
    ),
    *artefacts((GENERATE, PREDICT), {"entries that drive a terminal": forged(terminal_driving)}, works=True),
]


def entry(kind: str = "F32", shape: str = "1", begin: int = 0, end: int = 4, name: str = "a") -> str:
    """A tensor in a safetensors header."""
    return f'"{name}":{{"dtype":"{kind}","shape":[{shape}],"data_offsets":[{begin},{end}]}}'


SAFETENSORS = {
    "empty": b"",
    "a pickle": pickle.dumps(Bomb()),
    "a zip": zipped(),
    "a header of 2**60 bytes": header("{}", length=2**60),
    "a header that is no JSON": header("}{"),
    "a deep header": header(DEEP),
    "offsets beyond the end": header(f"{{{entry(shape='4', end=16)}}}", 1),
    "offsets backwards": header(f"{{{entry(begin=4, end=0)}}}", 4),
    "offsets of 2**60": header(f"{{{entry(begin=2**60)}}}", 4),
    "tensors over each other": header(f"{{{entry()},{entry(name='b')}}}", 4),
    "a name twice": header(f"{{{entry()},{entry(begin=4, end=8)}}}", 8),
    "a type that is none": header(f"{{{entry('PICKLE')}}}", 4),
    "a shape that is not the data's": header(f"{{{entry(shape='99')}}}", 4),
    "a shape beyond number": header(f"{{{entry(shape='0,4611686018427387904,4', end=0)}}}", 0),
    "a shape below 0": header(f"{{{entry(shape='-1')}}}", 4),
    "half a number": header(f"{{{entry(shape='', end=2)}}}", 2),
}
STATE = [
    ("optimizer", "param_groups", [{"params": [0], "lr": "x"}]),
    ("optimizer", "param_groups", [{"params": [0], "lr": 0.1}]),
    ("optimizer", "param_groups", "evil"),
    ("optimizer", "", {"state": {}, "param_groups": []}),
    ("optimizer", "state", {"$items": [[0, {"step": 1, "exp_avg": {"$tuple": []}}]]}),
    ("rng", "python", {"$tuple": [3, {"$tuple": [-1]}, None]}),
    ("rng", "", {}),
    ("counters", "step", "evil"),
    ("counters", "step", -5),
    ("counters", "step", 10**30),
    ("counters", "seconds", "nan"),
    ("data_position", "epoch", "evil"),
    ("data_position", "batch", -1),
    ("data_position", "left_out", ["evil"]),
    ("early_stopping", "best", [["x", "y"]]),
    ("early_stopping", "best", [[1.0, 10**20]]),
    ("early_stopping", "waited", "evil"),
    ("metrics", "averages", {"evil": 1}),
    ("metrics", "averages.loss_sum", "evil"),
    ("metrics", "evaluated", [1]),
    ("carried_state", "rows", 10**12),
]
UNASKED = [("schedule", "", "evil"), ("carried_state", "tensors", ["evil"]), ("data_position", "window", 10**12)]

FILES = [
    *artefacts(
        (EVALUATE, GO_ON, FINGERPRINT),
        {f"weights: {name}": bytes_of("parameters.safetensors", data) for name, data in SAFETENSORS.items()},
    ),
    *artefacts(
        BOTH,
        {
            "a pickle for JSON": bytes_of("rng.json", pickle.dumps(Bomb())),
            "a .pt in the manifest": bytes_of("model.pt", zipped()),
            "a .pkl for tensors": forged(lambda files: files.update({"a.pkl": files.pop("parameters.safetensors")})),
            "whole numbers for weights": reshaped(lambda tensor: tensor.long()),
            "complex numbers for weights": reshaped(lambda tensor: tensor.to(torch.complex64)),
            "weights of another shape": reshaped(lambda tensor: tensor.reshape(1, *tensor.shape)),
            "weights that are not finite": reshaped(lambda tensor: tensor * torch.nan),
            "no weights": told("parameters", "", {}),
            "a list for weights": told("parameters", "", [1]),
            "a weight in a file elsewhere": told("parameters", "head.bias", {"$tensor": "../../etc/passwd"}),
        },
    ),
    *artefacts((BEGIN, GO_ON), {"text for weights": told("parameters", "head.bias", "evil")}),
    *artefacts((GENERATE,), {"weights that overflow": reshaped(lambda tensor: tensor.sign() * 1e38)}, codes=(4,)),
    *artefacts(
        (GO_ON,), {f"{name}: {key or 'it'} is {str(value)[:40]}": told(name, key, value) for name, key, value in STATE}
    ),
    *artefacts(
        (GO_ON,), {f"{name}, not asked for": told(name, key, value) for name, key, value in UNASKED}, works=True
    ),
    *artefacts(BOTH, {"a .pt beside": lambda run: copied(zipped(), checkpoint_of(run) / "model.pt")}, works=True),
]

NAMES = ("../../../secret.json", "/etc/passwd", "..\\secret.json", "a\0.json", "x" * 5000 + ".json", f"{ESCAPE}.json")
ETC = "../../../../../../../../etc"
MODULES = (
    "torch",
    "json",
    "seqnet____init__",
    "sitecustomize",
    "conftest",
    "tokenizers",
    "hydra_plugins__evil____init__",
)

PATHS = [
    *artefacts(
        (EVALUATE, GO_ON, VERIFY),
        {
            **{f"the manifest names {name[:30]!r}": forged(listed=partial(naming, name)) for name in NAMES},
            "a manifest without sums": forged(listed=lambda body: body.update(files=["config.json"])),
            "a manifest of text": forged(listed=lambda body: body.update(files={"config.json": "evil"})),
            "a file of a petabyte": forged(listed=lambda body: body["files"]["config.json"].update(bytes=2**50)),
            "a format of the future": forged(listed=lambda body: body.update(format=ESCAPE * 99)),
            "another checkpoint's step": forged(listed=lambda body: body.update(step=10**9)),
            "a deep manifest": instead("@/manifest.json", lambda path: path.write_text(DEEP)),
            "a manifest of 100 GB": instead("@/manifest.json", lambda path: (path.touch(), os.truncate(path, 10**11))),
            "a pipe for a manifest": instead("@/manifest.json", os.mkfifo),
            "a pipe for a component": instead("@/config.json", os.mkfifo),
            "a socket for a component": instead("@/config.json", bound),
            "a folder for a component": instead("@/config.json", Path.mkdir),
            "a manifest linked out": linked_out("@/manifest.json"),
        },
    ),
    *artefacts(
        (EVALUATE, GO_ON, ELSEWHERE, BEGIN, VERIFY),
        {
            "a component linked out": linked_out("@/parameters.safetensors"),
            "a checkpoint linked out": linked_out("@"),
            "all checkpoints linked out": linked_out("checkpoints"),
        },
    ),
    *artefacts(
        (GO_ON,),
        {
            **{
                f"{name} linked out": linked_out(name)
                for name in ("metrics.jsonl", "train.log", "trace.json", "results.json", "config.yaml")
            },
            "tensorboard linked out": instead("tensorboard", lambda path: path.symlink_to(path.parents[1])),
            "a pipe for rows": instead("metrics.jsonl", os.mkfifo),
        },
    ),
    *artefacts((ELSEWHERE,), {"rows linked out, to be copied": linked_out("metrics.jsonl")}, works=True),
    *artefacts((VERIFY,), {"last leads to /etc": instead("checkpoints/last", lambda path: path.symlink_to(ETC))}),
    *artefacts((EVALUATE, GENERATE), {"best leads out": linked_out("checkpoints/best")}),
    *artefacts(
        (
            ("evaluate", "run=run/checkpoints/best", "device=cpu"),
            ("train", *QUIET, "resume=run/checkpoints/best", "run_dir=new", *LIMITS),
            ("checkpoint", "verify", "run/checkpoints/best"),
        ),
        {"best, when typed, leads to a checkpoint elsewhere": also(linked_out("@"), linked_out("checkpoints/best"))},
    ),
    *artefacts(
        (GO_ON,),
        {
            "last leads out": instead("checkpoints/last", lambda path: path.symlink_to(ETC)),
            "best leads out, to be replaced": linked_out("checkpoints/best"),
        },
        works=True,
    ),
    *artefacts(
        BOTH,
        {
            "a hard link": lambda run: os.link(checkpoint_of(run) / "rng.json", run / "rng.json"),
            "rows that are none": instead(
                "metrics.jsonl", lambda path: path.write_text(f'{DEEP}\n{DIGITS}\n{{"step": []}}\n')
            ),
            "modules of Python's names": planted(MODULES),
            **{
                f"{name} linked out": linked_out(name)
                for name in (
                    ".writing_config.yaml",
                    ".writing_results.json",
                    "metrics.jsonl.cut",
                    "checkpoints/.linking_last",
                )
            },
        },
        works=True,
    ),
]

OUT = "../outside"
BOARDS = artefacts(
    (BOARD,),
    {
        "a board that drives a terminal": board(
            status={"status": ESCAPE, "error": ESCAPE, "overrides": [f"a={ESCAPE}", f"{ESCAPE}=1"]}
        ),
        "a board of wrong types": board(
            {"monitor": [1], "best": [1], "test": "x"}, {"status": 5, "exit_code": "x", "overrides": 7, "error": []}
        ),
        "a board of large numbers": board(f'{{"monitor": "a", "best": {{"a": {10**4000}}}, "test": {{"a": NaN}}}}'),
        "a board of many numbers": board({"monitor": "a", "best": {str(number): number for number in range(10**5)}}),
        "a deep board": board(DEEP, DEEP),
        "a board of markup": board({"monitor": "[/]", "best": {"[/]": 1.0, "[link=x]": 2}}),
        "a status linked out": in_board("0/status.json", lambda path: path.symlink_to("/etc/passwd")),
        "a job linked out": in_board("1", lambda path: path.symlink_to("/etc")),
        "a table linked out": in_board("leaderboard.csv", lambda path: path.symlink_to(OUT)),
        "a new table linked out": in_board(".leaderboard.csv", lambda path: path.symlink_to(OUT)),
        "a pipe for a status": in_board("0/status.json", os.mkfifo),
        "a name that drives a terminal": in_board(ESCAPE, lambda path: board_job(path, GOOD)),
    },
    works=True,
)

TALKING: Command = ("train", "observers.tensorboard=false", "device=cpu", "run_dir=run")
ALOUD: Command = ("predict", "run=run", "device=cpu")
ASKING = ((*TALKING, *LIMITS), ALOUD, EVALUATE, GENERATE, TALKING, VERIFY, FINGERPRINT, BEGIN)
EVERY = -1


def driving(tree: Any, place: int, keys: bool) -> tuple[Any, int]:
    """The tree with escape sequences behind its text of that place, or EVERY one, and how many there are.

    keys: behind names, not values.
    """
    seen = 0

    def marked(text: str) -> str:
        nonlocal seen
        seen += 1
        return f"{text}\x1b[31m\x9b2J" if place in (EVERY, seen - 1) else text

    def visit(node: Any) -> Any:
        if isinstance(node, dict):
            return {marked(key) if keys else key: visit(value) for key, value in node.items()}
        if isinstance(node, list):
            return [visit(value) for value in node]
        return marked(node) if isinstance(node, str) and not keys else node

    return visit(tree), seen


def texts(component: str, place: int, keys: bool) -> Change:
    """Texts of a component made to drive a terminal."""

    def changed(files: dict[str, bytes]) -> None:
        name = f"{component}.json"
        files[name] = json.dumps(driving(json.loads(files[name]), place, keys)[0]).encode()

    return forged(changed)


STATUS = {"status": "failed", "exit_code": 2, "error": "bad", "overrides": ["seed=1", "cell=gru"]}


def texts_of_board(place: int, keys: bool) -> Change:
    """The run itself as a job of a sweep, texts of its results and status made to drive a terminal."""

    def change(run: Path) -> None:
        results = json.loads((run / "results.json").read_text())
        board_job(run.parent / "board/0", *driving([results, STATUS], place, keys)[0])
        board_job(run.parent / "board/1", results, {**STATUS, "overrides": ["seed=2", "cell=rnn"]})

    return change


def driven(run: Path) -> list[Artefact]:
    """Every text and every name of the JSON of a run's checkpoint, its results and its status, one at a time."""
    found = []
    for keys in (False, True):
        what = "name" if keys else "text"
        for path in sorted(checkpoint_of(run).glob("*.json")):
            if path.stem == "manifest":
                continue
            count = driving(json.loads(path.read_text()), EVERY, keys)[1]
            for place in (EVERY, *range(count)) if count else ():
                commands = ASKING if place == EVERY else ASKING[:3]
                change, name = texts(path.stem, place, keys), f"{what} {place} of {path.stem}"
                found.append(Artefact(name, change, commands, codes=(0, 2, 3, 5)))
        count = driving([json.loads((run / "results.json").read_text()), STATUS], EVERY, keys)[1]
        for place in range(EVERY, count):
            found.append(Artefact(f"{what} {place} of a board", texts_of_board(place, keys), (BOARD,), works=True))
    return found


KINDS = {
    "classes": CLASSES,
    "configurations": CONFIGURATIONS,
    "vocabularies": LEARNED,
    "files of a checkpoint": FILES,
    "paths": PATHS,
    "leaderboards": BOARDS,
}


@cache
def composed(command: Command) -> Composed:
    """What a command asks of a run, composed once: no file of the run has a part in that."""
    return configuration.compose(command[0], command[1:])


def typed(command: Command) -> int:
    """Run a command line in this process, with a line to read; the exit code."""
    sys.stdin = io.TextIOWrapper(io.BytesIO(b"1 2 3\n"))
    if command[0] not in ("evaluate", "predict", "generate"):
        return cli.answer(command)
    sys.path.append(os.getcwd())  # as the command line does
    return cli.told(lambda: cli._run(command[0], composed(command)))[0]


@pytest.fixture(scope="module")
def good(
    writer_run: Path, reverse_run: Path, language_model: Command, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Good runs with one checkpoint each; all that the commands import is imported then."""
    made = {}
    for name, run, commands in (
        ("writer", writer_run, (EVALUATE, PREDICT, GENERATE, VERIFY, (*BEGIN, *language_model), GO_ON)),
        ("reverse", reverse_run, (EVALUATE, PREDICT, GO_ON)),
    ):
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(run, folder / "run", symlinks=True)
        newest, *older = existing(folder / "run/checkpoints")
        for place in older:
            shutil.rmtree(place)
        best = folder / "run/checkpoints/best"
        best.unlink()
        best.symlink_to(newest.name)
        made[name] = folder / "run"
        for number, command in enumerate(commands):
            shutil.copytree(made[name], folder / f"{number}" / "run", symlinks=True)
            with contextlib.chdir(folder / f"{number}"), pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "stdin", None)
                patch.setattr(sys, "path", [*sys.path])
                assert typed(command) == 0, command
        assert len(existing(Path(folder, f"{number}", "run/checkpoints"))) == 2  # it went on
    return made


def beside(folder: Path) -> list[Any]:
    """What lies beside the run folder, where nothing is to be written."""
    return [path.read_bytes() if path.is_file() else path.exists() for path in (folder / "outside", folder / "pwned")]


@pytest.fixture
def reading(
    good: dict[str, Path], language_model: Command, novel: Path, tmp_path: Path
) -> Callable[[Artefact, Command], tuple[Told, list[str]]]:
    """What a command that reads an artefact tells, and what is wrong with that."""

    def read(artefact: Artefact, command: Command) -> tuple[Told, list[str]]:
        folder = tmp_path / str(len(os.listdir(tmp_path)))
        shutil.copytree(good[artefact.of], folder / "run", symlinks=True)
        for place in (folder, folder / "run"):
            (place / "evil.py").write_text(EVIL)
        artefact.change(folder / "run")
        before = beside(folder)
        arguments = (*command, *language_model) if command is BEGIN else command
        answer = watched(lambda: typed(arguments), folder, [novel])
        wrong = list(answer.seen)
        if answer.code not in ((0,) if artefact.works else artefact.codes):
            wrong.append(f"exit code {answer.code}")
        if answer.memory > MEMORY:
            wrong.append(f"it took {answer.memory >> 20} MiB")
        lines = answer.err.splitlines()
        if "Traceback" in answer.err or not all(line.startswith("seqnet: ") and len(line) < 2000 for line in lines):
            wrong.append("not one sentence")
        if any(not letter.isprintable() and letter not in "\n\t" for letter in answer.out + answer.err):
            wrong.append("it drives a terminal")
        log = folder / "run/train.log"
        if log.is_file() and any(not letter.isprintable() and letter != "\n" for letter in log.read_text()):
            wrong.append("train.log drives a terminal")
        if beside(folder) != before:
            wrong.append("a file beside the run folder was written")
        return answer, wrong

    return read


READ: dict[str, int] = {}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_a_stranger_wrote_runs_or_leads_out(
    kind: str,
    reading: Callable[[Artefact, Command], tuple[Told, list[str]]],
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    chosen = KINDS[kind][:: amount(12, 1)]
    found = []
    for artefact in chosen:
        for command in artefact.commands:
            answer, wrong = reading(artefact, command)
            if wrong:
                what = f"{artefact.name!r} {' '.join(command[:2])}: {'; '.join(wrong)}"
                found.append(f"{what}\n    {answer.out[-200:]}{answer.err[-500:]}")
    assert not found, "\n".join(found)
    READ[kind] = len(chosen)
    total, listed = sum(READ.values()), ", ".join(f"{count} {kind}" for kind, count in READ.items())
    figure(
        "hostile artefacts",
        f"{total} of {total}: nothing ran, nothing outside the run folder was opened, one sentence each ({listed})",
    )


def test_no_text_that_is_stored_drives_a_terminal(
    good: dict[str, Path],
    reading: Callable[[Artefact, Command], tuple[Told, list[str]]],
    amount: Callable[[int, int], int],
    figure: Callable[[str, str], None],
) -> None:
    artefacts = driven(good["writer"])
    versions = [artefact for artefact in artefacts if artefact.name == "text -1 of machine"]
    chosen = [*versions, *artefacts[7 :: amount(60, 1)], *artefacts[: amount(0, 7)]]
    found = []
    for artefact in chosen:
        for command in artefact.commands[: amount(1, len(ASKING))]:
            answer, wrong = reading(artefact, command)
            if wrong:
                found.append(
                    f"{artefact.name} {command}: {'; '.join(wrong)}\n    {answer.out[-200:]}{answer.err[-500:]}"
                )
    assert not found, "\n".join(found)
    figure("stored texts", f"{len(chosen)} texts and names of a run's JSON: none of them drives a terminal")


def test_the_texts_of_a_run_are_shown(
    good: dict[str, Path], reading: Callable[[Artefact, Command], tuple[Told, list[str]]]
) -> None:
    """So that the test before this one looks at something."""
    answer, wrong = reading(Artefact("", texts("machine", EVERY, False), (), works=True), ASKING[0])
    assert (answer.code, wrong) == (0, [])
    assert "seqnet: goes on with " in answer.err and "�[31m�2J): the last digits may differ" in answer.err


def test_a_package_that_is_trusted_runs_and_the_hook_sees_it(
    reading: Callable[[Artefact, Command], tuple[Told, list[str]]],
) -> None:
    artefact = Artefact("a class of the user's own", named("cell", "evil.Evil"), ())
    for command in BOTH:
        answer, wrong = reading(artefact, command)
        assert not wrong, wrong
        assert "add trust=[evil]" in answer.err
        answer, wrong = reading(artefact, (*command, "trust=[evil]"))
        assert any("evil.py" in seen for seen in answer.seen), answer
        assert "a file beside the run folder was written" in wrong


STRANGE: dict[str, Callable[[], Any]] = {
    "os.system": lambda: os.system("true"),
    "subprocess.Popen": lambda: subprocess.run(["true"]),
    "pickle.find_class": lambda: pickle.loads(pickle.dumps(Bomb())),
    "exec": lambda: exec(PAYLOAD),
    "compile": lambda: eval("'pwned'"),
    "socket.__new__": lambda: socket.socket().close(),
    "open": lambda: Path("/etc/hostname").open().close(),
    "write": lambda: Path("outside").write_text("x"),
    "code": lambda: runpy.run_path("run/evil.py"),
    "os.symlink": lambda: Path("link").symlink_to("run"),
    "os.remove": lambda: Path("evil.py").unlink(),
    "os.rename": lambda: Path("run/evil.py").rename("moved"),
    "os.mkdir": lambda: Path("made").mkdir(),
    "os.listdir": lambda: os.listdir("/etc"),
    "shutil.rmtree": lambda: shutil.rmtree("run/../other"),
    "ctypes.dlopen": lambda: ctypes.CDLL("libc.so.6"),
}


@pytest.mark.parametrize("event", STRANGE)
def test_the_hook_sees_what_is_strange(event: str, tmp_path: Path) -> None:
    for name in ("run", "other"):
        (tmp_path / "here" / name).mkdir(parents=True)
    for name in ("run/evil.py", "evil.py"):
        (tmp_path / "here" / name).write_text(EVIL)
    answer = watched(lambda: int(STRANGE[event]() is ...), tmp_path / "here")
    assert any(seen.startswith(f"{event} ") for seen in answer.seen), answer


def test_the_hook_lets_a_run_folder_be_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    answer = watched(lambda: Path("run/file").write_text("x") - len(Path("run/file").read_text()), tmp_path)
    assert (answer.code, answer.seen) == (0, []), answer
