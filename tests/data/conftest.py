"""What the tests of data sets share."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqnet.errors import DataError


@pytest.fixture
def jsb_chorales() -> Path:
    """Where the chorales are; a test that reads them is skipped where they are not."""
    folder = Path(os.environ.get("SEQNET_DATA", "data")) / "jsb_chorales"
    if not folder.exists():
        pytest.skip(f"no {folder}; set SEQNET_DATA")
    return folder


@pytest.fixture
def fitted(source: Callable[..., Any]) -> Callable[..., Any]:
    """What the module's `source` makes, its fields fitted."""

    def make(*arguments: Any, **options: Any) -> Any:
        made = source(*arguments, **options)
        made.fit()
        return made

    return make


@pytest.fixture
def on_the_hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """Has a data set, as it is loaded, stand under every name of the Hub; the names that are asked for."""

    def stands(made: Any) -> list[Any]:
        asked: list[Any] = []
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *given, **named: None)
        held = SimpleNamespace(cache_dir=".", download_and_prepare=lambda: None, as_dataset=lambda: made)
        monkeypatch.setattr(datasets, "load_dataset_builder", lambda *names: (asked.append(names), held)[1])
        return asked

    return stands


@pytest.fixture
def refused(fitted: Callable[..., Any]) -> Callable[..., str]:
    """What a source says that is not to be fitted."""

    def said(*arguments: Any, **options: Any) -> str:
        with pytest.raises(DataError) as caught:
            fitted(*arguments, **options)
        return str(caught.value)

    return said
