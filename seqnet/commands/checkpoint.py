"""`seqnet checkpoint verify|fingerprint PATH`: is a checkpoint whole, and what is in it."""

from pathlib import Path

from seqnet.errors import ConfigurationError, did_you_mean
from seqnet.terminal import say
from seqnet.training import checkpoint, manifest

USAGE = "usage: seqnet checkpoint verify PATH, or seqnet checkpoint fingerprint PATH"


def run(arguments: list[str]) -> int:
    """Verify or fingerprint a run folder's `last`, or one checkpoint directory; the exit code."""
    if len(arguments) != 2:
        raise ConfigurationError(f"checkpoint takes an action and a path; {USAGE}")
    action, path = arguments
    if action not in ("verify", "fingerprint"):
        raise ConfigurationError(
            f"checkpoint: unknown action '{action}'{did_you_mean(action, ('verify', 'fingerprint'))} ({USAGE})"
        )
    found = manifest.find(Path(path), "last")
    if action == "verify":
        say(f"{found}: {checkpoint.verify(found)} files, all as written")
    else:
        for name, digest in checkpoint.fingerprint(found).items():
            say(f"{digest}  {name}")
    return 0
