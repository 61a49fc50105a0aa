"""OpenFeature provider (https://openfeature.dev/specification) that evaluates flags in the process."""

from collections.abc import Mapping, Sequence
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata

from services.chassis.common import clock
from services.chassis.dynamic_config.flag_rules import Subject, evaluate
from services.chassis.dynamic_config.state import State

REASONS = {
    "disabled": Reason.DISABLED,
    "targeted": Reason.TARGETING_MATCH,
    "rollout": Reason.SPLIT,
    "default": Reason.DEFAULT,
}


class LiveProvider(AbstractProvider):
    """Boolean flags by `resolve_boolean_details`, variants by `resolve_string_details`; there are no other kinds."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def get_metadata(self) -> Metadata:
        return Metadata("ultramarket")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, bool, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, str, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        raise TypeMismatchError("flags are boolean, or have variants with names")

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        raise TypeMismatchError("flags are boolean, or have variants with names")

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Sequence[Any] | Mapping[str, Any]]:
        raise TypeMismatchError("flags are boolean, or have variants with names")

    def _resolve(self, name: str, kind: type[Any], context: EvaluationContext | None) -> FlagResolutionDetails[Any]:
        flag = self._state.flags.get(name)
        if flag is None:
            raise FlagNotFoundError(f"there is no flag {name}")
        outcome = evaluate(name, flag, _subject(context), clock.now())
        if not isinstance(outcome.value, kind):
            raise TypeMismatchError(f"{name} is no {kind.__name__}")
        variant = str(outcome.value).lower()
        return FlagResolutionDetails(value=outcome.value, variant=variant, reason=REASONS[outcome.reason])


def _subject(context: EvaluationContext | None) -> Subject:
    if context is None:
        return Subject()
    attributes: Mapping[str, Any] = context.attributes
    return Subject(
        context.targeting_key,
        attributes.get("user"),
        frozenset(attributes.get("roles") or ()),
        attributes.get("country"),
        attributes.get("vendor"),
    )
