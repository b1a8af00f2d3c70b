"""The small question of a quiet minute: does nobody else have the state? Asked in place of a whole sync."""

from __future__ import annotations

from agent.children import Children
from agent.forked import Fork, Result
from agent.lease import IN_CONTACT

# In the result of a question that nobody answered: nothing has changed, and it is asked again.
UNHEARD = "unheard"
# Then a whole sync tries, so that an outage is told.
PATIENCE = 5


class FenceProbe:
    """Ready after a sync that brought the request with it, and until an answer that is not a clear no, or
    until ``patience`` questions in a row were not answered."""

    def __init__(self, endpoint: str, children: Children, patience: int = PATIENCE) -> None:
        self._patience = patience
        self._endpoint = endpoint
        self._children = children
        self._request = b""
        self._unheard = 0

    @property
    def ready(self) -> bool:
        """Whether there is something to ask by."""
        return bool(self._request)

    def fork(self) -> Fork:
        """Asks. Its result, like that of a sync, goes to ``told``."""
        endpoint, request = self._endpoint, self._request

        def work() -> Result:
            from agent.absence import is_absent

            absent = is_absent(endpoint, request)
            if absent is None:
                return {UNHEARD: True}
            return {"fence_probe": request, IN_CONTACT: True} if absent else {}

        return Fork(work, self._children)

    def told(self, result: Result) -> None:
        """Of a sync or of ``fork``: what to ask next."""
        self._unheard = self._unheard + 1 if UNHEARD in result else 0
        if 0 < self._unheard < self._patience:
            return
        request = result.get("fence_probe")
        self._request = request if isinstance(request, bytes) else b""
