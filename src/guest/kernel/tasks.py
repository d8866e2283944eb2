"""asyncio in cells: one event loop for top-level await, and for tasks that cells leave to run between cells."""
from __future__ import annotations

import asyncio
from typing import Any, Optional, Set

# Turns of the loop at the end of a cell.
_STEPS = 3
_CANCEL_SECONDS = 0.2


class Tasks:
    """The loop of one shell. `cancelling` is true while an interrupted cell with top-level await ends."""

    def __init__(self) -> None:
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self.cancelling = False

    def event_loop(self) -> asyncio.AbstractEventLoop:
        """The loop, made the current one; a new one if a cell has closed it."""
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        return self._loop

    def advance(self) -> None:
        """Lets tasks run as far as they can without waiting."""
        if self.exist():
            for _ in range(_STEPS):
                self.event_loop().run_until_complete(asyncio.sleep(0))

    def exist(self) -> bool:
        """Whether cells have left tasks."""
        loop = self._loop
        return loop is not None and not loop.is_closed() and not loop.is_running() and bool(asyncio.all_tasks(loop))

    def pending(self) -> Set[Any]:
        """The tasks that are not done."""
        loop = self._loop
        return set() if loop is None or loop.is_closed() else set(asyncio.all_tasks(loop))

    def cancel(self, tasks: Set[Any]) -> int:
        """Cancels tasks and lets them end; returns how many have not ended."""
        if not tasks:
            return 0
        for task in tasks:
            task.cancel()
        _, left = self.event_loop().run_until_complete(asyncio.wait(tasks, timeout=_CANCEL_SECONDS))
        return len(left)

    def run_until_readable(self, fd: int) -> None:
        """Runs the tasks until the descriptor can be read. Raises what a task raises if it is not an Exception, such as KeyboardInterrupt."""
        loop = self.event_loop()
        readable = loop.create_future()

        def wake() -> None:
            loop.remove_reader(fd)
            readable.set_result(None)

        loop.add_reader(fd, wake)
        try:
            loop.run_until_complete(readable)
        finally:
            loop.remove_reader(fd)

    def run_cell(self, coroutine: Any) -> Any:
        """Runs a cell with top-level await; an interrupt cancels the cell, not the tasks it left."""
        loop = self.event_loop()
        task = loop.create_task(coroutine)
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt:
            if task.done():
                raise
            self.cancelling = True
            task.cancel()
            # The cell reports the interrupt itself, with its own frames.
            return loop.run_until_complete(task)
        finally:
            self.cancelling = False

    def take_create_task(self) -> None:
        """Makes asyncio.create_task() work in a cell that does not await: the task begins when the cell ends."""
        create = asyncio.create_task

        def create_task(coro: Any, **options: Any) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return self.event_loop().create_task(coro, **options)
            return create(coro, **options)

        asyncio.create_task = asyncio.tasks.create_task = create_task
