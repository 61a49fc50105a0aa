"""Service tests: real stores and a real broker, and small processes of services beside the tests."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def processes_without_coverage() -> None:
    """Measure these tests, but not the processes that they start: that would cost each of them a second more.

    The same code is measured here and in the processes of the shop that the end-to-end tests use.
    """
    os.environ.pop("COVERAGE_FOLDER", None)
