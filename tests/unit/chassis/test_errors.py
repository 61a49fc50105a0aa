"""Domain errors keep code, message and details across RPC; driver errors become domain errors."""

import pytest

from services.chassis.common import driver_errors, errors
from services.chassis.common.errors import (
    DOMAIN_ERRORS,
    DomainError,
    OutOfStock,
    RemoteFailure,
    ServiceUnavailable,
    from_wire,
)


@pytest.mark.parametrize("code", sorted(DOMAIN_ERRORS))
def test_error_round_trip_keeps_type_and_details(code: str) -> None:
    error = DOMAIN_ERRORS[code]("said", [{"sku": "MUG"}])

    again = from_wire(error.to_wire())

    assert type(again) is type(error)
    assert isinstance(again, DomainError)
    assert (again.message, again.details, again.status) == ("said", [{"sku": "MUG"}], error.status)


def test_error_has_a_default_message() -> None:
    assert str(ServiceUnavailable()) == "A part of the shop is not available at the moment"
    assert ServiceUnavailable().details == []
    assert ServiceUnavailable.retry_after == 1


@pytest.mark.parametrize(("available", "message"), [(0, "MUG is out of stock"), (2, "Only 2 of MUG available")])
def test_out_of_stock_names_the_available_quantity(available: int, message: str) -> None:
    error = OutOfStock.of("MUG", 3, available)

    assert error.message == message
    assert error.details == [{"sku": "MUG", "requested": 3, "available": available}]


@pytest.mark.parametrize(
    "reply",
    [
        {"exc_type": "KeyError", "value": "'sku'"},
        {"exc_type": "MethodNotFound", "value": "orders.nothing"},
        {"code": "NOBODY_KNOWS", "message": "new"},
        {},
    ],
)
def test_unknown_error_is_a_remote_failure(reply: dict[str, str]) -> None:
    error = from_wire(reply)

    assert isinstance(error, RemoteFailure)
    assert (error.status, error.code) == (500, "INTERNAL_ERROR")


def test_subclass_does_not_replace_the_registered_error() -> None:
    class SpecialConflict(errors.Conflict):
        code = "CONFLICT"

    assert DOMAIN_ERRORS["CONFLICT"] is errors.Conflict
    assert SpecialConflict("x").to_wire()["code"] == "CONFLICT"


def test_connection_errors_of_all_drivers_are_unavailable() -> None:
    import amqp.exceptions
    import psycopg2
    import pymongo.errors
    import redis.exceptions
    import sqlalchemy.exc

    driver_failures = [
        psycopg2.OperationalError(),
        sqlalchemy.exc.OperationalError("select 1", {}, Exception()),
        sqlalchemy.exc.TimeoutError(),
        pymongo.errors.AutoReconnect(),
        pymongo.errors.ServerSelectionTimeoutError(),
        pymongo.errors.OperationFailure("not primary", 10107),
        redis.exceptions.ConnectionError(),
        redis.exceptions.BusyLoadingError(),
        amqp.exceptions.RecoverableConnectionError(),
    ]

    assert {type(driver_errors.as_domain_error(error)) for error in driver_failures} == {ServiceUnavailable}


def test_programming_error_is_not_unavailable() -> None:
    import pymongo.errors
    import sqlalchemy.exc

    bugs = [KeyError("sku"), sqlalchemy.exc.ProgrammingError("selct", {}, Exception()),
            pymongo.errors.OperationFailure("bad", 2)]  # fmt: skip

    assert [driver_errors.as_domain_error(bug) for bug in bugs] == [None, None, None]
    assert driver_errors.as_domain_error(OutOfStock()).__class__ is OutOfStock
