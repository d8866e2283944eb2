"""The sandbox's contexts: named interpreters, each a kernel with all that its cells start, forked from one zygote. Runs in the agent."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

from agent.contract import DEFAULT_CONTEXT, MAX_CONTEXTS, ContextParams, ExecuteParams, KernelConfig
from agent.memory import sandbox_memory
from agent.saved_output import SavedOutputs

from . import processes
from .kernel_context import KernelContext, Sandbox
from .state import Emit
from .zygote_manager import ZygoteEvents, ZygoteManager

if TYPE_CHECKING:
    from agent.message_types import Confinement, ErrorCode


class KernelSupervisor:
    """The agent's interface to its kernels. `emit` sends events; `can_emit` returns whether the server keeps up with them."""

    def __init__(self, loop: Any, config: KernelConfig, emit: Emit, can_emit: Callable[[], bool]) -> None:
        self._emit = emit
        # For the file service, too.
        self.outputs = SavedOutputs(sandbox_memory())
        self._confinement: "Optional[Confinement]" = None
        self._zygote = ZygoteManager(
            loop,
            config,
            ZygoteEvents(
                on_starting=lambda: self._each(lambda context: context.on_zygote_starting()),
                on_confinement=self._on_confinement,
                on_ready=lambda: self._each(lambda context: context.on_zygote_ready()),
                on_unavailable=lambda message: self._each(lambda context: context.on_zygote_unavailable(message)),
                on_fork_failed=lambda number: self._each(lambda context: context.on_fork_failed(number)),
                on_ended=lambda: self._each(lambda context: context.on_zygote_ended()),
            ),
        )
        self._sandbox = Sandbox(loop, config, emit, can_emit, self.outputs, self._zygote, self._reapers)
        self._contexts: Dict[str, KernelContext] = {}

    # -- What the agent calls --

    def start(self) -> None:
        """Starts a zygote, and the context `default` from it. `execution_state` events report the progress."""
        self._find_or_create(DEFAULT_CONTEXT)

    def execute(self, request_id: int, params: ExecuteParams) -> None:
        """Runs a cell in its context, which the first one creates."""
        context = self._find_or_create(params.context)
        if context is None:
            self._refuse(request_id, "%d contexts exist already; the cell did not run" % MAX_CONTEXTS)
        else:
            context.execute(request_id, params)

    def start_kernel(self, request_id: int, params: ContextParams) -> None:
        """The server waits for a context's kernel, which is created if there is none."""
        context = self._find_or_create(params.context)
        if context is None:
            self._refuse(request_id, "%d contexts exist already" % MAX_CONTEXTS)
        else:
            context.start_kernel(request_id)

    def preload(self, request_id: int, _params: None = None) -> None:
        """The server's machine has time: the zygote imports the modules that it imports ahead."""
        self._zygote.preload()
        self._emit(request_id, {"type": "reply", "result": {}})

    def interrupt(self, request_id: int, params: ContextParams) -> None:
        """Ends a context's execution; variables are kept if it ends in time."""
        context = self._contexts.get(params.context)
        if context is None:
            self._emit(request_id, {"type": "reply", "result": {"interrupted": False}})
        else:
            context.interrupt(request_id)

    def restart(self, request_id: int, params: ContextParams) -> None:
        """Ends a context's kernel and all its processes; replies when a new kernel is ready."""
        context = self._contexts.get(params.context)
        if context is None:
            self._refuse(request_id, "there is no context %s" % params.context)
        else:
            context.restart(request_id)

    def remove_context(self, request_id: int, params: ContextParams) -> None:
        """Ends a context with all its processes; replies when they have ended. `default` stays."""
        context = self._contexts.get(params.context)
        if context is None or params.context == DEFAULT_CONTEXT:
            self._refuse(request_id, "cannot remove the context %s" % params.context)
        else:
            context.remove(request_id, lambda: self._forget(context))

    def status(self, request_id: int, _params: None = None) -> None:
        """Replies with the state of the context `default`."""
        self._emit(request_id, {"type": "reply", "result": self._contexts[DEFAULT_CONTEXT].status()})

    def list_contexts(self, request_id: int, _params: None = None) -> None:
        """Replies with the state of each context."""
        found = {name: context.status() for name, context in self._contexts.items()}
        self._emit(request_id, {"type": "reply", "result": {"contexts": found}})

    def on_child_exit(self, pid: int, _status: int) -> bool:
        """Handles the wait status of a reaped process; returns whether it was the zygote."""
        if pid != self._zygote.pid or pid == 0:
            return False
        self._zygote.on_exit()
        return True

    def file_written(self, found: os.stat_result) -> None:
        """The agent has written this file for the server."""
        self._each(lambda context: context.file_written(found))

    def zygote_pid(self) -> int:
        """The zygote's; 0 while none runs."""
        return self._zygote.pid

    def resume_output(self) -> None:
        """There is room for events again."""
        self._each(lambda context: context.resume_output())

    def stop(self) -> None:
        """Ends everything at once."""
        self._zygote.stop()
        self._each(lambda context: context.stop())
        if processes.is_init():
            processes.kill(processes.snapshot(()))

    # -- Contexts --

    def _find_or_create(self, name: str) -> Optional[KernelContext]:
        """None if it does not exist and there are too many."""
        context = self._contexts.get(name)
        if context is None and len(self._contexts) < MAX_CONTEXTS:
            context = self._contexts[name] = KernelContext(name, self._sandbox, self._confinement)
            context.start()
        return context

    def _forget(self, context: KernelContext) -> None:
        if self._contexts.get(context.name) is context:
            del self._contexts[context.name]

    def _reapers(self) -> Dict[str, int]:
        """The pid of each context's subreaper, or 0: what descends from one is its context's."""
        return {name: context.reaper for name, context in self._contexts.items()}

    def _each(self, visit: Callable[[KernelContext], object]) -> None:
        for context in list(self._contexts.values()):
            visit(context)

    def _on_confinement(self, confinement: "Confinement") -> None:
        self._confinement = confinement
        self._each(lambda context: context.on_confinement(confinement))

    def _refuse(self, request_id: int, message: str) -> None:
        code: "ErrorCode" = "invalid_argument"
        self._emit(request_id, {"type": "reply", "error": {"code": code, "message": message}})
