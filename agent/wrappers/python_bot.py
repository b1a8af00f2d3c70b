"""Calls ``main(bot_id, config)`` of a Python bot: ``python3 python_bot.py``, all input by environment.

Runs as the bot's own process, so it installs no signal handler and imports nothing of the agent.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path


def write_result(status: str, message: str) -> None:
    """Leave a result unless the bot wrote one; failing to is told, and does not change the exit code."""
    path = Path("/" + os.environ.get("CODE_MOUNT_DIR", "bot")) / "result.json"
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump({"status": status, "message": message}, file)
    except FileExistsError:
        return
    except OSError as error:
        print(f"RESULT_ERROR: cannot write {path}: {error}", file=sys.stderr)


def run() -> None:
    """Load the entrypoint as the module ``main`` and call its ``main``."""
    code = Path("/" + os.environ.get("CODE_MOUNT_DIR", "bot"))
    os.chdir(code)
    vendor = code / "vendor"
    # The wrapper's own folder comes first by default: a bot must not import from it by accident.
    sys.path[:1] = [str(vendor), str(code)] if vendor.is_dir() else [str(code)]
    config = json.loads(os.environ.get("BOT_CONFIG") or "{}")
    if not isinstance(config, dict):
        raise ValueError("BOT_CONFIG is not a JSON object")
    entry = Path(os.environ["SCRIPT_PATH"])
    spec = importlib.util.spec_from_file_location("main", code / entry)
    if spec is None or spec.loader is None:
        raise ImportError(f"{entry} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["main"] = module
    spec.loader.exec_module(module)
    main = getattr(module, "main", None)
    if not callable(main):
        raise AttributeError(f"{entry} has no function main(bot_id, config)")
    outcome = main(os.environ["BOT_ID"], config)
    if hasattr(outcome, "__await__"):
        # Only here: it would cost every other bot 40 ms of its start.
        import asyncio

        async def wait() -> None:
            await outcome

        asyncio.run(wait())


def outer() -> None:
    """Run, leave a result, and let the interpreter end with the bot's own exit code."""
    try:
        run()
    except SystemExit as leave:
        if leave.code in (None, 0):
            write_result("success", "the bot ended")
        else:
            write_result("error", f"the bot exited with {leave.code}")
        raise
    except KeyboardInterrupt:
        write_result("terminated", "the bot was interrupted")
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a bot raises must end in a true exit code
        # Reported as the interpreter would, so that the traceback is in the log and the code is 1.
        import traceback

        traceback.print_exc()
        write_result("error", f"{type(error).__name__}: {error}")
        sys.exit(1)
    write_result("success", "the bot ended")


if __name__ == "__main__":
    outer()
