"""What fields check of their options, in one sentence that names the option."""

from collections.abc import Sequence

from seqnet.errors import ConfigurationError, did_you_mean


def chosen(option: str, value: str | None, choices: Sequence[str | None]) -> None:
    """Raises ConfigurationError where the value is none of the choices."""
    if value not in choices:
        names = [str(choice or "null") for choice in choices]
        raise ConfigurationError(
            f"data.fields.*.{option} must be {', '.join(names[:-1])} or {names[-1]}, not '{value}'"
            f"{did_you_mean(str(value), names)}"
        )


def at_least(option: str, value: float, least: float) -> None:
    """Raises ConfigurationError where the value is below `least`."""
    if not value >= least:
        raise ConfigurationError(f"data.fields.*.{option} is {value}; it must be at least {least}")


def no_effect(option: str, value: object, why: str) -> ConfigurationError:
    """The error of an option that changes nothing. why: what there is that makes it so."""
    return ConfigurationError(f"data.fields.*.{option}={value} has no effect {why}; leave it out")
