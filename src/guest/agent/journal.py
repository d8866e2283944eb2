"""What executions have sent, from each one's first event on: a server that takes the sandbox over reads it and goes on from there.

The events of an execution go to the request that asked for them last: `execute`, or the `resume` of a later server. The sandbox's memory
bounds the journal. To make room, it drops ended executions, the oldest first. If that is not enough, it sends the events of a running
execution and keeps only their number and size.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Callable, Deque, Dict, List, Optional

from agent.contract import DEFAULT_CONTEXT, ExecuteParams, ResumeParams, SourceParams

if TYPE_CHECKING:
    from agent.message_types import Event, JournalEntry, Result

MAX_BYTES = 16 << 20
# The journal's share of the memory limit: one part in this many.
_SHARE_OF_LIMIT = 64
MAX_ENTRIES = 200
# At most 196,608 bytes of JSON: an event has room for them.
SOURCE_CHARACTERS = 32_768
# What a kept event takes besides its texts.
_EVENT_BYTES = 500

Emit = Callable[[int, "Event"], None]


class _Entry:
    """One execution. Times are seconds of the agent's monotonic clock."""

    def __init__(self, request_id: int, params: ExecuteParams, now: float) -> None:
        self.first_request = request_id
        # The request that gets its events.
        self.request = request_id
        self.params = params
        self.began = now
        self.ended: Optional[float] = None
        self.events: List["Event"] = []
        self.bytes = sys.getsizeof(params.code)
        # What was sent and not kept.
        self.lost_events = 0
        self.lost_bytes = 0
        # The display whose pieces were sent last and not kept; None if the last event was another.
        self.lost_display: Optional[int] = None
        # A display whose first pieces the present server lacks: the rest of it is of no use.
        self.cut_display: Optional[int] = None

    def lose(self, event: "Event", size: int) -> None:
        """Counts an event that is not kept."""
        self.lost_events += 1
        self.lost_bytes += size
        self.lost_display = event["display"] if event["type"] == "part" else None

    def is_cut(self, event: "Event") -> bool:
        """Whether the present server cannot use the event: it belongs to a display whose first pieces it lacks."""
        if self.cut_display is None:
            return False
        if event.get("display") == self.cut_display:
            return True
        self.cut_display = None
        return False


