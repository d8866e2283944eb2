"""Replies to the server's requests, and reports of ended kernels. Runs in the agent."""
from __future__ import annotations

from typing import TYPE_CHECKING

from .background_processes import BackgroundProcesses
from .execution import Execution
from .losses import Losses
from .measurement import Measured
from .output import PrintedTotals
from .state import Emit

if TYPE_CHECKING:
    from typing import Optional

    from agent.message_types import Death, Ending, ErrorCode, KernelFate, Result

_MAX_MESSAGE_CHARACTERS = 2000


class Replies:
    """Every request gets one reply: a result or an error."""

    def __init__(self, emit: Emit, losses: Losses, background: BackgroundProcesses) -> None:
        self._emit = emit
        self._losses = losses
        self._background = background

    def result(self, request_id: int, result: "Result") -> None:
        self._emit(request_id, {"type": "reply", "result": result})

    def error(self, request_id: int, code: "ErrorCode", message: str) -> None:
        self._emit(request_id, {"type": "reply", "error": {"code": code, "message": message[:_MAX_MESSAGE_CHARACTERS]}})

    def executed(
        self,
        execution: Execution,
        status: "Ending",
        kernel: "KernelFate",
        died: "Optional[Death]",
        execution_count: int,
        printed: PrintedTotals,
        measured: Measured,
        now: float,
    ) -> None:
        """Reports how an execution ended. After a silent one, the next one reports losses and background work."""
        reports = not execution.params.silent
        shows_background = kernel == "kept" and reports
        oom_kills, lost = self._losses.report() if reports else (0, None)
        self.result(
            execution.request_id,
            {
                "status": status,
                "kernel": kernel,
                "execution_count": execution_count,
                "elapsed_ms": execution.elapsed_ms(now),
                "output": execution.totals(printed.totals),
                "died": died,
                "lost": lost,
                "oom_kills": oom_kills,
                "forged": execution.forged,
                "background_processes": self._background.report() if shows_background else 0,
                "background_threads": execution.threads if shows_background else 0,
                "cpu_ms": measured.cpu_ms,
                "peak_memory_bytes": measured.peak_memory_bytes,
                "files": measured.files,
                "saved": printed.saved,
            },
        )

    def kernel_ended(self, execution: Execution, reason: str) -> None:
        """Adds to the output why the kernel was ended."""
        message = "The kernel was ended: %s" % reason
        if execution.output is not None:
            execution.output.drain()
        self._emit(
            execution.request_id,
            {"type": "error", "ename": "KernelEnded", "evalue": message, "traceback": message},
        )
