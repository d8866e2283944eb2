"""Types of the messages that the agent sends (MESSAGES.md). Only type checkers import this module.

Longer than 300 lines because it lists all of them, as MESSAGES.md does.
"""

from __future__ import annotations

from typing import Dict, List, Literal, Optional, TypedDict, Union

StreamName = Literal["stdout", "stderr"]
KernelStateName = Literal["starting", "idle", "dead"]
KernelFate = Literal["kept", "restarted"]
# How an execution ended.
Ending = Literal["ok", "error", "timeout", "interrupted", "kernel_died"]

ErrorCode = Literal[
    # In replies.
    "busy",
    "internal",
    "invalid_argument",
    "kernel_unavailable",
    "no_pipes",
    "unknown_method",
    # In state events only.
    "cdm_in_use",
    "database_failed",
    "no_data",
    "relay_failed",
]


class AgentError(TypedDict):
    """The reason for a failed request or for a state."""

    code: ErrorCode
    message: str


class Confinement(TypedDict):
    """A kernel's confinement in addition to the container's."""

    no_new_privs: bool
    # The mode and the number of filters, as in /proc/self/status.
    seccomp: int
    filters: int
    # The version of Landlock's interface; 0 without Landlock.
    landlock: int


class Death(TypedDict):
    """How a kernel ended: by a signal or with an exit code; and whether the memory limit ended it."""

    signal: Optional[str]
    exit_code: Optional[int]
    oom: bool


class StreamTotals(TypedDict):
    """The bytes of a stream, and how many of them were sent."""

    bytes: int
    kept: int


class DisplayTotals(TypedDict):
    """How many displays and results there were, how many were sent, and the characters of all."""

    count: int
    kept: int
    bytes: int


class OutputTotals(TypedDict):
    """The totals of an execution's output."""

    stdout: StreamTotals
    stderr: StreamTotals
    displays: DisplayTotals


class ChangedFiles(TypedDict):
    """Files under /workspace that are new or changed since the execution began."""

    # Relative to /workspace, at most 50 of them.
    changed: List[str]
    # How many were found.
    count: int
    # False if the agent did not look at all files.
    complete: bool


class SavedStream(TypedDict):
    """A copy of a stream, from its first byte on, that the file service reads."""

    path: str
    bytes: int
    # Whether it has all of the stream.
    complete: bool


class SavedStreams(TypedDict):
    """None for a stream without a copy: a short one."""

    stdout: Optional[SavedStream]
    stderr: Optional[SavedStream]


class ExecuteResult(TypedDict):
    """How an execution ended."""

    status: Ending
    kernel: KernelFate
    execution_count: int
    elapsed_ms: int
    output: OutputTotals
    # How the kernel that ran it ended, if it did.
    died: Optional[Death]
    # How a kernel ended between this execution and the one before.
    lost: Optional[Death]
    # Processes that the memory limit has ended since the last reply.
    oom_kills: int
    # Whether the kernel reported an end that did not happen: its values may be made up.
    forged: bool
    # Left running by executions and not in an earlier reply.
    background_processes: int
    background_threads: int
    # What the whole sandbox used during the execution; None if it cannot be read.
    cpu_ms: Optional[int]
    peak_memory_bytes: Optional[int]
    files: ChangedFiles
    saved: SavedStreams


class InterruptResult(TypedDict):
    """False if nothing was running."""

    interrupted: bool


class StatusResult(TypedDict):
    """The kernel's state, and the number of processes that executions have left running."""

    execution_state: Literal["starting", "idle", "busy", "dead"]
    background_processes: int


class JournalEntry(TypedDict):
    """An execution that the agent still knows."""

    execution: str
    context: str
    silent: bool
    timeout_ms: int
    # Characters.
    source_length: int
    # From its request to its end, or to now.
    elapsed_ms: int
    # Since its end; None while it runs.
    ended_ms: Optional[int]


class JournalResult(TypedDict):
    """The executions, the oldest first, and how many ordinary ones have ended since the sandbox began."""

    cells: int
    executions: List[JournalEntry]


class SourceResult(TypedDict):
    """A part of an execution's source; empty at its end."""

    text: str


class ContextsResult(TypedDict):
    """The contexts by their names, in the order of their creation."""

    contexts: Dict[str, StatusResult]


class Nothing(TypedDict):
    """The empty result."""


class Results(TypedDict):
    """The result of each request."""

    preload: Nothing
    start_kernel: Nothing
    execute: ExecuteResult
    interrupt: InterruptResult
    restart: Nothing
    remove_context: Nothing
    list_contexts: ContextsResult
    status: StatusResult
    journal: JournalResult
    source: SourceResult
    resume: ExecuteResult
    shutdown: Nothing


Result = Union[
    ExecuteResult, InterruptResult, StatusResult, ContextsResult, JournalResult, SourceResult, Nothing
]


class _Reply(TypedDict):
    type: Literal["reply"]


class Reply(_Reply, total=False):
    """The last event of a request: it has either a result or an error."""

    result: Result
    error: AgentError


# -- Events of an execution --


class _Stream(TypedDict):
    type: Literal["stream"]
    name: StreamName
    text: str


class Stream(_Stream, total=False):
    """Printed text."""

    # Bytes omitted before this text.
    skipped: int
    # Whether it was printed while no cell ran.
    late: bool


class _DisplayData(TypedDict):
    type: Literal["display_data"]
    data: Dict[str, str]


class DisplayData(_DisplayData, total=False):
    """A MIME bundle whose values are texts; JSON values are not parsed."""

    # Whether it is a remark about the execution and not a display of the cell.
    note: bool
    # Its number, if `part` events precede it.
    display: int


class _ExecuteResultData(TypedDict):
    type: Literal["execute_result"]
    data: Dict[str, str]


class ExecuteResultData(_ExecuteResultData, total=False):
    """The value of the cell's last expression, as a MIME bundle."""

    display: int


class Part(TypedDict):
    """A piece of a text of the display or result that follows."""

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
    # Plain text, not a list of lines as in Jupyter.
    traceback: str


class Error(_Error, total=False):
    """An exception."""

    # True if it did not end the execution.
    note: bool


# -- Events of the container --


class ExecutionState(TypedDict):
    """The kernel's state has changed, or its confinement is known."""

    type: Literal["execution_state"]
    context: str
    state: KernelStateName
    confinement: Optional[Confinement]
    error: Optional[AgentError]


class ServiceState(TypedDict):
    """The agent cannot offer one of the server's services in the container."""

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
    """The limits of the container's control group; None for no limit, or if it cannot be read."""

    memory_bytes: Optional[int]
    swap_bytes: Optional[int]
    pids_max: Optional[int]
    # The limit of the agent's user: RLIMIT_NPROC, which no process can raise. None also where pids_max is None
    # and the kernel does not enforce it.
    user_processes: Optional[int]
    cpu_quota: Optional[float]


class Attestation(TypedDict):
    """The agent's effective confinement, as the Linux kernel reports it. A field that cannot be read is None or empty."""

    uid: int
    gid: int
    # Real, effective, saved, file system.
    user_ids: List[int]
    group_ids: List[int]
    groups: List[int]
    # Name of the set → mask in hexadecimal.
    capabilities: Dict[str, Optional[str]]
    no_new_privs: bool
    seccomp: Optional[int]
    dumpable: bool
    # Whether a process of the same user can open the agent's descriptors.
    descriptors_open: bool
    interfaces: List[str]
    root_read_only: bool
    # Mount point → whether the mount is read-only.
    mounts: Dict[str, bool]
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
