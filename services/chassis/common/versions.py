"""Versions of resources: a change can name the one that it is based on (`If-Match`)."""

from services.chassis.common.errors import PreconditionFailed


def check_version(expected: int | None, actual: int) -> None:
    """Raises `PreconditionFailed` for a version that is not the present one.

    To be called on a row that is locked, or within a transaction that conflicts with any other change of it.
    """
    if expected is not None and expected != actual:
        raise PreconditionFailed(details=[{"field": "If-Match", "message": f"the version is {actual}"}])
