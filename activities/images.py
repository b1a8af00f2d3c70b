"""Having the image of a bot on its host, before anything is stopped for it."""

from __future__ import annotations

from temporalio import activity

from activities.failures import typed_failures
from activities.messages import PREPARE_IMAGE, PrepareImage
from activities.ports import ContainerBackend


class Images:
    """Runs on the host's own queue."""

    def __init__(self, backend: ContainerBackend) -> None:
        self._backend = backend

    @activity.defn(name=PREPARE_IMAGE)
    async def prepare_image(self, request: PrepareImage) -> None:
        """Returns when containers of it can be made; ``backend_refused`` when it cannot be had."""
        with typed_failures():
            await self._backend.prepare(request.image)
