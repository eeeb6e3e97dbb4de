"""What all tests share: reproducible property-based tests, and the folder of real data where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of data that may not be redistributed, named by the environment variable COMMONWATT_DATA."""
    named = os.environ.get("COMMONWATT_DATA")
    if not named:
        pytest.skip("COMMONWATT_DATA is not set: this test reads real data that may not be redistributed")
    folder = Path(named)
    assert folder.is_dir(), f"COMMONWATT_DATA names {folder}, which is no folder"
    return folder
