"""Old versions of all bots' states are forgotten, bot by bot; a schedule starts this."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.state_messages import COLLECT_PAGE, CollectPage, PageCollected
    from workflows import ids, policies
    from workflows.messages import RetentionRun


@workflow.defn(name=ids.RETENTION_WORKFLOW)
class RetentionWorkflow:
    """The result says how many bots, versions and objects there were, and which bots it failed for and why.
    Those are tried again by the next run."""

    @workflow.run
    async def run(self, given: RetentionRun | None = None) -> RetentionRun:
        """A page of bots at a time."""
        done = given or RetentionRun()
        while True:
            page = await workflow.execute_activity(
                COLLECT_PAGE,
                CollectPage(after=done.after),
                result_type=PageCollected,
                start_to_close_timeout=policies.COLLECT_TIMEOUT,
                schedule_to_close_timeout=policies.COLLECT_GIVE_UP,
                heartbeat_timeout=policies.COLLECT_HEARTBEAT,
                retry_policy=policies.COLLECT_RETRY,
                summary=f"collect states of bots after {done.after!r}" if done.after else "collect states",
            )
            done = _with(done, page)
            workflow.set_current_details(
                f"{done.bots} bots, {done.versions} versions forgotten, {done.objects} objects deleted, "
                f"{done.failures} bots failed"
            )
            if not page.last:
                return done
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(done)


def _with(done: RetentionRun, page: PageCollected) -> RetentionRun:
    return replace(
        done,
        after=page.last,
        bots=done.bots + page.bots,
        versions=done.versions + page.versions,
        objects=done.objects + page.objects,
        failures=done.failures + page.failures,
        failed=dict([*done.failed.items(), *page.failed.items()][: policies.SHOWN_FAILURES]),
    )
