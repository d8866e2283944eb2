"""The sandbox's memory, of which its files are a part: how much of it the agent may fill."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

from kernel_manager import cgroup

# One part in 16 of the limit stays free of files that the server sends, so that no such file ends what runs.
_KEPT_SHARE_OF_LIMIT = 16


class Memory(NamedTuple):
    """The memory limit and how much of it is free, in bytes; None if that cannot be read."""

    limit: Optional[int]
    free: Callable[[], Optional[int]]

    @property
    def kept(self) -> int:
        """Bytes that files leave free."""
        return (self.limit or 0) // _KEPT_SHARE_OF_LIMIT

    def room(self) -> Optional[int]:
        """How many bytes files may still take; None if that is unknown."""
        free = self.free()
        return None if free is None else max(0, free - self.kept)


def sandbox_memory() -> Memory:
    """The memory of the container."""
    return Memory(cgroup.memory_limit_bytes(), cgroup.memory_free_bytes)
