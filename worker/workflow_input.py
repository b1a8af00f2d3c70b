"""Input of workflows from clients that know nothing of our types: what cannot be read fails the workflow.

Without this its first task would fail and be tried again for ever, which is right for a bug of ours and wrong
for an input that stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, DefaultPayloadConverter
from temporalio.exceptions import ApplicationError

from workflows.messages import BotInput, QueryInput, RunInput

INPUTS = frozenset({BotInput, RunInput, QueryInput})


class WorkflowInputConverter(DefaultPayloadConverter):
    """Temporal's own converter in everything else."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type[Any]] | None = None
    ) -> list[Any]:
        """``ApplicationError``, which ends the workflow, for an input; whatever Temporal raises otherwise."""
        try:
            return super().from_payloads(payloads, type_hints)
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            wanted = [kind for kind in type_hints or () if kind in INPUTS]
            if not wanted:
                raise
            text = f"the input cannot be read as {wanted[0].__name__}: {_reason(error)}"
            raise ApplicationError(text, type="invalid_input", non_retryable=True) from error


DATA_CONVERTER = DataConverter(payload_converter_class=WorkflowInputConverter)


def _reason(error: BaseException) -> str:
    """The innermost error names the field."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)
