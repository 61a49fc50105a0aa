"""All interleavings of some executions of the store's own code, with deaths and database failures at any step.

An execution runs until it asks for its next atomic operation. Its state is given by the results that it has got so
far: to go on, the code runs again from its start and gets them again. So equal states of the whole system are explored
once, and the number of schedules through them is counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from itertools import count
from types import TracebackType
from typing import Any

from pymongo.errors import AutoReconnect

from services.chassis.common.errors import DomainError
from tests.unit.inventory.model.memory import Doc, Memory, freeze
from tests.unit.inventory.model.stepped import Step

Program = Callable[[Step], Any]
"""Runs one command of the store by steps."""
Operation = tuple[str, tuple[Any, ...]]
Check = Callable[[Memory, Sequence["Outcome"]], None]


class Pause(BaseException):
    """The execution asks for an operation whose result it has not got yet."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation


class Outcome(tuple[int, str]):
    """(program, its end: `ok`, `dead` or the name of the error)."""


class Execution:
    """A program with the results of its operations so far, and the next operation or the outcome."""

    def __init__(self, number: int, program: Program, results: tuple[Any, ...] = ()) -> None:
        self.number, self.program, self.results = number, program, results
        self.operation: Operation | None = None
        self.local_state: Any = results
        self.successors: dict[Any, Execution | Outcome] = {}
        self.outcome: Outcome | None = None
        try:
            program(self._replay(iter(results)))
        except Pause as pause:
            self.operation = pause.operation
            self.local_state = _local_state(pause.__traceback__)
        except (DomainError, AutoReconnect) as error:
            self.outcome = Outcome((number, type(error).__name__))
        else:
            self.outcome = Outcome((number, "ok"))

    @staticmethod
    def _replay(results: Any) -> Step:
        def step(name: str, *arguments: Any) -> Any:
            for result in results:
                if isinstance(result, Exception):
                    raise result
                return result
            raise Pause((name, arguments))

        return step

    def after(self, result: Any) -> "Execution | Outcome":
        key = type(result) if isinstance(result, Exception) else freeze(result)
        if key not in self.successors:
            successor = Execution(self.number, self.program, (*self.results, result))
            self.successors[key] = successor.outcome or successor
        return self.successors[key]


def _local_state(traceback: TracebackType | None) -> Any:
    """Where each of the frames is, and its variables. Nothing that a later step depends on may be elsewhere: not in an
    iterator over something that is no variable itself, nor in an unfinished expression.
    """
    frames = []
    while traceback:
        frame = traceback.tb_frame
        variables = tuple((name, _value(value)) for name, value in sorted(frame.f_locals.items()))
        frames.append((frame.f_code.co_qualname, traceback.tb_lasti, variables))
        traceback = traceback.tb_next
    return tuple(frames[1:-1])


def _value(value: Any) -> Any:
    if isinstance(value, Doc | str | int | datetime | None):
        return freeze(value)
    if isinstance(value, Mapping):
        return tuple(sorted((name, _value(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(_value, value))
    if isinstance(value, BaseException):
        return type(value), str(value)
    return value if is_dataclass(value) else repr(value) if isinstance(value, count) else type(value)


class Explorer:
    """Explores the interleavings of programs. `failures`: how many operations may fail in a schedule: not done, done,
    or done later, with an error for the caller each time.
    """

    def __init__(self, check: Check, check_end: Check, failures: int = 0, *, merging: bool = True) -> None:
        self.check, self.check_end = check, check_end
        self.failures = failures
        self.merging = merging
        self.counts: dict[Any, int] = {}
        self.executions: dict[Any, Execution] = {}

    def explore(self, memory: Memory, programs: Sequence[Program]) -> int:
        """The number of schedules."""
        executions = [Execution(number, program) for number, program in enumerate(programs)]
        return self._count(memory, tuple(each.outcome or each for each in executions), self.failures, None)

    def _count(
        self, memory: Memory, actors: tuple[Execution | Outcome, ...], failures: int, late: Operation | None
    ) -> int:
        key = memory.key, actors, failures, late and freeze(late)
        if key not in self.counts:
            outcomes = [actor for actor in actors if isinstance(actor, Outcome)]
            self.check(memory, outcomes)
            successors = self._successors(memory, actors, failures, late)
            if not successors:
                self.check_end(memory, outcomes)
            self.counts[key] = sum(self._count(*successor) for successor in successors) or 1
        return self.counts[key]

    def _after(self, actor: Execution, result: Any) -> Execution | Outcome:
        """The execution after the result; the same one for equal local states."""
        end = actor.after(result)
        if isinstance(end, Outcome) or not self.merging:
            return end
        return self.executions.setdefault((end.number, end.local_state), end)

    def _successors(
        self, memory: Memory, actors: tuple[Execution | Outcome, ...], failures: int, late: Operation | None
    ) -> list[tuple[Memory, tuple[Execution | Outcome, ...], int, Operation | None]]:
        successors = []
        for index, actor in enumerate(actors):
            if isinstance(actor, Execution) and actor.operation:

                def moved(end: Execution | Outcome, index: int = index) -> tuple[Execution | Outcome, ...]:
                    return *actors[:index], end, *actors[index + 1 :]

                after, result = perform(memory, actor.operation)
                successors.append((after, moved(self._after(actor, result)), failures, late))
                successors.append((memory, moved(Outcome((index, "dead"))), failures, late))
                if failures:
                    failed = moved(self._after(actor, AutoReconnect()))
                    successors.append((memory, failed, failures - 1, late))
                    successors.append((after, failed, failures - 1, late))
                    successors.append((memory, failed, failures - 1, actor.operation))
        if late:
            successors.append((perform(memory, late)[0], actors, failures, None))
        return successors


def perform(memory: Memory, operation: Operation) -> tuple[Memory, Any]:
    """The memory after the operation, and its result."""
    after = memory.copy()
    name, arguments = operation
    return after, getattr(after, name)(*arguments)
