"""A simulated end of the process before or after the call of a method."""

from typing import Any, Literal

import pytest

from tests.support.fake_services import SimulatedCrash

Moment = Literal["before", "after"]


def crash_once(patch: pytest.MonkeyPatch, owner: Any, method: str, moment: Moment) -> list[str]:
    """Let the process end at the next call of a method; the calls after it are the next process's.

    Returns a list that gets an entry when it happens.
    """
    original, happened = getattr(owner, method), []

    def crashing(*args: Any, **kwargs: Any) -> Any:
        if happened:
            return original(*args, **kwargs)
        if moment == "after":
            original(*args, **kwargs)
        happened.append(method)
        raise SimulatedCrash

    patch.setattr(owner, method, crashing)
    return happened
