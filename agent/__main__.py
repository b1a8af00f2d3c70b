"""The agent's commands. What a command does not need is not imported: one lives in every container."""

import os
import sys

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
    """The exit code; 2 for a command or flag that does not exist."""
    if not arguments or "--help" in arguments or "-h" in arguments or arguments[0] == "help":
        from agent.usage import USAGE

        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    environment = read_environment()
    name = " ".join(arguments[: 2 if arguments[:1] == ["daemon"] else 1])
    if name == "version":
        from agent.version import VERSION

        print(VERSION)
        return 0
    if name not in FLAGS:
        return refuse(f"there is no command {name}")
    try:
        flags = parse(arguments[len(name.split()) :], FLAGS[name])
    except ValueError as error:
        return refuse(f"{name}: {error}")
    for flag, variable in VARIABLES.items():
        if flag in flags:
            environment[variable] = flags[flag]
    if "--interval" in flags:
        from agent.duration import seconds

        interval = seconds(flags["--interval"])
        if interval is None:
            return refuse(f"{name}: --interval {flags['--interval']!r} is no duration; one is 60s")
        environment["DURABOT_SYNC_INTERVAL"] = str(interval)
    if name == "daemon init":
        from agent import daemon

        return daemon.init(environment)
    if name == "daemon sync":
        from agent import daemon

        port = flags.get("--readiness-port", "0")
        if not (port.isascii() and port.isdigit() and int(port) < 65536):
            return refuse(f"{name}: --readiness-port {port!r} is no port")
        return daemon.sync(environment, flags.get("--watch-done", ""), int(port))
    if "--query-server-only" in flags:
        from agent.query_server_only import run as serve

        return serve(environment)
    if environment.get("DURABOT_SALVAGE"):
        from agent.salvage import run as salvage

        return salvage(environment)
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


def refuse(reason: str) -> int:
    """The exit code of a command line that means nothing."""
    print(f"agent: {reason}; `runtime --help` shows what there is", file=sys.stderr)
    return 2


def parse(arguments: list[str], known: dict[str, int]) -> dict[str, str]:
    """Flags with their values, as ``--flag value`` or ``--flag=value``; ValueError for what is not known."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        if flag not in known:
            raise ValueError(f"there is no flag {flag}")
        if equals and not known[flag]:
            raise ValueError(f"{flag} takes no value")
        if known[flag] and not equals:
            if not rest:
                raise ValueError(f"{flag} needs a value")
            value = rest.pop(0)
        found[flag] = value
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
