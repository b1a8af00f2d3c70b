"""``durabot deploy``: a bot directory into operation."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit, errors_told, fail
from worker.cli.session import with_client
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.deployment import Deployed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deploy")(deploy)


def deploy(
    source: Annotated[Path, typer.Argument(help="Directory or zip with bot-config.yaml.")],
    config: Annotated[Path | None, typer.Option("--config", help="Another file than config.json.")] = None,
    runtime_image: Annotated[
        str,
        typer.Option(
            "--runtime-image", help="Image of its containers and of the installation of its dependencies."
        ),
    ] = "",
    host: Annotated[str, typer.Option("--host", help="Pin it to this host.")] = "",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="NAME=VALUE that its host must have; repeatable."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Put a bot into operation: check, install, upload, create or update.

    An unchanged bot is not touched; an invalid one changes nothing. Files that `.durabotignore` names are
    left out; its rules are those of git. What requirements.txt or package.json name is installed, in the
    bot's image where bots are containers. With --config the same code becomes another bot, with that name.
    --host, --label and --runtime-image stand for `host`, `host_labels` and `runtime_image` of its
    configuration.

    A realtime bot is watched for its first two seconds: one that ends in them is deployed all the same, goes
    on being restarted, and the exit code is 1.

    Example: durabot deploy examples/realtime-python
    """

    def told(line: str) -> None:
        if not as_json:
            print(f"  {line}", flush=True)

    if not source.exists():
        fail(f"there is no {source}", next_step="`durabot init my-bot` makes a new bot", as_json=as_json)
    with tempfile.TemporaryDirectory(prefix="durabot-") as scratch:
        directory = source
        if source.is_file():
            from agent.code import extract

            directory = Path(scratch)
            with errors_told(as_json, f"{source}: "):
                extract(source, directory)
        with errors_told(as_json):
            from activities.definition.load import load

            instead = _instead(host, label or [], runtime_image, as_json)
            definition = load(directory, config, instead)

        async def work(settings: Settings, client: Client) -> Deployed:
            from worker.control.deployment import Deployment

            return await Deployment(settings, client, told).deploy(definition)

        deployed = with_client(data_dir, as_json, work)

    def render() -> None:
        print(f"{deployed.bot_id} ({deployed.bot_type}) {deployed.action}: {deployed.message}")

    if deployed.failed:
        if as_json:
            emit(deployed, as_json, render)
        cause = f"{deployed.bot_id} is {deployed.action}, but does not stay up: {deployed.message}"
        step = f"`durabot logs {deployed.bot_id}` shows what it printed; correct it and deploy again"
        fail(cause, code="not_running", next_step=step, as_json=as_json)
    emit(deployed, as_json, render)


def _instead(host: str, labels: list[str], image: str, as_json: bool) -> dict[str, object]:
    """What takes the place of the configuration's own keys; the loader checks it like those."""
    given = {"host": host, "runtime_image": image}
    found: dict[str, object] = {name: value for name, value in given.items() if value}
    if labels:
        if wrong := [label for label in labels if "=" not in label]:
            fail(f"--label {wrong[0]} is not NAME=VALUE, such as disk=ssd", as_json=as_json)
        found["host_labels"] = dict(label.split("=", 1) for label in labels)
    return found
