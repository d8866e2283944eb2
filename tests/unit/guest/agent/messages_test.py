"""The messages of MESSAGES.md: the page, the shared vectors and the agent's checks and types agree. The server's side is in messages_test.ts."""

from __future__ import annotations

import json
import re
import unittest
from pathlib import Path
from typing import Any, Callable, Dict, List, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from server_side import GUEST
from agent import message_types
from agent.contract import REQUESTS, boot_config
from agent.fields import InvalidMessage

ROOT = GUEST.parents[1]
PAGE = (ROOT / "src" / "agent_protocol" / "MESSAGES.md").read_text()
VECTORS: List[Dict[str, Any]] = json.loads((ROOT / "tests" / "vectors" / "messages.json").read_text())
EVENTS = {
    get_args(get_type_hints(event)["type"])[0]: event for event in get_args(message_types.Event)
}
RESULTS = get_type_hints(message_types.Results)


def conforms(value: Any, kind: Any) -> bool:
    """Whether a value is of a type; of a TypedDict, with its required keys and no unknown ones."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Union:
        return any(conforms(value, each) for each in arguments)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(conforms(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(conforms(each, arguments[1]) for each in value.values())
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return (
            isinstance(value, dict)
            and kind.__required_keys__ <= value.keys() <= hints.keys()
            and all(conforms(each, hints[name]) for name, each in value.items())
        )
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def passes(check: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        try:
            check(value)
            return True
        except InvalidMessage:
            return False

    return accepts


def is_reply(value: Any) -> bool:
    return conforms(value, message_types.Reply) and ("result" in value) != ("error" in value)


ACCEPTS: Dict[str, Callable[[Any], bool]] = {
    "boot_config": passes(boot_config),
    "hello": lambda value: conforms(value, message_types.Hello),
    **{method: passes(check) for method, check in REQUESTS.items()},
    **{method + " result": (lambda value, kind=kind: conforms(value, kind)) for method, kind in RESULTS.items()},
    **{type_: (lambda value, kind=kind: conforms(value, kind)) for type_, kind in EVENTS.items()},
    "reply": is_reply,
}


def section(heading: str) -> str:
    return PAGE.split("\n## %s\n" % heading)[1].split("\n## ")[0]


def headings(*sections: str) -> List[str]:
    return sorted(name for each in sections for name in re.findall(r"(?m)^### (\w+)$", section(each)))


class Messages(unittest.TestCase):
    def test_the_page_has_exactly_the_agents_requests_events_and_error_codes(self) -> None:
        self.assertEqual(headings("Requests"), sorted(REQUESTS))
        self.assertEqual(sorted(RESULTS), sorted(REQUESTS))
        events = headings("Events of an execution", "Events of the container")
        self.assertEqual(events, sorted(EVENTS.keys() - {"reply"}))
        codes = re.findall(r"(?m)^\| `(\w+)`", section("Error codes"))
        self.assertEqual(sorted(codes), sorted(get_args(message_types.ErrorCode)))

    def test_the_agent_uses_every_event_and_every_error_code(self) -> None:
        others = [path for path in Path(GUEST).rglob("*.py") if path.name != "message_types.py"]
        source = "\n".join(path.read_text() for path in others)
        for name in (*EVENTS, *get_args(message_types.ErrorCode)):
            self.assertIn('"%s"' % name, source)

    def test_vectors(self) -> None:
        self.assertEqual({vector["message"] for vector in VECTORS}, ACCEPTS.keys())
        for vector in VECTORS:
            with self.subTest("%(message)s: %(name)s" % vector):
                self.assertIs(ACCEPTS[vector["message"]](vector["value"]), vector["valid"])


if __name__ == "__main__":
    unittest.main()
