"""The messages that the agent sends (MESSAGES.md), for type checkers only: nothing here is needed while the agent runs."""

from __future__ import annotations

from typing import Dict, List, Literal, Optional, TypedDict, Union

StreamName = Literal["stdout", "stderr"]
KernelStateName = Literal["starting", "idle", "dead"]
KernelFate = Literal["kept", "restarted"]
# How an execution ended.
Ending = Literal["ok", "error", "timeout", "interrupted", "kernel_died"]

ErrorCode = Literal[
    # Of replies.
    "busy",
    "internal",
    "invalid_argument",
    "kernel_unavailable",
    "no_pipes",
    "unknown_method",
    # Of states besides.
    "cdm_in_use",
    "database_failed",
    "no_data",
    "relay_failed",
]


class AgentError(TypedDict):
    """Why a request was not carried out, or a state is as it is."""

    code: ErrorCode
    message: str


class Confinement(TypedDict):
    """What a kernel is under besides the container's own confinement."""

    no_new_privs: bool
    # The mode and the number of filters, as in /proc/self/status.
    seccomp: int
    filters: int
    # The version of its interface; 0 where there is none.
    landlock: int


class Death(TypedDict):
    """How a kernel ended: by a signal or with an exit code; and whether the memory limit ended it."""

    signal: Optional[str]
    exit_code: Optional[int]
    oom: bool


class StreamTotals(TypedDict):
    """Bytes that a stream had, and those that were sent."""

    bytes: int
    kept: int


class DisplayTotals(TypedDict):
    """How many displays and results there were, how many were sent, and the characters of all."""

    count: int
    kept: int
    bytes: int


class OutputTotals(TypedDict):
    """What an execution put out in all."""

    stdout: StreamTotals
    stderr: StreamTotals
    displays: DisplayTotals


class ExecuteResult(TypedDict):
    """How an execution ended."""

    status: Ending
    kernel: KernelFate
    execution_count: int
    elapsed_ms: int
    output: OutputTotals
    # How the kernel ended that ran it, if it did.
    died: Optional[Death]
    # How a kernel ended between this execution and the one before.
    lost: Optional[Death]
    # Processes that the memory limit has ended since the last reply.
    oom_kills: int
    # Whether the kernel reported an end that was none: then its values may be made up.
    forged: bool
    # Left running by executions, and not reported before.
    background_processes: int
    background_threads: int


class InterruptResult(TypedDict):
    """False where nothing ran."""

    interrupted: bool


class StatusResult(TypedDict):
    """Of the kernel, and how many processes executions have left running."""

    execution_state: Literal["starting", "idle", "busy", "dead"]
    background_processes: int


class Nothing(TypedDict):
    """The result of a request that has none."""


class Results(TypedDict):
    """The result of each request."""

    execute: ExecuteResult
    interrupt: InterruptResult
    restart: Nothing
    status: StatusResult
    shutdown: Nothing


Result = Union[ExecuteResult, InterruptResult, StatusResult, Nothing]


class _Reply(TypedDict):
    type: Literal["reply"]


class Reply(_Reply, total=False):
    """The last event of a request: one of the two."""

    result: Result
    error: AgentError


# -- Events of an execution --


class _Stream(TypedDict):
    type: Literal["stream"]
    name: StreamName
    text: str


class Stream(_Stream, total=False):
    """Printed text."""

    # Bytes that were left out before it.
    skipped: int
    # It was printed while no cell ran.
    late: bool


class _DisplayData(TypedDict):
    type: Literal["display_data"]
    data: Dict[str, str]


class DisplayData(_DisplayData, total=False):
    """A MIME bundle whose values are texts; JSON among them is not parsed."""

    # About the execution, and not a display of the cell.
    note: bool
    # Its number, where longer texts of it came before as parts.
    display: int


class _ExecuteResultData(TypedDict):
    type: Literal["execute_result"]
    data: Dict[str, str]


class ExecuteResultData(_ExecuteResultData, total=False):
    """The value of the cell's last expression, as a MIME bundle."""

    display: int


class Part(TypedDict):
    """A piece of a text of the display or result that comes next."""

    type: Literal["part"]
    display: int
    mime_type: str
    text: str


class ClearOutput(TypedDict):
    """The cell clears its output, at once or when it prints again."""

    type: Literal["clear_output"]
    wait: bool


class _Error(TypedDict):
    type: Literal["error"]
    ename: str
    evalue: str
    # Plain text, and not a list of lines as in Jupyter.
    traceback: str


class Error(_Error, total=False):
    """An exception."""

    # It did not end the execution.
    note: bool


# -- Events of the container --


class ExecutionState(TypedDict):
    """The kernel's state has changed, or its confinement is known."""

    type: Literal["execution_state"]
    state: KernelStateName
    confinement: Optional[Confinement]
    error: Optional[AgentError]


class ServiceState(TypedDict):
    """A service of the server's cannot be offered in the container."""

    type: Literal["service_state"]
    service: Literal["postgres"]
    state: Literal["failed"]
    error: AgentError


class DatabaseState(TypedDict):
    """Postgres accepts connections, or has ended."""

    type: Literal["database_state"]
    state: Literal["ready", "failed"]
    error: Optional[AgentError]


Event = Union[
    Reply,
    Stream,
    DisplayData,
    ExecuteResultData,
    Part,
    ClearOutput,
    Error,
    ExecutionState,
    ServiceState,
    DatabaseState,
]


# -- Hello --


class Limits(TypedDict):
    """Of the container's control group; None for no limit, or where it cannot be read."""

    memory_bytes: Optional[int]
    swap_bytes: Optional[int]
    pids_max: Optional[int]
    cpu_quota: Optional[float]


class Attestation(TypedDict):
    """The agent's effective confinement, as its kernel reports it. What cannot be read is None or empty."""

    uid: int
    gid: int
    # Real, effective, saved, of the file system.
    user_ids: List[int]
    group_ids: List[int]
    groups: List[int]
    # Of each set, by its name: the mask in hexadecimal.
    capabilities: Dict[str, Optional[str]]
    no_new_privs: bool
    seccomp: Optional[int]
    dumpable: bool
    interfaces: List[str]
    root_read_only: bool
    writable_mounts: List[str]
    limits: Limits


class Hello(TypedDict):
    """The first message of each attach."""

    protocol: int
    # The version of the server that sent the agent's modules.
    agent: str
    python: str
    mode: str
    attestation: Optional[Attestation]
