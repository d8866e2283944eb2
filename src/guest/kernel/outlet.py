"""Sends a kernel's displays and errors. After a cell has cleared its output, displays are held back until the cell's end."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from . import display, tracebacks

Send = Callable[[Dict[str, Any]], None]

# The number of displays held back.
_MAX_HELD = 100


class _Outlet:
    """Sends messages with the function that the kernel sets after the fork."""

    def __init__(self) -> None:
        self.send: Optional[Send] = None
        self.errors = 0
        self._held: Optional[List[Dict[str, Any]]] = None
        self._clear_next = False
        # The last state of each display with an id.
        self._updates: Dict[str, Dict[str, Any]] = {}

    def put(self, message: Dict[str, Any]) -> None:
        if self._held is None or message["type"] != "display_data":
            self._put(message)
            return
        if self._clear_next:
            self._held.clear()
            self._clear_next = False
        self._held.append(message)
        del self._held[:-_MAX_HELD]

    def clear(self, wait: bool) -> None:
        """From now on displays are held back; at the cell's end, those after the last clearing are shown.

        The server drops the text printed before.
        """
        self._put({"type": "clear_output", "wait": wait})
        if self._held is None:
            self._held = []
        elif wait:
            self._clear_next = True
        else:
            self._held.clear()

    def update(self, display_id: str, message: Dict[str, Any]) -> None:
        """Keeps a display that later ones replace: the last one is shown at the cell's end."""
        self._updates[display_id] = message
        while len(self._updates) > _MAX_HELD:
            del self._updates[next(iter(self._updates))]

    def show_held(self) -> None:
        held, self._held, self._clear_next = self._held or [], None, False
        updates, self._updates = self._updates, {}
        for message in [*held, *updates.values()]:
            self._put(message)

    def _put(self, message: Dict[str, Any]) -> None:
        if self.send is not None:
            self.send(message)


outlet = _Outlet()


def publish(data: Any, updates: Optional[str] = None) -> None:
    """Sends a MIME bundle as display data, or keeps it as an update of the display with that id."""
    kept = display.bundle(data)
    if kept:
        message = {"type": "display_data", "data": kept}
        if updates is None:
            outlet.put(message)
        else:
            outlet.update(updates, message)


def note(text: str) -> None:
    """Sends a remark about the execution, which does not count as a display of the cell."""
    outlet.put({"type": "display_data", "data": {"text/plain": text}, "note": True})


def report(error: BaseException, note: bool = False) -> None:
    """Sends an exception; as a note if it did not end the cell."""
    name, value, text = tracebacks.describe(error)
    message: Dict[str, Any] = {"type": "error", "ename": name, "evalue": value, "traceback": text}
    if note:
        message["note"] = True
    else:
        outlet.errors += 1
    outlet.put(message)


def is_quiet_exit(error: Any) -> bool:
    """Whether the cell ended itself on purpose, as by exit() or sys.exit(0)."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def exit_code(ended: Any) -> int:
    """The exit code of a forked child that reached the cell's end, as in plain Python."""
    if ended is None or is_quiet_exit(ended):
        return 0
    code = ended.code if isinstance(ended, SystemExit) else 1
    return code & 0xFF if isinstance(code, int) else 1
