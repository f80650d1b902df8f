"""What is computed in C, compiled once into the user's cache where there is a compiler; else torch computes it."""

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCES = sorted(Path(__file__).parent.glob("*.[ch]"))
# No -ffast-math: the rounding in `exponential` would be optimised away.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
SECONDS = 60
THREADED = ("-fopenmp",)  # not every compiler has it
SIGNATURES = {  # how many sizes, and how many arrays
    "gru_forward": (4, 7),
    "gru_backward": (4, 9),
    "lstm_forward": (3, 5),
    "lstm_backward": (3, 6),
    "room": (2, 0),
    "tanh_forward": (4, 4),
    "tanh_backward": (4, 6),
}


@cache
def library() -> ctypes.CDLL | None:
    """The compiled functions; None without a compiler, or where SEQNET_NATIVE=0 asks for none."""
    if os.environ.get("SEQNET_NATIVE") == "0":
        return None
    try:
        found = ctypes.CDLL(str(_built()))
    except (OSError, subprocess.SubprocessError):
        return None
    for name, (sizes, pointers) in SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes = [*[ctypes.c_size_t] * sizes, *[ctypes.c_void_p] * pointers]
        function.restype = ctypes.c_size_t if not pointers else None
    return found


def _built() -> Path:
    """Where the library lies, compiled now unless it was before. Raises OSError and SubprocessError."""
    # A home folder may be shared by machines that differ in what -march=native means.
    machine = f"{platform.machine()} {_processor()} {FLAGS}"
    name = hashlib.sha256(b"".join([*(source.read_bytes() for source in SOURCES), machine.encode()])).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqnet"
    path = folder / f"recurrence_{name}.so"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder) as there:
            made = Path(there) / path.name
            try:
                _compile(made, THREADED)
            except subprocess.CalledProcessError:
                _compile(made, ())
            made.replace(path)  # whole or not at all, when several runs begin at once
    return path


def _compile(made: Path, flags: tuple[str, ...]) -> None:
    sources = [str(source) for source in SOURCES if source.suffix == ".c"]
    command = [os.environ.get("CC") or "cc", *FLAGS, *flags, "-o", str(made), *sources]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)


def _processor() -> str:
    """What tells processors with different instructions apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
