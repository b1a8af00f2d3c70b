"""Starting a container, once, whoever and how many ask for it at the same time."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from pathlib import Path

from activities.backends.burial import bury
from activities.backends.docker.create import ENVIRONMENT_FILE, UID, agent_environment, create_arguments
from activities.backends.docker.engine import Engine
from activities.backends.docker.found import state_of
from activities.backends.docker.labels import BOT_ID, INSTALLATION, NAME, registered
from activities.backends.docker.mapped_users import refuse_mapped_users
from activities.backends.docker.network import Networks
from activities.backends.handed_over import make_directories, write_environment
from activities.backends.layout import ContainerFiles, bot_lock, state_files
from activities.backends.locks import locked, locked_if_free
from activities.errors import BackendRefused, BackendUnavailable, Conflict, DurabotError, NotFound, StillRuns
from activities.ports import ContainerSpec, ContainerState
from agent import clear_directory

UNSTARTED = ("created", "gone")


class Starter:
    """Blocking: called in a thread."""

    def __init__(self, engine: Engine, root: Path, image: str, installation: str, networks: Networks) -> None:
        self._engine = engine
        self._root = root
        self.image = image
        self._installation = installation
        self._networks = networks
        self._checked = False

    def container(self, name: str) -> str:
        """Its name with the engine, where other installations have containers, too."""
        return f"durabot-{self._installation}-{name}"

    def start(self, spec: ContainerSpec) -> ContainerState:
        """The one that runs or ran under this name, or a new one. A bot that still runs under another name is
        refused by BackendUnavailable."""
        files = ContainerFiles(root=self._root, name=spec.name)
        container = self.container(spec.name)
        with ExitStack() as locks:
            if spec.kind != "query":
                locks.enter_context(locked(bot_lock(self._root, spec.bot_id)))
            locks.enter_context(locked(files.lock))
            found = self._engine.inspect(container)
            if found is not None:
                state = state_of(found, files)
                if state is not None:
                    return state
                self._remove_unstarted(files, container)
            if spec.kind != "query":
                self._refuse_second(spec)
            try:
                self._create(spec, files, container)
                self._engine.start(container)
            except DurabotError as error:
                # Maybe nobody tries again, so neither what was created nor its environment may stay. If this
                # fails too, the next start removes it.
                with contextlib.suppress(DurabotError):
                    self._remove_unstarted(files, container)
                if isinstance(error, NotFound | Conflict):
                    # Of its network or its name, which somebody else removed or took meanwhile.
                    raise BackendUnavailable(str(error)) from error
                raise
            found = self._engine.inspect(container)
            state = state_of(found, files) if found is not None else None
        if state is None:
            raise BackendUnavailable(f"container {spec.name} was removed while it was started")
        return state

    def prepare(self, image: str) -> None:
        """Have this image, or the one of bots that name none, which is made and not pulled."""
        try:
            self._engine.image_environment(image or self.image)
        except NotFound as error:
            if not image or image == self.image:
                where = f"image {self.image} is not on the engine at {self._engine.host}"
                raise BackendRefused(f"{where}: make it by `make image`") from error
            try:
                self._engine.pull(image)
            except (NotFound, BackendRefused, BackendUnavailable) as failed:
                raise BackendRefused(
                    f"image {image} is not on the engine at {self._engine.host}, and {failed}"
                ) from failed

    def sweep(self) -> list[str]:
        """Remove what starts that broke off have left: containers that were created and never started, and
        environments, which hold the store's keys, that no container came for. Returns their names."""
        created = self._engine.list(running=False, labels={INSTALLATION: self._installation})
        names = {each["Labels"][NAME] for each in created if each["State"] == "created"}
        waiting = (self._root / "containers").glob(f"*/var/{Path(ENVIRONMENT_FILE).name}")
        known = {each["Labels"][NAME] for each in created}
        names |= {found.parents[1].name for found in waiting} - known
        swept = []
        for name in sorted(names):
            files = ContainerFiles(root=self._root, name=name)
            with locked_if_free(files.lock) as free:
                # Else it is being started now.
                if free and self._is_unstarted(self.container(name)):
                    self._remove_unstarted(files, self.container(name))
                    files.lock.unlink(missing_ok=True)
                    swept.append(name)
        return swept

    def _create(self, spec: ContainerSpec, files: ContainerFiles, container: str) -> None:
        self._check_engine()
        place = self._networks.place()
        try:
            self.prepare(spec.image)
        except BackendRefused as error:
            # Somebody may make it now, and then bots go on.
            raise BackendUnavailable(str(error)) from error
        image = spec.image or self.image
        variables = self._engine.image_environment(image)
        owner = UID if os.geteuid() == 0 else None
        state = state_files(self._root, spec.bot_id, files, spec.kind)
        try:
            # What a start that never came to be has left.
            clear_directory.remove(files.directory)
            make_directories(files, state, owner)
            for mounted in (files.var / "cache", files.var / "left"):
                # Else the engine makes them, as root, which only root could remove.
                mounted.mkdir()
            inside = files.var / Path(ENVIRONMENT_FILE).name
            write_environment(inside, agent_environment(spec, variables, place.gateway), owner)
        except OSError as error:
            raise BackendUnavailable(f"container {spec.name} cannot be started: {error}") from error
        body = create_arguments(
            spec,
            installation=self._installation,
            image=image,
            network=place.network,
            files=files,
            state=state,
        )
        self._engine.create(container, body)

    def _remove_unstarted(self, files: ContainerFiles, container: str) -> None:
        """What was created and never started: its environment may be missing. One that has started after all
        is left alone, and ``BackendUnavailable``."""
        status = self._status(container)
        if status not in UNSTARTED:
            raise BackendUnavailable(f"container {container} is {status}: it cannot be started now")
        self._engine.remove(container)
        bury(self._root, files.directory)

    def _is_unstarted(self, container: str) -> bool:
        return self._status(container) in UNSTARTED

    def _status(self, container: str) -> str:
        found = self._engine.inspect(container)
        return str(found["State"]["Status"]) if found is not None else "gone"

    def _refuse_second(self, spec: ContainerSpec) -> None:
        labels = {INSTALLATION: self._installation, BOT_ID: spec.bot_id}
        for summary in self._engine.list(running=True, labels=labels):
            known = registered(summary["Labels"])
            if known is not None and known.kind != "query" and known.name != spec.name:
                raise StillRuns(f"bot {spec.bot_id} still runs in container {known.name}")

    def _check_engine(self) -> None:
        """Once: the engine must see our directories, and its users must be ours."""
        if self._checked:
            return
        refuse_mapped_users(self._engine.host, self._engine.info())
        self._checked = True
