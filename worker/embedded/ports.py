"""Whether the ports of the embedded stack are free, and which setting moves each."""

from __future__ import annotations

from activities.errors import DurabotError
from worker.embedded.free_ports import GRPC_OFFSET, is_free
from worker.embedded.s3_server import INTERNAL_PORTS
from worker.settings import Settings


class PortInUse(DurabotError):
    """Somebody else listens where the embedded stack would."""

    code = "port_in_use"


def wanted(settings: Settings) -> list[tuple[int, str, str]]:
    """Port, what for, and the setting that moves it."""
    found = [(settings.gateway_port, "the gateway", "DURABOT_GATEWAY_PORT")]
    if settings.temporal_embedded:
        found.append((settings.temporal_port, "Temporal", "DURABOT_TEMPORAL_PORT"))
        found.append((settings.temporal_ui_port, "Temporal's Web UI", "DURABOT_TEMPORAL_UI_PORT"))
    if settings.s3_embedded:
        found += [
            (port, "the S3 server", "DURABOT_S3_PORT")
            for port in (settings.s3_port, settings.s3_port + GRPC_OFFSET)
        ]
        for offset in range(INTERNAL_PORTS):
            port = settings.s3_internal_port + offset
            found.append((port, "a part of the S3 server", "DURABOT_S3_INTERNAL_PORT"))
            found.append((port + GRPC_OFFSET, "a part of the S3 server", "DURABOT_S3_INTERNAL_PORT"))
    return found


def taken(settings: Settings) -> list[str]:
    """One line for each setting that has to change."""
    used: dict[tuple[str, str], list[int]] = {}
    lines = []
    for port, purpose, setting in wanted(settings):
        if port > 65535:
            lines.append(f"port {port} for {purpose} does not exist; lower {setting}")
        elif not is_free(settings.bind_host, port):
            used.setdefault((purpose, setting), []).append(port)
    for (purpose, setting), ports in used.items():
        many = len(ports) > 1
        numbers = f"ports {', '.join(map(str, ports))}" if many else f"port {ports[0]}"
        lines.append(
            f"{numbers} for {purpose} {'are' if many else 'is'} in use; "
            f"{setting} moves {'them' if many else 'it'}"
        )
    return lines


def require_free(settings: Settings) -> None:
    """``PortInUse`` names all of them at once."""
    if lines := taken(settings):
        raise PortInUse("\n  ".join(["the stack cannot start:", *lines]))
