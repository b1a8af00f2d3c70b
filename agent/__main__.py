"""The agent's commands. What a command does not need is not imported: one lives in every container."""

import os
import sys

USAGE = """usage: runtime execute [--query PATH] [--query-server-only] [--skip-sync] [--skip-query-server]
       runtime daemon init [--bot-id ID] [--state-path DIR]
       runtime daemon sync [--bot-id ID] [--state-path DIR] [--logs-path DIR] [--interval 60s]
                           [--watch-done FILE] [--readiness-port N]
       runtime version"""

FLAGS = {
    "execute": {"--query": 1, "--query-server-only": 0, "--skip-sync": 0, "--skip-query-server": 0},
    "daemon init": {"--bot-id": 1, "--state-path": 1},
    "daemon sync": {
        "--bot-id": 1,
        "--state-path": 1,
        "--logs-path": 1,
        "--interval": 1,
        "--watch-done": 1,
        "--readiness-port": 1,
    },
}
VARIABLES = {
    "--query": "QUERY_PATH",
    "--bot-id": "BOT_ID",
    "--state-path": "STATE_PATH",
    "--logs-path": "LOGS_PATH",
}


def main(arguments: list[str]) -> int:
    """The exit code; 2 for a command that does not exist."""
    environment = read_environment()
    name = " ".join(arguments[: 2 if arguments[:1] == ["daemon"] else 1])
    if name == "version":
        from agent.version import VERSION

        print(VERSION)
        return 0
    if name not in FLAGS:
        print(USAGE, file=sys.stderr)
        return 2
    flags = parse(arguments[len(name.split()) :], FLAGS[name])
    if flags is None:
        print(USAGE, file=sys.stderr)
        return 2
    for flag, variable in VARIABLES.items():
        if flag in flags:
            environment[variable] = flags[flag]
    if "--interval" in flags:
        environment["DURABOT_SYNC_INTERVAL"] = flags["--interval"].removesuffix("s")
    if name == "daemon init":
        from agent import daemon

        return daemon.init(environment)
    if name == "daemon sync":
        from agent import daemon

        port = flags.get("--readiness-port", "0")
        return daemon.sync(environment, flags.get("--watch-done", ""), int(port) if port.isdigit() else 0)
    if "--query-server-only" in flags:
        from agent.query_server_only import run as serve

        return serve(environment)
    if environment.get("QUERY_PATH"):
        from agent.ephemeral_query import run

        return run(environment)
    environment.pop("QUERY_PATH", None)
    from agent.execute import Execution

    return Execution(
        environment, syncs="--skip-sync" not in flags, serves="--skip-query-server" not in flags
    ).run()


def read_environment() -> dict[str, str]:
    """Ours, or that of a file which is read once: so credentials are in nobody's ``/proc``, not even ours."""
    path = os.environ.get("DURABOT_ENV_FILE")
    if not path:
        return dict(os.environ)
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs memory here
        data = file.read()
    os.unlink(path)  # noqa: PTH108 - likewise
    pairs = (item.decode().partition("=") for item in data.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def parse(arguments: list[str], known: dict[str, int]) -> dict[str, str] | None:
    """Flags with their values, as ``--flag value`` or ``--flag=value``; None for what is not known."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        if flag not in known:
            return None
        if known[flag] and not equals:
            if not rest:
                return None
            value = rest.pop(0)
        found[flag] = value
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
