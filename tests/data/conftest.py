"""What the tests of data sets share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def jsb_chorales() -> Path:
    """Where the chorales are; a test that reads them is skipped where they are not."""
    folder = Path(os.environ.get("SEQNET_DATA", "data")) / "jsb_chorales"
    if not folder.exists():
        pytest.skip(f"no {folder}; set SEQNET_DATA")
    return folder
