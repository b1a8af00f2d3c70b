"""Restore, claim, commit: what a bot's life asks of its state.

Nothing is kept in memory between two calls, so each may run in a forked child that ends.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from agent.errors import (
    Fenced,
    ObjectMissing,
    RestoreFailed,
    SnapshotUnstable,
    StateTooLarge,
    StateUnreadable,
    StoreUnavailable,
)
from agent.object_store import ObjectStore
from agent.statelog import legacy, local, restore, snapshot, tree
from agent.statelog.entry import CLAIM, COMMIT, Entry, EntryLog
from agent.statelog.packs import PackReader, PackWriter, chunks_of

# Belongs to no run, so no directory can be taken for its continuation.
LEGACY_EPOCH = "legacy"
# Each lost race means that another writer won one; more in a row than this is no race.
RACES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StartResult:
    """``kept`` tells that the directory held the state of the last epoch, which was not overwritten but
    committed; ``unsaved`` is why it could not be, if so."""

    generation: int
    epoch: str
    kept: bool
    unsaved: str = ""


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
        self._run_id = run_id
        self._max_bytes = max_bytes
        self._log = EntryLog(store, bucket, bot_id)

    def start(self) -> StartResult:
        """Bring the newest state into the directory and claim the log for a new epoch.

        After this every other epoch is fenced. A directory that this host's last epoch left, with nobody
        having claimed since, is kept, for it is newer than what the store has, and committed.
        """
        epoch = os.urandom(16).hex()
        for _ in range(RACES):
            head = self._log.head()
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
                remembered.claiming = epoch
                remembered.save(self._cache_path)
            else:
                # Forgotten first: a crash in the middle must not pass a part for the whole.
                self._cache_path.unlink(missing_ok=True)
                self._write(head)
                if head is None and self._import_legacy():
                    continue
            after = head.generation if head else 0
            reference, size = (head.tree, head.size) if head else ("", 0)
            claim = self._log.append(
                after=after, kind=CLAIM, epoch=epoch, tree=reference, size=size, run_id=self._run_id
            )
            if claim is None:
                continue
            stats = remembered.stats if kept and remembered and remembered.tree == reference else {}
            local.Local(
                epoch=epoch, generation=claim.generation, tree=reference, size=size, stats=stats
            ).save(self._cache_path)
            generation, unsaved = self._salvage(claim) if kept else (claim.generation, "")
            return StartResult(generation=generation, epoch=epoch, kept=kept, unsaved=unsaved)
        raise StoreUnavailable(f"bot {self._bot_id}: other runs claimed its state {RACES} times before us")

    def _continues(self, remembered: local.Local, head: Entry) -> bool:
        """Whether the directory is what the last epoch left; one that was emptied behind our back is not."""
        if not remembered.wrote(head.epoch):
            return False
        return not remembered.tree or (self._state_dir.is_dir() and any(self._state_dir.iterdir()))

    def _salvage(self, claim: Entry) -> tuple[int, str]:
        """Commit what the last run left; the generation, and why not all is saved. A bot may run on a state
        that cannot be saved now, as it did before."""
        try:
            return self.commit(claim.epoch).generation, ""
        except (StateTooLarge, StateUnreadable, SnapshotUnstable) as error:
            return claim.generation, str(error)

    def restore_only(self) -> int:
        """Bring the newest state into the directory without claiming it (queries); its generation, or 0."""
        head = self._log.head()
        self._write(head)
        if head is None:
            self._extract_legacy()
        return head.generation if head else 0

    def commit(self, epoch: str = "") -> CommitResult:
        """Append what changed since the last commit; ``Fenced`` when another epoch has the log.

        ``epoch`` is the one that the caller was started with: another one on this disk fences it, too.
        """
        mine = self._mine(epoch)
        nodes = self._nodes(mine.tree)
        before = {node.path: node for node in nodes}
        packs = PackWriter(self._store, self._bucket, self._bot_id, chunks_of(nodes))
        taken = snapshot.take(self._state_dir, before, mine.stats, packs, self._max_bytes)
        uploaded = packs.uploaded_bytes
        # Compared before it is encoded, which takes longer than the comparison, and could differ for nothing
        # where another compressor writes the same tree in other bytes.
        changed = {node.path: node for node in taken.nodes} != before
        data = tree.encode(taken.nodes) if changed else b""
        reference = mine.tree if not changed else hashlib.sha256(data).hexdigest() if taken.nodes else ""
        entry = None
        if changed:
            if reference:
                self._store.put(self._bucket, self._tree_key(reference), data)
                uploaded += len(data)
            entry = self._append(mine.generation, mine.epoch, reference, taken.size)
        # A run with nothing to commit must learn, too, that it is not the bot any more.
        if entry is None and (changed or self._log.find(mine.generation + 1) is not None):
            entry = self._lost_race(mine, reference, taken.size)
        if entry is not None:
            mine.generation, mine.tree, mine.size = entry.generation, reference, taken.size
        if entry is not None or taken.stats != mine.stats:
            mine.stats = taken.stats
            mine.save(self._cache_path)
        return CommitResult(changed=entry is not None, generation=mine.generation, uploaded_bytes=uploaded)

    def refuse_fenced(self, epoch: str) -> None:
        """``Fenced`` when another epoch has the log; the state is not looked at."""
        mine = self._mine(epoch)
        other = self._log.find(mine.generation + 1)
        if other is not None and not mine.wrote(other.epoch):
            raise self._fenced_by(other)

    def fence_probe(self) -> bytes:
        """A request that is answered by 404 as long as nobody has written after us; see ``agent/absence.py``.
        Empty when it cannot be asked so simply."""
        mine = local.load(self._cache_path)
        return self._log.absence_probe(mine.generation + 1) if mine is not None else b""

    def _mine(self, epoch: str) -> local.Local:
        mine = local.load(self._cache_path)
        if mine is None:
            if not epoch:
                raise RestoreFailed(f"bot {self._bot_id}: no claimed epoch here, so nothing may be committed")
            # The bot may have removed it: the log knows as much, and all files are read again.
            head = self._log.head()
            if head is None:
                raise RestoreFailed(f"bot {self._bot_id}: its state log is gone from the store")
            mine = local.Local(epoch=head.epoch, generation=head.generation, tree=head.tree, size=head.size)
        if epoch and mine.epoch != epoch:
            raise Fenced(f"bot {self._bot_id}: another run claimed the state, from this disk or since")
        return mine

    def _append(self, after: int, epoch: str, reference: str, size: int) -> Entry | None:
        return self._log.append(
            after=after, kind=COMMIT, epoch=epoch, tree=reference, size=size, run_id=self._run_id
        )

    def _lost_race(self, mine: local.Local, reference: str, size: int) -> Entry:
        """Somebody has our next generation: ourselves before a crash, or an epoch that fences us."""
        other = self._log.read(mine.generation + 1)
        if other.epoch != mine.epoch:
            raise self._fenced_by(other)
        head = self._log.head()
        if head is None or head.epoch != mine.epoch:
            raise Fenced(
                f"bot {self._bot_id}: another run claimed the state after generation {mine.generation}"
            )
        entry = self._append(head.generation, mine.epoch, reference, size)
        if entry is None:
            raise Fenced(f"bot {self._bot_id}: another run wrote after generation {head.generation}")
        return entry

    def _fenced_by(self, other: Entry) -> Fenced:
        return Fenced(
            f"bot {self._bot_id}: run {other.run_id} claimed the state at generation {other.generation}"
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
        packs = PackWriter(self._store, self._bucket, self._bot_id, {})
        taken = snapshot.take(self._state_dir, {}, {}, packs, self._max_bytes)
        data = tree.encode(taken.nodes)
        reference = hashlib.sha256(data).hexdigest()
        self._store.put(self._bucket, self._tree_key(reference), data)
        self._log.append(
            after=0, kind=COMMIT, epoch=LEGACY_EPOCH, tree=reference, size=taken.size, run_id=self._run_id
        )
        return True

    def _write(self, head: Entry | None) -> None:
        nodes = self._nodes(head.tree) if head else []
        restore.write(self._state_dir, nodes, PackReader(self._store, self._bucket, self._bot_id))

    def _nodes(self, reference: str) -> list[tree.Node]:
        if not reference:
            return []
        try:
            data = self._store.get(self._bucket, self._tree_key(reference))
        except ObjectMissing as error:
            raise RestoreFailed(f"bot {self._bot_id}: state tree {reference} is missing") from error
        return tree.decode(data, reference)

    def _tree_key(self, reference: str) -> str:
        return f"{self._bot_id}/trees/{reference}"