class Journal:
    """The executions of one sandbox. `emit` and `can_emit` are the channel's."""

    def __init__(
        self, now: Callable[[], float], emit: Emit, can_emit: Callable[[], bool], memory_limit: Optional[int]
    ) -> None:
        self._now = now
        self._emit = emit
        self._can_emit = can_emit
        self._max_bytes = MAX_BYTES if memory_limit is None else min(MAX_BYTES, memory_limit // _SHARE_OF_LIMIT)
        # By id, the oldest first.
        self._entries: Dict[str, _Entry] = {}
        # Running executions, by their first request.
        self._running: Dict[int, _Entry] = {}
        # Executions that are sent again, with the events that remain.
        self._unsent: Dict[_Entry, Deque["Event"]] = {}
        self._bytes = 0
        self._cells = 0
        self._state: "Optional[Event]" = None

    def begin(self, request_id: int, params: ExecuteParams) -> None:
        """An `execute` request has arrived."""
        # Its environment may hold secrets, and no later server needs it.
        entry = _Entry(request_id, params._replace(env={}), self._now())
        self._forget(params.execution)
        self._entries[params.execution] = entry
        self._running[request_id] = entry
        self._bytes += entry.bytes
        self._make_room(0)

    def emit(self, request_id: int, event: "Event") -> None:
        """Sends an event; keeps it if it is an execution's."""
        entry = self._running.get(request_id)
        if entry is None:
            if event["type"] == "execution_state" and event["context"] == DEFAULT_CONTEXT:
                self._state = event
            self._emit(request_id, event)
            return
        if event["type"] == "reply":
            del self._running[request_id]
            entry.ended = self._now()
            self._cells += "result" in event and not entry.params.silent
        self._keep(entry, event)
        if entry.is_cut(event):
            return
        unsent = self._unsent.get(entry)
        if unsent is None:
            self._emit(entry.request, event)
        else:
            unsent.append(event)

    def can_emit(self) -> bool:
        """Whether executions may send more; not while earlier events are sent again."""
        return self._can_emit() and not self._unsent

    def continue_resuming(self) -> bool:
        """The channel has room again. Returns whether nothing is left to be sent again."""
        for entry in list(self._unsent):
            self._send(entry)
        return not self._unsent

    # -- Requests --

    def journal(self, request_id: int, _params: None = None) -> None:
        """Lists the executions, after an event that repeats the kernel's state."""
        if self._state is not None:
            self._emit(0, self._state)
        now = self._now()
        entries: "List[JournalEntry]" = [
            {
                "execution": entry.params.execution,
                "context": entry.params.context,
                "silent": entry.params.silent,
                "timeout_ms": entry.params.timeout_ms,
                "source_length": len(entry.params.code),
                "elapsed_ms": int(((entry.ended or now) - entry.began) * 1000),
                "ended_ms": None if entry.ended is None else int((now - entry.ended) * 1000),
            }
            for entry in self._entries.values()
        ]
        self._reply(request_id, {"cells": self._cells, "executions": entries})

    def source(self, request_id: int, params: SourceParams) -> None:
        """Replies with a part of an execution's source."""
        entry = self._known(request_id, params.execution)
        if entry is not None:
            self._reply(request_id, {"text": entry.params.code[params.offset : params.offset + SOURCE_CHARACTERS]})

    def resume(self, request_id: int, params: ResumeParams) -> None:
        """Sends all events of an execution again, as events of this request, and those that follow."""
        entry = self._known(request_id, params.execution)
        if entry is None:
            return
        entry.request = request_id
        entry.cut_display = entry.lost_display
        unsent = self._unsent[entry] = deque(entry.events)
        if entry.lost_events:
            reply = unsent.pop() if entry.ended is not None else None
            text = "The sandbox sent %d more outputs (%d bytes) to an earlier server and did not keep them."
            unsent.append(
                {
                    "type": "display_data",
                    "data": {"text/plain": text % (entry.lost_events, entry.lost_bytes)},
                    "note": True,
                }
            )
            if reply is not None:
                unsent.append(reply)
        self._send(entry)

    # -- Inside --

    def _known(self, request_id: int, execution: str) -> Optional[_Entry]:
        entry = self._entries.get(execution)
        if entry is None:
            error: "Event" = {
                "type": "reply",
                "error": {"code": "invalid_argument", "message": "There is no execution %s" % execution},
            }
            self._emit(request_id, error)
        return entry

    def _reply(self, request_id: int, result: "Result") -> None:
        self._emit(request_id, {"type": "reply", "result": result})

    def _send(self, entry: _Entry) -> None:
        unsent = self._unsent[entry]
        while unsent and self._can_emit():
            self._emit(entry.request, unsent.popleft())
        if not unsent:
            del self._unsent[entry]

    def _keep(self, entry: _Entry, event: "Event") -> None:
        size = event_bytes(event)
        self._make_room(size)
        # A reply is small, and without it nobody knows how the execution ended.
        if event["type"] == "reply" or (not entry.lost_events and self._bytes + size <= self._max_bytes):
            entry.events.append(event)
            entry.bytes += size
            self._bytes += size
        else:
            entry.lose(event, size - _EVENT_BYTES)

    def _make_room(self, size: int) -> None:
        while self._bytes + size > self._max_bytes or len(self._entries) > MAX_ENTRIES:
            oldest = next((one for one in self._entries.values() if one.ended is not None and one not in self._unsent), None)
            if oldest is None:
                return
            self._forget(oldest.params.execution)

    def _forget(self, execution: str) -> None:
        entry = self._entries.pop(execution, None)
        if entry is not None:
            self._bytes -= entry.bytes


def event_bytes(event: "Event") -> int:
    """About how many bytes of memory it takes."""
    size = _EVENT_BYTES
    for value in event.values():
        if isinstance(value, str):
            size += sys.getsizeof(value)
        elif isinstance(value, dict):
            size += sum(sys.getsizeof(text) for text in value.values() if isinstance(text, str))
    return size
