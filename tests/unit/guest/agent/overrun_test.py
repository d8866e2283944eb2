"""The steps that end an execution follow the times of the boot configuration."""

from __future__ import annotations

import unittest
from typing import Any, Callable, List, Tuple

from agent.contract import ExecuteParams, KernelConfig
from kernel_manager.background_processes import BackgroundProcesses
from kernel_manager.execution import Execution
from kernel_manager.kernel_processes import KernelProcesses, Pids
from kernel_manager.overrun import Overrun


class Clock:
    """A loop whose timers run at once in simulated time; it records calls with their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seen: List[Tuple[float, str]] = []
        self._next: List[Tuple[float, Callable[..., None], Any]] = []

    def call_later(self, seconds: float, callback: Callable[..., None], *arguments: Any) -> None:
        self._next.append((self.now + seconds, callback, arguments))

    def run(self) -> None:
        while self._next:
            self.now, callback, arguments = self._next.pop(0)
            callback(*arguments)

    def note(self, what: str) -> None:
        self.seen.append((self.now, what))


class Processes(BackgroundProcesses):
    def __init__(self, clock: Clock) -> None:
        super().__init__(KernelProcesses(lambda: Pids(0, 0, 0, [])))
        self._clock = clock

    def interrupt(self) -> None:
        self._clock.note("interrupt")


class Steps(unittest.TestCase):
    def steps(self, config: KernelConfig, has_kernel: bool = True) -> List[Tuple[float, str]]:
        clock = Clock()
        overrun = Overrun(clock, config, Processes(clock), lambda: has_kernel, lambda: clock.note("replace"))
        overrun.begin(Execution(1, 1, ExecuteParams("", 1000, 0, 0, False, "exec_1", {}, None, "default"), 0.0))
        clock.run()
        return clock.seen

    def test_it_interrupts_twice_and_then_replaces_the_kernel(self) -> None:
        config = KernelConfig([], False, second_interrupt_ms=3000, kill_ms=7000, clear_ms=0)
        self.assertEqual([(0.0, "interrupt"), (3.0, "interrupt"), (7.0, "replace")], self.steps(config))

    def test_without_a_kernel_it_interrupts_nothing(self) -> None:
        config = KernelConfig([], False, second_interrupt_ms=3000, kill_ms=7000, clear_ms=0)
        self.assertEqual([], self.steps(config, has_kernel=False))


if __name__ == "__main__":
    unittest.main()
