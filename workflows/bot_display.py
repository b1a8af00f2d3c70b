"""What operators see of a realtime bot without asking it: in the Web UI, and by search attributes."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bot_spec import BotSpec
    from activities.messages import ExitReport
    from workflows import attributes, outcome


class BotDisplay:
    """A search attribute costs a write, so they are set only when one changes."""

    def __init__(self) -> None:
        self._shown = ("", "", "")

    def show(self, phase: str, message: str, spec: BotSpec, host: str, last: ExitReport | None) -> None:
        """As it is now, with how it ended last."""
        shown = (phase, host or "none", spec.code_version or "none")
        if shown != self._shown:
            self._shown, present = shown, workflow.info().typed_search_attributes
            workflow.upsert_search_attributes(
                [
                    *attributes.changes(spec, present, phase=shown[0], host=shown[1]),
                    attributes.CODE_VERSION.value_set(shown[2]),
                ]
            )
        ended = f"\n\nLast end: {outcome.account(last)}" if last else ""
        workflow.set_current_details(f"**{phase}**: {message}{ended}")
