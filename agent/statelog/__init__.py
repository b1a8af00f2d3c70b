"""The state log: immutable objects and one compare-and-swap (see the design's section 4)."""

from agent.statelog.state_log import CommitResult, StartResult, StateLog

__all__ = ["CommitResult", "StartResult", "StateLog"]
