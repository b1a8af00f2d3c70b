"""A worker's host, watched by one heartbeat: a dead one is seen within fifteen seconds."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, CancelledError

with workflow.unsafe.imports_passed_through():
    from activities.messages import HOST_BEAT, HostBeat
    from workflows import attributes, ids, messages, policies
    from workflows.messages import HostInput, HostNews

READY = "Ready"
LOST = "Lost"
WAITING = "Waiting"


@workflow.defn(name=ids.HOST_WORKFLOW)
class HostWorkflow:
    """Phase Ready while the worker beats, Lost when it stopped beating. Ends only when it is cancelled."""

    @workflow.init
    def __init__(self, given: HostInput) -> None:
        self._given = given
        self._phase = ""

    @workflow.run
    async def run(self, given: HostInput) -> None:
        """One beat activity at a time; a day at most, then anew, which keeps the history short."""
        self._show(WAITING, "no worker has reported yet")
        queue = ids.host_task_queue(workflow.info().task_queue, given.host)
        while not workflow.info().is_continue_as_new_suggested():
            try:
                await workflow.execute_activity(
                    HOST_BEAT,
                    HostBeat(host=given.host),
                    task_queue=queue,
                    start_to_close_timeout=policies.HOST_BEAT_TIMEOUT,
                    heartbeat_timeout=policies.HOST_HEARTBEAT,
                    retry_policy=policies.HOST_BEAT_RETRY,
                    summary=f"heartbeat of host {given.host}",
                )
            except ActivityError as error:
                if isinstance(error.cause, CancelledError) and workflow.cancellation_reason() is not None:
                    raise
                self._show(LOST, "its worker is gone; bots there go on, and are adopted when it is back")
                await workflow.sleep(policies.HOST_BEAT_PAUSE)
        workflow.continue_as_new(given)

    def _show(self, phase: str, message: str) -> None:
        if phase != self._phase:
            workflow.upsert_search_attributes(
                [
                    attributes.PHASE.value_set(phase),
                    attributes.HOST.value_set(self._given.host),
                    attributes.BACKEND.value_set(self._given.backend or "none"),
                ]
            )
        self._phase = phase
        workflow.set_current_details(f"**{phase}**: {message}")

    @workflow.signal(name=messages.HOST_NEWS)
    def host_news(self, news: HostNews | None = None) -> None:
        """Sent by the beat activity when it begins, so Ready means a worker that polls this queue."""
        news = news or HostNews()
        self._show(READY, f"durabot {news.version}; {news.isolation}")

    @workflow.query(name=messages.STATUS)
    def status(self) -> str:
        """The phase."""
        return self._phase
