"""What the agent receives (MESSAGES.md): its boot configuration and its requests, checked. What it sends is in message_types.py.

Longer than 300 lines because it checks all of them, as MESSAGES.md lists them.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional

from agent.fields import Fields, InvalidMessage as InvalidMessage

# A server refuses an agent whose PROTOCOL or version is not its own.
PROTOCOL = 1

MAX_CODE_BYTES = 1 << 20
MAX_TIMEOUT_MS = 86_400_000
MAX_OUTPUT_BYTES = 64 << 20
_MAX_LEASE_SECONDS = 86_400
_MAX_GRACE_MS = 60_000


# -- Boot configuration --


class KernelConfig(NamedTuple):
    """How kernels are started and ended. Times count from the timeout or the interrupt of an execution."""

    # Modules that the zygote imports ahead, at once or when the server says so.
    preload: List[str]
    preload_waits: bool
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

_MAX_EXECUTION_CHARACTERS = 64
_EXECUTION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
MAX_VARIABLES = 100
# All names and values of `env` together.
MAX_ENV_CHARACTERS = 65_536
MAX_CWD_CHARACTERS = 4096

# The context that exists from the start; the others begin with their first request.
DEFAULT_CONTEXT = "default"
MAX_CONTEXTS = 8
_MAX_CONTEXT_CHARACTERS = 32
_CONTEXT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_CONTEXT_CHARACTERS = _CONTEXT_LETTERS | frozenset("0123456789_-")


class ContextParams(NamedTuple):
    """The context that a request is about."""

    context: str


class ExecuteParams(NamedTuple):
    """One execution: a cell's source, its limits and its environment."""

    code: str
    timeout_ms: int
    # Bytes of stdout and of stderr each.
    max_output_bytes: int
    # Characters of each other text: a value, a display, a traceback.
    max_text_characters: int
    # Runs apart from the user's history, in a namespace of its own.
    silent: bool
    # The server's id; it names the saved output.
    execution: str
    # Environment variables and working folder of this execution only; a relative folder is under /workspace.
    env: Dict[str, str]
    cwd: Optional[str]
    # The name of the context that runs it.
    context: str


class SourceParams(NamedTuple):
    """A part of an execution's source."""

    execution: str
    # Characters before it.
    offset: int


class ResumeParams(NamedTuple):
    """An execution whose events are sent again."""

    execution: str


# -- Checks --


def boot_config(value: Any) -> BootConfig:
    """Checks the boot configuration. Raises InvalidMessage."""
    config = Fields(value, "config")
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
    config = Fields(value, "config.kernel")
    checked = KernelConfig(
        config.texts("preload"),
        config.boolean("preload_waits", False),
        config.integer("second_interrupt_ms", 0, _MAX_GRACE_MS),
        config.integer("kill_ms", 0, _MAX_GRACE_MS),
        config.integer("clear_ms", 0, _MAX_GRACE_MS),
    )
    config.end()
    if checked.second_interrupt_ms > checked.kill_ms:
        raise InvalidMessage("config.kernel.second_interrupt_ms must not be greater than kill_ms")
    return checked


def _database_config(value: Any) -> DatabaseConfig:
    config = Fields(value, "config.database")
    settings = Fields(config.take("settings"), "config.database.settings")
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
    params = Fields(value, "params")
    code = params.text("code", MAX_CODE_BYTES)
    size = len(code.encode("utf-8", "surrogatepass"))
    if size > MAX_CODE_BYTES:
        raise InvalidMessage("params.code must be at most %d bytes; received %d" % (MAX_CODE_BYTES, size))
    checked = ExecuteParams(
        code,
        params.integer("timeout_ms", 1, MAX_TIMEOUT_MS),
        params.integer("max_output_bytes", 0, MAX_OUTPUT_BYTES),
        params.integer("max_text_characters", 0, MAX_OUTPUT_BYTES),
        params.boolean("silent"),
        _execution_id(params),
        _environment(params.take("env")),
        _folder(params.optional_text("cwd")),
        _context(params),
    )
    params.end()
    return checked


def source_params(value: Any) -> SourceParams:
    """Checks the parameters of `source`. Raises InvalidMessage."""
    params = Fields(value, "params")
    checked = SourceParams(_execution_id(params), params.integer("offset", 0, MAX_CODE_BYTES))
    params.end()
    return checked


def resume_params(value: Any) -> ResumeParams:
    """Checks the parameters of `resume`. Raises InvalidMessage."""
    params = Fields(value, "params")
    checked = ResumeParams(_execution_id(params))
    params.end()
    return checked


def context_params(value: Any) -> ContextParams:
    """Checks the parameters of a request that is about a context. Raises InvalidMessage."""
    params = Fields(value, "params")
    checked = ContextParams(_context(params))
    params.end()
    return checked


def _context(params: Fields) -> str:
    name = params.text("context", _MAX_CONTEXT_CHARACTERS, DEFAULT_CONTEXT)
    if not name or name[0] not in _CONTEXT_LETTERS or not _CONTEXT_CHARACTERS.issuperset(name):
        raise InvalidMessage("params.context must begin with a small letter and have small letters, digits, _ and - only")
    return name


def _execution_id(params: Fields) -> str:
    """A part of a path: letters, digits, hyphens and underscores."""
    value = params.text("execution", _MAX_EXECUTION_CHARACTERS)
    if not value or not _EXECUTION_CHARACTERS.issuperset(value):
        raise InvalidMessage("params.execution must have letters, digits, hyphens and underscores only")
    return value


def _environment(value: Any) -> Dict[str, str]:
    variables = Fields(value, "params.env")
    checked: Dict[str, str] = {}
    size = 0
    for name in variables.names():
        text = variables.text(name, MAX_ENV_CHARACTERS)
        size += len(name) + len(text)
        if not name or "=" in name or not _is_c_text(name) or not _is_c_text(text):
            raise InvalidMessage(
                "params.env: a name must not be empty nor contain =, and neither names nor values null characters"
            )
        checked[name] = text
    if len(checked) > MAX_VARIABLES or size > MAX_ENV_CHARACTERS:
        raise InvalidMessage(
            "params.env must have at most %d variables and %d characters; received %d and %d"
            % (MAX_VARIABLES, MAX_ENV_CHARACTERS, len(checked), size)
        )
    return checked


def _folder(value: Optional[str]) -> Optional[str]:
    if value is not None and not (0 < len(value) <= MAX_CWD_CHARACTERS and _is_c_text(value)):
        raise InvalidMessage("params.cwd must have 1 to %d characters, none of them null" % MAX_CWD_CHARACTERS)
    return value


def _is_c_text(value: str) -> bool:
    """Whether the operating system can take it: well-formed Unicode without null characters."""
    try:
        return b"\0" not in value.encode("utf-8")
    except UnicodeEncodeError:
        return False


def no_params(value: Any) -> None:
    """Checks the parameters of a request that has none. Raises InvalidMessage."""
    Fields(value, "params").end()


# Every request, with the check of its parameters.
REQUESTS: Dict[str, Callable[[Any], Any]] = {
    "preload": no_params,
    "start_kernel": context_params,
    "execute": execute_params,
    "interrupt": context_params,
    "restart": context_params,
    "remove_context": context_params,
    "list_contexts": no_params,
    "status": no_params,
    "journal": no_params,
    "source": source_params,
    "resume": resume_params,
    "shutdown": no_params,
}
