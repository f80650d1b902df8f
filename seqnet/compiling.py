"""Functions in C, compiled once into the user's cache where there is a compiler; else torch computes the same."""

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# No -ffast-math: the rounding in `exponential` would be optimised away.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
SECONDS = 60
THREADED = ("-fopenmp",)  # not every compiler has it
Library = ctypes.CDLL
TYPES = {  # what a function takes, as signatures call it
    "size": ctypes.c_size_t,
    "array": ctypes.c_void_p,
    "float": ctypes.c_float,
    "uint32": ctypes.c_uint32,
    "uint64": ctypes.c_uint64,
}


def compiled(name: str, sources: Sequence[Path], signatures: Mapping[str, Sequence[str]]) -> Library | None:
    """The functions of some files; None without a compiler, or where SEQNET_NATIVE=0 asks for none.

    sources: files in C and what they include. signatures: what each function takes, by the names in `TYPES`; one of no
    array returns a size.
    """
    if os.environ.get("SEQNET_NATIVE") == "0":
        return None
    try:
        found = Library(str(_built(name, sources)))
    except (OSError, subprocess.SubprocessError):
        return None
    for called, takes in signatures.items():
        function = getattr(found, called)
        function.argtypes = [TYPES[one] for one in takes]
        function.restype = None if "array" in takes else TYPES["size"]
    return found


def _built(name: str, sources: Sequence[Path]) -> Path:
    """Where the library lies, compiled now unless it was before. Raises OSError and SubprocessError."""
    # A home folder may be shared by machines that differ in what -march=native means.
    machine = f"{platform.machine()} {_processor()} {FLAGS}"
    digest = hashlib.sha256(b"".join([*(source.read_bytes() for source in sources), machine.encode()])).hexdigest()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqnet"
    path = folder / f"{name}_{digest[:16]}.so"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder) as there:
            made = Path(there) / path.name
            try:
                _compile(made, sources, THREADED)
            except subprocess.CalledProcessError:
                _compile(made, sources, ())
            made.replace(path)  # whole or not at all, when several runs begin at once
    return path


def _compile(made: Path, sources: Sequence[Path], flags: tuple[str, ...]) -> None:
    given = [str(source) for source in sources if source.suffix == ".c"]
    command = [os.environ.get("CC") or "cc", *FLAGS, *flags, "-o", str(made), *given]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)


def _processor() -> str:
    """What tells processors with different instructions apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
