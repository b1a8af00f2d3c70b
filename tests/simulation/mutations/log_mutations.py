"""Of the log itself: claims, commits, rollbacks, and what a run remembers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from agent.errors import NothingLeft, ObjectMissing, PreconditionFailed, StoreUnavailable
from agent.object_store import ObjectStore
from agent.statelog import history, local
from agent.statelog.entry import CLAIM, ROLLBACK, Entry, EntryLog, position
from agent.statelog.local import Local
from agent.statelog.state_log import CommitResult, StateLog
from tests.simulation.mutations.mutation import mutation, swap, weather


@mutation("a start takes the state without a claim", "acknowledged")
def no_claim(stack: ExitStack) -> None:
    append = EntryLog.append

    def mutated(self: EntryLog, *, kind: str, **rest: str) -> Entry | None:
        head = self.head()
        if kind == CLAIM and head is not None:
            return replace(head, epoch=rest["epoch"])
        return append(self, kind=kind, **rest)  # type: ignore[arg-type]  # passed on

    swap(stack, EntryLog, "append", mutated)


@mutation("entries are put, and not created only where there is none", "linear")
def overwriting(stack: ExitStack) -> None:
    swap(stack, ObjectStore, "create", ObjectStore.put)


@mutation("a refused entry is taken for another's, and not read back", "fenced-falsely")
def refusal_not_read_back(stack: ExitStack) -> None:
    def mutated(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        self._call("PUT", bucket, key, body=data, headers={"if-none-match": "*"})

    swap(stack, ObjectStore, "create", mutated)


@mutation("a lost answer to a new entry is taken for a yes", "acknowledged", "fenced-falsely", "fence-missed")
def lost_answer_is_yes(stack: ExitStack) -> None:
    def mutated(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        try:
            self._call("PUT", bucket, key, body=data, headers={"if-none-match": "*"})
        except StoreUnavailable:
            return
        except PreconditionFailed:
            if self.get(bucket, key) != data:
                raise

    swap(stack, ObjectStore, "create", mutated)


@mutation("read back, another writer's entry is taken for our own", "acknowledged", "fence-missed", "chain")
def read_back_not_compared(stack: ExitStack) -> None:
    def mutated(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        try:
            self._call("PUT", bucket, key, body=data, headers={"if-none-match": "*"})
        except (PreconditionFailed, StoreUnavailable) as failure:
            try:
                self.get(bucket, key)
            except ObjectMissing:
                raise StoreUnavailable("not written") from failure

    swap(stack, ObjectStore, "create", mutated)


@mutation("a commit follows whatever is the head", "one-writer")
def commit_without_fencing(stack: ExitStack) -> None:
    def mutated(self: StateLog, mine: Local) -> None:
        head = self._log.head()
        assert head is not None
        mine.generation, mine.nonce, mine.tree, mine.size = head.generation, head.nonce, head.tree, head.size
        mine.stats = {}

    swap(stack, StateLog, "_catch_up", mutated)


@mutation("a commit goes by the epoch that its disk remembers or finds, whoever asks", "one-writer")
def epoch_not_compared(stack: ExitStack) -> None:
    weather(stack, hosts=3, starts=3.0, cache_losses=2.0)
    mine = StateLog._mine

    def mutated(self: StateLog, epoch: str) -> Local:
        head = self._log.head()
        if local.load(self._cache_path) is None and head is not None:
            return mine(self, head.epoch)
        return mine(self, "")

    swap(stack, StateLog, "_mine", mutated)


@mutation("a run without changes does not look whether it is fenced", "fence-missed")
def idle_run_not_fenced(stack: ExitStack) -> None:
    swap(stack, StateLog, "_is_newest", lambda self, mine: True)


def _after_the_entry(stack: ExitStack, part: str) -> None:
    put, create = ObjectStore.put, ObjectStore.create
    waiting: dict[int, list[tuple[str, str, bytes]]] = {}

    def mutated_put(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        if part in key:
            waiting.setdefault(id(self), []).append((bucket, key, data))
        else:
            put(self, bucket, key, data)

    def mutated_create(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        create(self, bucket, key, data)
        for left in waiting.pop(id(self), []):
            put(self, *left)

    swap(stack, ObjectStore, "put", mutated_put)
    swap(stack, ObjectStore, "create", mutated_create)


@mutation("packs are written after the entry that needs them", "complete")
def packs_after_the_entry(stack: ExitStack) -> None:
    _after_the_entry(stack, "/packs/")


@mutation("trees are written after the entry that needs them", "complete")
def tree_after_the_entry(stack: ExitStack) -> None:
    _after_the_entry(stack, "/trees/")


@mutation("a failed upload of a pack does not stop the commit", "complete")
def upload_not_checked(stack: ExitStack) -> None:
    put = ObjectStore.put

    def mutated(self: ObjectStore, bucket: str, key: str, data: bytes) -> None:
        try:
            put(self, bucket, key, data)
        except StoreUnavailable:
            if "/packs/" not in key:
                raise

    swap(stack, ObjectStore, "put", mutated)


@mutation("a claim does not carry its parent's tree", "chain")
def claim_without_tree(stack: ExitStack) -> None:
    append = EntryLog.append

    def mutated(self: EntryLog, *, kind: str, tree: str, **rest: str) -> Entry | None:
        return append(self, kind=kind, tree="" if kind == CLAIM else tree, **rest)  # type: ignore[arg-type]  # passed on

    swap(stack, EntryLog, "append", mutated)


@mutation("a rollback goes on with the epoch of the head", "one-writer")
def rollback_without_epoch(stack: ExitStack) -> None:
    append = EntryLog.append

    def mutated(self: EntryLog, *, kind: str, epoch: str, **rest: str) -> Entry | None:
        head = self.head() if kind == ROLLBACK else None
        return append(self, kind=kind, epoch=head.epoch if head else epoch, **rest)  # type: ignore[arg-type]  # passed on

    swap(stack, EntryLog, "append", mutated)


@mutation("a rollback that lost the race says it was done", "acknowledged")
def rollback_not_checked(stack: ExitStack) -> None:
    def mutated(store: ObjectStore, bucket: str, bot_id: str, generation: int, run_id: str) -> int:
        log = EntryLog(store, bucket, bot_id)
        wanted, head = log.read(generation), log.head()
        assert head is not None
        log.append(after=position(head), kind=ROLLBACK, epoch=run_id, tree=wanted.tree, size=0, run_id=run_id)
        return head.generation + 1

    swap(stack, history, "rollback", mutated)


@mutation("the head is looked for in the first page of the list only", "alive", "stale")
def one_page_of_the_list(stack: ExitStack) -> None:
    generations = EntryLog.generations

    def mutated(self: EntryLog) -> list[int]:
        return sorted(generations(self))[:3]

    swap(stack, EntryLog, "generations", mutated)


@mutation("a directory is kept although somebody else has written since", "kept")
def stale_directory_kept(stack: ExitStack) -> None:
    swap(stack, StateLog, "_continues", lambda self, remembered, head: True)


@mutation("a directory is never kept, but overwritten", "salvage")
def directory_never_kept(stack: ExitStack) -> None:
    swap(stack, StateLog, "_continues", lambda self, remembered, head: False)


@mutation("a claim that was asked for is not remembered, so its lost answer costs the directory", "salvage")
def claim_not_remembered(stack: ExitStack) -> None:
    swap(stack, Local, "wrote", lambda self, epoch: epoch == self.epoch)


@mutation("an emptied directory is taken for the state", "kept", "restored")
def emptied_directory_kept(stack: ExitStack) -> None:
    weather(stack, hosts=1, volume_losses=1.0, crashes=1.0)
    swap(stack, StateLog, "_continues", lambda self, remembered, head: remembered.wrote(head.epoch))


@mutation("what the last run left is not committed by the next start", "restored")
def not_salvaged(stack: ExitStack) -> None:
    swap(stack, StateLog, "_salvage", lambda self, claim: (claim.generation, ""))


def _salvaged_by(self: StateLog, epoch: str) -> CommitResult:
    head, remembered = self._log.head(), local.load(self._cache_path)
    if remembered is None or head is None:
        raise NothingLeft("nothing remembered")
    adopted = Local(
        epoch=epoch or head.epoch,
        generation=head.generation,
        tree=head.tree,
        size=head.size,
        nonce=head.nonce,
    )
    adopted.save(self._cache_path)
    return self.commit(adopted.epoch)


@mutation("a salvage goes by the epoch that has the state, whoever that is", "one-writer")
def salvage_by_the_newest_epoch(stack: ExitStack) -> None:
    weather(stack, hosts=3, starts=3.0, crashes=1.0, salvages=3.0)
    swap(stack, StateLog, "salvage", lambda self: _salvaged_by(self, ""))


@mutation("a salvage follows whatever is the head, by the stale epoch of its disk", "one-writer")
def salvage_by_a_stale_epoch(stack: ExitStack) -> None:
    weather(stack, hosts=3, starts=3.0, crashes=1.0, salvages=3.0)

    def mutated(self: StateLog) -> CommitResult:
        remembered = local.load(self._cache_path)
        return _salvaged_by(self, remembered.epoch if remembered else "")

    swap(stack, StateLog, "salvage", mutated)


@mutation("a salvage does not know a claim that was granted to its killed run", "fenced-falsely")
def salvage_without_late_claims(stack: ExitStack) -> None:
    weather(stack, hosts=1, crashes=2.0, salvages=3.0, lost_answer=0.1, failed_though_done=0.1)

    def mutated(self: StateLog) -> CommitResult:
        head, remembered = self._log.head(), local.load(self._cache_path)
        if remembered is None or head is None or not self._continues(remembered, head):
            raise NothingLeft("nothing remembered")
        return self.commit(remembered.epoch)

    swap(stack, StateLog, "salvage", mutated)


@mutation("only the last claim that was asked for is remembered", "salvage")
def one_claim_remembered(stack: ExitStack) -> None:
    swap(stack, local, "CLAIMS", 1)


@mutation("an idle run looks at the next entry only, which may be its own", "fence-missed")
def only_the_next_entry_looked_at(stack: ExitStack) -> None:
    weather(stack, hosts=3, lost_answer=0.1, failed_though_done=0.1)

    def mutated(self: StateLog, epoch: str) -> None:
        mine = self._mine(epoch)
        other = self._log.find(mine.generation + 1)
        if other is None and not self._log.holds(mine.at):
            raise self._left_behind(mine)
        if other is not None and not mine.wrote(other.epoch):
            raise self._fenced_by(other)

    swap(stack, StateLog, "refuse_fenced", mutated)


@mutation("a commit whose answer was lost is forgotten when nothing is left to commit", "order")
def doubt_forgotten(stack: ExitStack) -> None:
    weather(stack, steps=400, late=0.2, habit="toggles", syncs=5.0)
    swap(stack, StateLog, "_is_in_doubt", lambda self, mine: False)
