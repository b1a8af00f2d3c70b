"""Which modules Temporal's workflow sandbox shares with the worker instead of loading them anew."""

from __future__ import annotations

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Data and pure functions. Those of dataclasses have to be here: the converter looks their annotations up in
# their own modules, also in those that a workflow imports only by way of another.
SHARED = (
    "activities.bot_spec",
    "activities.messages",
    "activities.state_messages",
    "workflows.attributes",
    "workflows.ids",
    "workflows.messages",
    "workflows.outcome",
    "workflows.policies",
    "workflows.restart",
)


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox stays on: what decides can reach no clock, file, environment or network."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*SHARED))
