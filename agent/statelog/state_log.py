"""Restore, claim, commit: what a bot's life asks of its state.

Nothing is kept in memory between two calls, so each may run in a forked child that ends.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agent.errors import (
    Fenced,
    NothingLeft,
    RestoreFailed,
    SnapshotUnstable,
    StateTooLarge,
    StateUnreadable,
    StoreUnavailable,
)
from agent.lease import clock
from agent.object_store import ObjectStore
from agent.statelog import legacy, local, restore, snapshot, start_order
from agent.statelog.entry import CLAIM, COMMIT, Entry, EntryLog, position
from agent.statelog.packs import PackReader, PackWriter, chunks_of
from agent.statelog.tree import Node
from agent.statelog.trees import Trees

# Belongs to no run, so no directory can be taken for its continuation.
LEGACY_EPOCH = "legacy"
# Each lost race means that another writer won one; more in a row than this is no race.
RACES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StartResult:
    """``kept`` tells that the directory held the state of the last epoch, which was not overwritten but
    committed; ``unsaved`` is why it could not be, if so. ``claimed_at`` is by the clock of leases."""

    generation: int
    epoch: str
    kept: bool
    unsaved: str = ""
    claimed_at: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """``changed`` is False when there was nothing to commit; then no generation was added."""

    changed: bool
    generation: int
    uploaded_bytes: int


class StateLog:
    """The state of one bot, seen by one run of it."""

    def __init__(
        self,
        store: ObjectStore,
        bucket: str,
        bot_id: str,
        state_dir: Path,
        cache_path: Path,
        run_id: str,
        max_bytes: int,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._bot_id = bot_id
        self._state_dir = state_dir
        self._cache_path = cache_path
        # The generation asked for last: not in the cache, which is large and written after the answer.
        self._asked = cache_path.with_name(cache_path.name + ".asked")
        self._run_id = run_id
        self._max_bytes = max_bytes
        self._log = EntryLog(store, bucket, bot_id)
        self._trees = Trees(store, bucket, bot_id)

    def start(self, *, in_order: bool = False) -> StartResult:
        """Bring the newest state into the directory and claim the log for a new epoch.

        After this every other epoch is fenced. A directory that this host's last epoch left, with nobody
        having claimed since, is kept, for it is newer than what the store has, and committed. With
        ``in_order`` a run that was begun before the one that wrote last is ``Fenced`` itself: its host was
        given up, and it must not take the state from its successor.
        """
        for _ in range(RACES):
            # Anew each time: a claim that was refused may be in the log all the same, with others after it.
            epoch = os.urandom(16).hex()
            head = self._log.head()
            if in_order and head is not None and start_order.is_later(head.run_id, self._run_id):
                raise Fenced(f"bot {self._bot_id}: run {head.run_id}, which was begun later, has the state")
            remembered = local.load(self._cache_path)
            if head is None and remembered is not None:
                # Clearing the directory now would destroy what may be the last copy.
                raise RestoreFailed(
                    f"bot {self._bot_id}: the state log that held generation {remembered.generation} is gone "
                    f"from the store; the state on this disk was left as it is"
                )
            kept = head is not None and remembered is not None and self._continues(remembered, head)
            if kept and remembered is not None:
                # If the claim's answer is lost, the next start must know the epoch for its own.
                remembered.claims(epoch)
                remembered.save(self._cache_path)
            else:
                # Forgotten first: a crash in the middle must not pass a part for the whole.
                self._cache_path.unlink(missing_ok=True)
                if not self._written(head):
                    continue
                if head is None and self._import_legacy():
                    continue
            reference, size = (head.tree, head.size) if head else ("", 0)
            claimed_at = clock()
            claim = self._log.append(
                after=position(head), kind=CLAIM, epoch=epoch, tree=reference, size=size, run_id=self._run_id
            )
            if claim is None:
                continue
            stats = remembered.stats if kept and remembered and remembered.tree == reference else {}
            local.Local(
                epoch=epoch,
                generation=claim.generation,
                tree=reference,
                size=size,
                stats=stats,
                nonce=claim.nonce,
            ).save(self._cache_path)
            generation, unsaved = self._salvage(claim) if kept else (claim.generation, "")
            return StartResult(
                generation=generation, epoch=epoch, kept=kept, unsaved=unsaved, claimed_at=claimed_at
            )
        raise StoreUnavailable(f"bot {self._bot_id}: other runs claimed its state {RACES} times before us")

    def salvage(self) -> CommitResult:
        """Commit what a run that was killed has left in the directory, by its own epoch; nothing is claimed.

        ``Fenced`` when somebody else has written since, ``NothingLeft`` when this disk does not have it.
        """
        for _ in range(RACES):
            head = self._log.head()
            remembered = local.load(self._cache_path)
            if remembered is None:
                raise NothingLeft(f"bot {self._bot_id}: this disk knows of no run that had its state")
            if head is None:
                raise RestoreFailed(
                    f"bot {self._bot_id}: the state log that held generation {remembered.generation} is gone"
                )
            if not remembered.wrote(head.epoch):
                raise self._fenced_by(head)
            if not self._continues(remembered, head):
                raise NothingLeft(f"bot {self._bot_id}: its directory on this disk was emptied")
            if remembered.epoch != head.epoch:
                # Its claim was granted, and it was killed before it knew.
                stats = remembered.stats if remembered.tree == head.tree else {}
                local.Local(
                    epoch=head.epoch,
                    generation=head.generation,
                    tree=head.tree,
                    size=head.size,
                    stats=stats,
                    nonce=head.nonce,
                ).save(self._cache_path)
            try:
                return self.commit(head.epoch)
            except Fenced:
                # By somebody else, or by a claim of the same run that came late: the newest entry tells.
                continue
        raise StoreUnavailable(f"bot {self._bot_id}: its log moved {RACES} times while we saved")

    def _continues(self, remembered: local.Local, head: Entry) -> bool:
        """Whether the directory is what the last epoch left; one that was emptied behind our back is not."""
        if not remembered.wrote(head.epoch):
            return False
        # The log may have more than is remembered here: a commit's answer can be lost.
        return not (remembered.tree or head.tree) or (
            self._state_dir.is_dir() and any(self._state_dir.iterdir())
        )

    def _salvage(self, claim: Entry) -> tuple[int, str]:
        """Commit what the last run left; the generation, and why not all is saved. A bot may run on a state
        that cannot be saved now, as it did before."""
        try:
            return self.commit(claim.epoch).generation, ""
        except (StateTooLarge, StateUnreadable, SnapshotUnstable) as error:
            return claim.generation, str(error)

    def restore_only(self, generation: int = 0) -> int:
        """Bring the newest state, or a given version, into the directory without claiming it (queries); its
        generation, or 0."""
        if generation:
            # Few queries ask for it.
            from agent.statelog.versions import Versions

            versions = Versions(self._store, self._bucket, self._bot_id)
            self._restore(versions.nodes(versions.find(generation)))
            return generation
        for _ in range(RACES):
            head = self._log.head()
            if self._written(head):
                break
        else:
            raise StoreUnavailable(f"bot {self._bot_id}: its state was replaced {RACES} times while we read")
        if head is None:
            self._extract_legacy()
        return head.generation if head else 0

    def commit(self, epoch: str = "") -> CommitResult:
        """Append what changed since the last commit; ``Fenced`` when another epoch has the log.

        ``epoch`` is the one that the caller was started with: another one on this disk fences it, too.
        """
        mine = self._mine(epoch)
        known = mine.at
        uploaded = 0
        for _ in range(RACES):
            try:
                nodes = self._trees.read(mine.tree)
            except RestoreFailed:
                if self._is_newest(mine):
                    raise
                # Collected, because others went on without us.
                self._catch_up(mine)
                continue
            before = {node.path: node for node in nodes}
            packs = PackWriter(self._store, self._bucket, self._bot_id, chunks_of(nodes), mine.generation + 1)
            taken = snapshot.take(self._state_dir, before, mine.stats, packs, self._max_bytes)
            uploaded += packs.uploaded_bytes
            # Compared before it is encoded, which takes longer than the comparison, and could differ for
            # nothing where another compressor writes the same tree in other bytes.
            changed = {node.path: node for node in taken.nodes} != before
            entry, reference = None, mine.tree
            if changed:
                reference, sent = self._trees.write(mine.generation + 1, taken.nodes)
                uploaded += sent
            # What was asked for without an answer may still come, and would be newer than what we save.
            appends = changed or self._is_in_doubt(mine)
            if appends:
                entry = self._append(mine, reference, taken.size)
            # A run with nothing to commit must learn, too, that it is not the bot any more.
            if entry is not None or (not appends and self._is_newest(mine)):
                break
            self._catch_up(mine)
        else:
            raise StoreUnavailable(f"bot {self._bot_id}: its log moved {RACES} times while we committed")
        if entry is not None:
            mine.generation, mine.nonce = entry.generation, entry.nonce
            mine.tree, mine.size = entry.tree, entry.size
        if mine.at != known or taken.stats != mine.stats:
            mine.stats = taken.stats
            mine.save(self._cache_path)
        return CommitResult(changed=entry is not None, generation=mine.generation, uploaded_bytes=uploaded)

    def refuse_fenced(self, epoch: str) -> None:
        """``Fenced`` when another epoch has the log; the state is not looked at."""
        mine = self._mine(epoch)
        # The next entry may be ours, if its answer was lost, and the one after it another's.
        if not self._is_newest(mine):
            self._catch_up(mine)

    def fence_probe(self) -> bytes:
        """What is answered clearly as long as nobody has written after us; see ``EntryLog.fence_probe``.
        Empty when it cannot be asked so simply."""
        mine = local.load(self._cache_path)
        return self._log.fence_probe(mine.at) if mine is not None else b""

    def _mine(self, epoch: str) -> local.Local:
        mine = local.load(self._cache_path)
        if mine is None:
            if not epoch:
                raise RestoreFailed(f"bot {self._bot_id}: no claimed epoch here, so nothing may be committed")
            # The bot may have removed it: the log knows as much, and all files are read again.
            head = self._log.head()
            if head is None:
                raise RestoreFailed(f"bot {self._bot_id}: its state log is gone from the store")
            mine = local.Local(
                epoch=head.epoch,
                generation=head.generation,
                tree=head.tree,
                size=head.size,
                nonce=head.nonce,
            )
        if epoch and mine.epoch != epoch:
            raise Fenced(f"bot {self._bot_id}: another run claimed the state, from this disk or since")
        return mine

    def _is_in_doubt(self, mine: local.Local) -> bool:
        """Whether our next generation was asked for before, and no answer came."""
        try:
            return self._asked.read_text() == str(mine.generation + 1)
        except FileNotFoundError:
            return False

    def _append(self, mine: local.Local, reference: str, size: int) -> Entry | None:
        self._asked.parent.mkdir(parents=True, exist_ok=True)
        self._asked.write_text(str(mine.generation + 1))
        return self._log.append(
            after=mine.at, kind=COMMIT, epoch=mine.epoch, tree=reference, size=size, run_id=self._run_id
        )

    def _is_newest(self, mine: local.Local) -> bool:
        return self._log.find(mine.generation + 1) is None and self._log.holds(mine.at)

    def _catch_up(self, mine: local.Local) -> None:
        """Somebody has our next generation, or had it: ourselves before a crash, or an epoch that fences us.

        Where it was ourselves, all files are compared anew with what is the newest now: chunks of an older
        tree may be collected.
        """
        other = self._log.find(mine.generation + 1)
        if other is None:
            raise self._left_behind(mine)
        if other.epoch != mine.epoch:
            raise self._fenced_by(other)
        head = self._log.head()
        if head is None or head.epoch != mine.epoch:
            raise Fenced(
                f"bot {self._bot_id}: another run claimed the state after generation {mine.generation}"
            )
        mine.generation, mine.nonce, mine.tree, mine.size = head.generation, head.nonce, head.tree, head.size
        mine.stats = {}

    def _fenced_by(self, other: Entry) -> Fenced:
        return Fenced(
            f"bot {self._bot_id}: run {other.run_id} claimed the state at generation {other.generation}"
        )

    def _left_behind(self, mine: local.Local) -> Fenced:
        return Fenced(
            f"bot {self._bot_id}: others went on after generation {mine.generation}, so long ago that their "
            f"first entries are deleted"
        )

    def _extract_legacy(self) -> bool:
        scratch = self._cache_path.with_name(self._cache_path.name + ".legacy")
        return legacy.extract(
            self._store, self._bucket, self._bot_id, self._state_dir, scratch, self._max_bytes
        )

    def _import_legacy(self) -> bool:
        """Make the legacy archive generation 1; False when there is none.

        Losing the race for generation 1 is fine: then the log exists, and the caller reads it again.
        """
        if not self._extract_legacy():
            return False
        packs = PackWriter(self._store, self._bucket, self._bot_id, {}, 1)
        taken = snapshot.take(self._state_dir, {}, {}, packs, self._max_bytes)
        reference, _ = self._trees.write(1, taken.nodes)
        self._log.append(
            after=position(None),
            kind=COMMIT,
            epoch=LEGACY_EPOCH,
            tree=reference,
            size=taken.size,
            run_id=self._run_id,
        )
        return True

    def _written(self, head: Entry | None) -> bool:
        """False when the state was replaced, and then collected, while it was read."""
        try:
            self._restore(self._trees.read(head.tree) if head else [])
        except RestoreFailed:
            if self._log.head() == head:
                raise
            return False
        return True

    def _restore(self, nodes: list[Node]) -> None:
        restore.write(self._state_dir, nodes, PackReader(self._store, self._bucket, self._bot_id))
