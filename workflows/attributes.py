"""Search attributes: how operators find bots in Temporal's Web UI and how ``durabot list`` does."""

from __future__ import annotations

from typing import Any

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from activities.bot_spec import BotSpec

BOT_ID = SearchAttributeKey.for_keyword("BotId")
BOT_TYPE = SearchAttributeKey.for_keyword("BotType")
RUNTIME = SearchAttributeKey.for_keyword("Runtime")
BACKEND = SearchAttributeKey.for_keyword("Backend")
HOST = SearchAttributeKey.for_keyword("Host")
PHASE = SearchAttributeKey.for_keyword("Phase")
CODE_VERSION = SearchAttributeKey.for_keyword("CodeVersion")
TENANT = SearchAttributeKey.for_keyword("Tenant")
ALL = (BOT_ID, BOT_TYPE, RUNTIME, BACKEND, HOST, PHASE, CODE_VERSION, TENANT)


def of_bot(spec: BotSpec, phase: str) -> TypedSearchAttributes:
    """What a bot's workflow starts with."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(BOT_ID, spec.bot_id),
            SearchAttributePair(BOT_TYPE, spec.bot_type),
            SearchAttributePair(RUNTIME, spec.runtime),
            SearchAttributePair(BACKEND, spec.backend or "any"),
            SearchAttributePair(CODE_VERSION, spec.code_version or "none"),
            SearchAttributePair(TENANT, spec.tenant),
            SearchAttributePair(PHASE, phase),
        ]
    )


def left_out(spec: BotSpec, present: TypedSearchAttributes) -> list[SearchAttributeUpdate[Any]]:
    """What a client that knows nothing of ours did not start the workflow with; nothing if it did."""
    if present.get(BOT_ID) is not None:
        return []
    wanted = of_bot(spec, "").search_attributes
    return [pair.key.value_set(pair.value) for pair in wanted if pair.key.name != PHASE.name]


def changes(
    spec: BotSpec, present: TypedSearchAttributes, *, phase: str, host: str
) -> list[SearchAttributeUpdate[Any]]:
    """What a workflow shows of itself, with what it was not started with."""
    return [*left_out(spec, present), PHASE.value_set(phase), HOST.value_set(host)]
