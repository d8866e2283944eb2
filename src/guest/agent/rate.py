"""Limits how often something happens, or how much of it."""

from __future__ import annotations


class Rate:
    """Permits an amount per second, and after a pause a burst at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._gap = 1 / per_second
        self._slack = burst * self._gap
        # The time up to which permits have been taken.
        self._taken = float("-inf")

    def take(self, now: float, amount: int = 1) -> float:
        """Takes permits and returns 0, or returns the seconds until there are as many: at most a burst."""
        taken = max(self._taken, now - self._slack) + amount * self._gap
        if taken > now:
            return taken - now
        self._taken = taken
        return 0.0

    def charge(self, now: float, amount: int) -> None:
        """Takes permits for what cannot be refused; there are none until they have been made up for."""
        self._taken = max(self._taken, now - self._slack) + amount * self._gap
