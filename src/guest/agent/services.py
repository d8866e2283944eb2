"""Starts the relays that connect cells to the server's services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from agent.channel import Channel
from agent.contract import BootConfig
from agent.process import log
from agent.reactor import Reactor

if TYPE_CHECKING:
    from agent.message_types import AgentError, Event


def listen(loop: Reactor, channel: Channel, config: BootConfig, emit: Callable[["Event"], None]) -> None:
    """Listens for the services of the configuration. A failure to listen for `postgres` is an event, because the sandbox then lacks what its creator asked for."""
    if "tools" in config.services:
        from agent.tool_relay import serve_code

        serve_code(loop, channel)
    if "postgres" in config.services:
        from agent.relay import PostgresRelay

        try:
            PostgresRelay(loop, channel, config.postgres_socket_directory).listen()
        except OSError as error:
            message = "Cannot listen for database connections: %s" % error
            log(message)
            failure: "AgentError" = {"code": "relay_failed", "message": message}
            emit({"type": "service_state", "service": "postgres", "state": "failed", "error": failure})
