"""The small question of a quiet minute: does nobody else have the state? Asked in place of a whole sync."""

from __future__ import annotations

from agent.children import Children
from agent.forked import Fork, Result
from agent.lease import IN_CONTACT


class FenceProbe:
    """Ready after a sync that brought the request with it, and until an answer that is not a clear no."""

    def __init__(self, endpoint: str, children: Children) -> None:
        self._endpoint = endpoint
        self._children = children
        self._request = b""

    @property
    def ready(self) -> bool:
        """Whether there is something to ask by."""
        return bool(self._request)

    def fork(self) -> Fork:
        """Asks. Its result, like that of a sync, goes to ``told``."""
        endpoint, request = self._endpoint, self._request

        def work() -> Result:
            from agent.absence import is_absent

            return {"fence_probe": request, IN_CONTACT: True} if is_absent(endpoint, request) else {}

        return Fork(work, self._children)

    def told(self, result: Result) -> None:
        """Of a sync or of ``fork``: what to ask next."""
        request = result.get("fence_probe")
        self._request = request if isinstance(request, bytes) else b""
