"""One sync as the agent makes it: from a process that has imported nothing, in a fork that ends.

``python -I -S sync_driver.py ROOT restore|sync|nothing|archive|unarchive``, the agent's environment on stdin,
one NUL-ended ``NAME=value`` after the other; prints what the fork found and used as JSON.
"""

import os
import resource
import sys
import time

sys.path.insert(0, sys.argv[1])

from agent.children import Children
from agent.forked import Fork, Result


def work(environment: dict[str, str], what: str) -> Result:
    """In the fork."""
    if what == "nothing":
        return {}
    from agent import storage

    if what in ("archive", "unarchive"):
        return archive(environment, what)
    if what == "restore":
        return storage.restore(environment, lambda phase, message: None, query=False, claim=True)
    return storage.sync(environment, state=True, last=False, epoch="")


def archive(environment: dict[str, str], what: str) -> Result:
    """What durabot does not do: all of the state as one object, each time."""
    import io
    import tarfile

    from agent.object_store import ObjectStore

    store = ObjectStore(
        environment["MINIO_ENDPOINT"], environment["MINIO_ACCESS_KEY"], environment["MINIO_SECRET_KEY"]
    )
    key = f"{environment['BOT_ID']}-archive/state.tar.gz"
    if what == "unarchive":
        data = io.BytesIO(store.get("bot-state", key))
        with tarfile.open(fileobj=data, mode="r:gz") as tar:
            tar.extractall(environment["STATE_PATH"], filter="data")
        return {}
    packed = io.BytesIO()
    # As gzip itself does where nothing is said.
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as tar:
        tar.add(environment["STATE_PATH"], arcname=".")
    store.put("bot-state", key, packed.getvalue())
    return {"uploaded_bytes": packed.tell()}


def main() -> None:
    """Milliseconds."""
    pairs = (pair.partition("=") for pair in sys.stdin.read().split("\0") if pair)
    environment = {name: value for name, _, value in pairs}
    begun = time.perf_counter()
    children = Children()
    fork = Fork(lambda: work(environment, sys.argv[2]), children)
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    children.reap()
    wall = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime
    found = {"found": fork.result(), "cpu_ms": cpu * 1000, "wall_ms": wall * 1000}
    # Only now: the agent has no json before it forks, so the fork has to pay for it.
    import json

    # What the fork hands to the agent's next question is bytes, and of no interest here.
    print(json.dumps(found, default=repr))


main()
