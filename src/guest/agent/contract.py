"""What the agent receives (MESSAGES.md): its boot configuration and its requests, checked. What it sends is in message_types.py."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

# A server refuses an agent whose PROTOCOL or version is not its own.
PROTOCOL = 1

MAX_CODE_BYTES = 1 << 20
MAX_TIMEOUT_MS = 86_400_000
MAX_OUTPUT_BYTES = 64 << 20
_MAX_LEASE_SECONDS = 86_400
_MAX_GRACE_MS = 60_000


class InvalidMessage(Exception):
    """A request's parameters or the boot configuration are invalid (MESSAGES.md). The text names the field, never its value."""


# -- Boot configuration --


class KernelConfig(NamedTuple):
    """How kernels are started and ended. Times count from the timeout or the interrupt of an execution."""

    # Modules that the zygote imports ahead.
    preload: List[str]
    second_interrupt_ms: int
    kill_ms: int
    # Counts from the kill: the agent sends the reply after this time at the latest.
    clear_ms: int


class DatabaseConfig(NamedTuple):
    """Postgres's folders and settings. Paths are absolute."""

    # A data folder that is copied if there is no data.
    template: Optional[str]
    data: str
    # A file that the agent locks, so that one agent at a time uses the data.
    lock: Optional[str]
    settings: Dict[str, str]
    socket_directory: str


class BootConfig(NamedTuple):
    """The configuration that the loader passes to `main`. `kernel` is set in mode sandbox, `database` in mode database."""

    mode: str
    # The version of the server that sent the modules.
    version: str
    lease_seconds: float
    # The server's services that the agent may open streams to.
    services: List[str]
    postgres_socket_directory: str
    kernel: Optional[KernelConfig]
    database: Optional[DatabaseConfig]


# -- Requests --


class ExecuteParams(NamedTuple):
    """One execution: a cell's source and its limits."""

    code: str
    timeout_ms: int
    # Bytes of stdout and of stderr each; characters of each other text.
    max_output_bytes: int
    # Runs apart from the user's history, in a namespace of its own.
    silent: bool


# -- Checks --


def boot_config(value: Any) -> BootConfig:
    """Checks the boot configuration. Raises InvalidMessage."""
    config = _Fields(value, "config")
    mode = config.choice("mode", ("sandbox", "database"))
    checked = BootConfig(
        mode,
        config.text("version", 100),
        config.number("lease_seconds", 0, _MAX_LEASE_SECONDS),
        config.texts("services"),
        config.text("postgres_socket_directory", 100, "/run/postgresql"),
        _kernel_config(config.take("kernel")) if mode == "sandbox" else None,
        _database_config(config.take("database")) if mode == "database" else None,
    )
    config.end()
    return checked


def _kernel_config(value: Any) -> KernelConfig:
    config = _Fields(value, "config.kernel")
    checked = KernelConfig(
        config.texts("preload"),
        config.integer("second_interrupt_ms", 0, _MAX_GRACE_MS),
        config.integer("kill_ms", 0, _MAX_GRACE_MS),
        config.integer("clear_ms", 0, _MAX_GRACE_MS),
    )
    config.end()
    if checked.second_interrupt_ms > checked.kill_ms:
        raise InvalidMessage("config.kernel.second_interrupt_ms must not be greater than kill_ms")
    return checked


def _database_config(value: Any) -> DatabaseConfig:
    config = _Fields(value, "config.database")
    settings = _Fields(config.take("settings"), "config.database.settings")
    checked = DatabaseConfig(
        config.optional_text("template"),
        config.text("data", 4096),
        config.optional_text("lock"),
        {name: settings.text(name, 1000) for name in settings.names()},
        config.text("socket_directory", 100, "/run/postgresql"),
    )
    config.end()
    return checked


def execute_params(value: Any) -> ExecuteParams:
    """Checks the parameters of `execute`. Raises InvalidMessage."""
    params = _Fields(value, "params")
    code = params.text("code", MAX_CODE_BYTES)
    size = len(code.encode("utf-8", "surrogatepass"))
    if size > MAX_CODE_BYTES:
        raise InvalidMessage("params.code must be at most %d bytes: received %d" % (MAX_CODE_BYTES, size))
    checked = ExecuteParams(
        code,
        params.integer("timeout_ms", 1, MAX_TIMEOUT_MS),
        params.integer("max_output_bytes", 0, MAX_OUTPUT_BYTES),
        params.boolean("silent"),
    )
    params.end()
    return checked


def no_params(value: Any) -> None:
    """Checks the parameters of a request that has none. Raises InvalidMessage."""
    _Fields(value, "params").end()


# Every request, with the check of its parameters.
REQUESTS: Dict[str, Callable[[Any], Any]] = {
    "execute": execute_params,
    "interrupt": no_params,
    "restart": no_params,
    "status": no_params,
    "shutdown": no_params,
}

_ABSENT = object()


class _Fields:
    """Reads the fields of a JSON object one by one; `end` refuses unread fields."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise InvalidMessage("%s must be an object: received %s" % (place, _kind(value)))
        self._left = dict(value)
        self._place = place

    def names(self) -> List[str]:
        return list(self._left)

    def end(self) -> None:
        if self._left:
            raise InvalidMessage("%s has the unknown field %.100s" % (self._place, next(iter(self._left))))

    def take(self, name: str, default: Any = _ABSENT) -> Any:
        value = self._left.pop(name, default)
        if value is _ABSENT:
            raise InvalidMessage("%s.%.100s is missing" % (self._place, name))
        return value

    def text(self, name: str, most: int, default: Any = _ABSENT) -> str:
        value = self.take(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a text", value)
        if len(value) > most:
            raise InvalidMessage(
                "%s.%.100s must be at most %d characters: received %d" % (self._place, name, most, len(value))
            )
        return value

    def optional_text(self, name: str) -> Optional[str]:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text or null", value)
        return value

    def texts(self, name: str) -> List[str]:
        value = self.take(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._wrong(name, "a list of texts", value)
        return list(value)

    def choice(self, name: str, choices: Tuple[str, ...]) -> str:
        value = self.take(name)
        if value not in choices:
            raise self._wrong(name, " or ".join(choices), value)
        return str(value)

    def boolean(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, "a whole number from %d to %d" % (least, most), value)
        return value

    def number(self, name: str, least: float, most: float) -> float:
        value = self.take(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least < value <= most:
            raise self._wrong(name, "a number above %g, at most %g" % (least, most), value)
        return float(value)

    def _wrong(self, name: str, wanted: str, value: Any) -> InvalidMessage:
        return InvalidMessage("%s.%.100s must be %s: received %s" % (self._place, name, wanted, _kind(value)))


def _kind(value: Any) -> str:
    """Shows a number as it is, and only the JSON type of other values: they may be secret or long."""
    if isinstance(value, bool) or value is None:
        return "true" if value is True else "false" if value is False else "null"
    if isinstance(value, (int, float)):
        return "%.40r" % value
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
