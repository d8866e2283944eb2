"""The journal of executions: what a later server is sent again, in which order, and within which bounds."""

from __future__ import annotations

import unittest
from typing import Any, Dict, List, Tuple

from agent.contract import ExecuteParams, ResumeParams, SourceParams
from agent.journal import MAX_ENTRIES, SOURCE_CHARACTERS, Journal

Event = Dict[str, Any]
DONE: Event = {"type": "reply", "result": {"status": "ok"}}
MIB = 1 << 20


def params(execution: str, code: str = "1", silent: bool = False) -> ExecuteParams:
    return ExecuteParams(code, 1000, 1000, 1000, silent, execution, {}, None, "default")


def stream(text: str) -> Event:
    return {"type": "stream", "name": "stdout", "text": text}


class Scene:
    """A journal, what it sent, and a channel with as much room as the test says."""

    def __init__(self, memory_limit: int = 64 * MIB) -> None:
        self.now = 100.0
        self.sent: List[Tuple[int, Any]] = []
        self.room = 1_000_000
        self.journal = Journal(lambda: self.now, self._emit, lambda: self.room > 0, memory_limit)

    def _emit(self, request: int, event: Any) -> None:
        self.sent.append((request, event))
        self.room -= 1

    def run(self, request: int, execution: str, *texts: str, silent: bool = False) -> None:
        """An execution from its request to its reply."""
        self.journal.begin(request, params(execution, silent=silent))
        for text in texts:
            self.journal.emit(request, stream(text))
        self.journal.emit(request, DONE)

    def texts(self, request: int) -> List[str]:
        return [event["text"] for sent, event in self.sent if sent == request and event["type"] == "stream"]

    def listed(self) -> Dict[str, Any]:
        self.journal.journal(9)
        result: Dict[str, Any] = self.sent[-1][1]["result"]
        return result


class Resuming(unittest.TestCase):
    def test_a_running_execution_goes_on_with_the_new_request_and_nothing_is_missing_or_doubled(self) -> None:
        scene = Scene()
        scene.journal.begin(1, params("exec_a"))
        for number in range(5):
            scene.journal.emit(1, stream(str(number)))
        scene.journal.resume(2, ResumeParams("exec_a"))
        for number in range(5, 10):
            scene.journal.emit(1, stream(str(number)))
        scene.journal.emit(1, DONE)
        self.assertEqual([str(number) for number in range(5)], scene.texts(1))
        self.assertEqual([str(number) for number in range(10)], scene.texts(2))
        self.assertEqual((2, DONE), scene.sent[-1])
        # Again, by a third server.
        scene.journal.resume(3, ResumeParams("exec_a"))
        self.assertEqual([str(number) for number in range(10)], scene.texts(3))
        self.assertEqual((3, DONE), scene.sent[-1])

    def test_without_room_it_waits_and_what_comes_meanwhile_follows(self) -> None:
        scene = Scene()
        scene.journal.begin(1, params("exec_a"))
        for number in range(5):
            scene.journal.emit(1, stream(str(number)))
        scene.room = 2
        scene.journal.resume(2, ResumeParams("exec_a"))
        self.assertEqual(["0", "1"], scene.texts(2))
        self.assertFalse(scene.journal.can_emit())
        scene.journal.emit(1, stream("5"))
        scene.room = 1
        self.assertFalse(scene.journal.continue_resuming())
        scene.room = 100
        self.assertTrue(scene.journal.continue_resuming())
        self.assertTrue(scene.journal.can_emit())
        scene.journal.emit(1, stream("6"))
        self.assertEqual([str(number) for number in range(7)], scene.texts(2))

    def test_a_server_that_dies_while_it_resumes_costs_nothing(self) -> None:
        scene = Scene()
        scene.run(1, "exec_a", "0", "1", "2")
        scene.room = 1
        scene.journal.resume(2, ResumeParams("exec_a"))
        scene.room = 100
        scene.journal.resume(3, ResumeParams("exec_a"))
        self.assertEqual(["0", "1", "2"], scene.texts(3))
        self.assertTrue(scene.journal.continue_resuming())
        self.assertEqual(["0"], scene.texts(2))

    def test_what_is_unknown_is_an_error(self) -> None:
        scene = Scene()
        scene.journal.resume(1, ResumeParams("exec_a"))
        scene.journal.source(2, SourceParams("exec_a", 0))
        self.assertEqual(["invalid_argument"] * 2, [event["error"]["code"] for _, event in scene.sent])

    def test_other_events_pass_and_the_kernels_state_is_repeated(self) -> None:
        scene = Scene()
        state = {"type": "execution_state", "context": "default", "state": "idle", "confinement": None, "error": None}
        scene.journal.emit(0, state)
        scene.journal.emit(7, DONE)
        self.assertEqual([(0, state), (7, DONE)], scene.sent)
        scene.journal.journal(8)
        self.assertEqual((0, state), scene.sent[2])


class Listing(unittest.TestCase):
    def test_it_lists_the_oldest_first_with_their_times(self) -> None:
        scene = Scene()
        scene.journal.begin(1, params("exec_a", "x = 1"))
        scene.now += 2
        scene.journal.emit(1, DONE)
        scene.now += 3
        scene.journal.begin(2, params("exec_b", silent=True))
        scene.now += 1
        result = scene.listed()
        self.assertEqual(1, result["cells"])
        first, second = result["executions"]
        self.assertEqual(("exec_a", 2000, 4000, 5), (first["execution"], first["elapsed_ms"], first["ended_ms"], first["source_length"]))
        self.assertEqual(("exec_b", 1000, None, True), (second["execution"], second["elapsed_ms"], second["ended_ms"], second["silent"]))

    def test_a_source_comes_in_parts(self) -> None:
        scene = Scene()
        code = "#" * SOURCE_CHARACTERS + "1"
        scene.journal.begin(1, params("exec_a", code))
        for offset in (0, SOURCE_CHARACTERS, len(code)):
            scene.journal.source(2, SourceParams("exec_a", offset))
        self.assertEqual([code[:-1], "1", ""], [event["result"]["text"] for _, event in scene.sent])


class Bounds(unittest.TestCase):
    def test_ended_executions_make_room_the_oldest_first(self) -> None:
        scene = Scene()
        for number in range(20):
            scene.run(number + 1, "exec_%d" % number, "x" * (MIB // 8))
        kept = [entry["execution"] for entry in scene.listed()["executions"]]
        self.assertEqual(["exec_%d" % number for number in range(20 - len(kept), 20)], kept)
        self.assertIn(len(kept), range(6, 9))
        scene.journal.resume(99, ResumeParams(kept[0]))
        self.assertEqual(["x" * (MIB // 8)], scene.texts(99))

    def test_no_more_than_a_number_of_executions_is_kept(self) -> None:
        scene = Scene()
        for number in range(MAX_ENTRIES + 5):
            scene.run(number + 1, "exec_%d" % number)
        self.assertEqual(MAX_ENTRIES, len(scene.listed()["executions"]))
        self.assertEqual(MAX_ENTRIES + 5, scene.listed()["cells"])

    def test_beyond_its_share_a_running_one_says_how_much_is_not_kept(self) -> None:
        scene = Scene()
        scene.journal.begin(1, params("exec_a"))
        for number in range(12):
            scene.journal.emit(1, stream(str(number) * (MIB // 8)))
        self.assertEqual(12, len(scene.texts(1)))
        scene.journal.resume(2, ResumeParams("exec_a"))
        kept = len(scene.texts(2))
        self.assertIn(kept, range(6, 9))
        note = scene.sent[-1][1]
        self.assertIs(True, note["note"])
        self.assertRegex(note["data"]["text/plain"], r"sent %d more outputs \(\d{6,7} bytes\)" % (12 - kept))
        scene.journal.emit(1, stream("end"))
        scene.journal.emit(1, DONE)
        self.assertEqual("end", scene.texts(2)[-1])
        scene.journal.resume(3, ResumeParams("exec_a"))
        self.assertEqual((3, DONE), scene.sent[-1])
        self.assertRegex(scene.sent[-2][1]["data"]["text/plain"], "sent %d more" % (13 - kept))

    def test_a_display_whose_first_pieces_are_not_kept_is_left_out(self) -> None:
        scene = Scene()
        scene.journal.begin(1, params("exec_a"))
        piece: Event = {"type": "part", "display": 1, "mime_type": "image/png", "text": "x" * (MIB // 2)}
        for _ in range(3):
            scene.journal.emit(1, piece)
        scene.journal.resume(2, ResumeParams("exec_a"))
        scene.journal.emit(1, piece)
        scene.journal.emit(1, {"type": "display_data", "data": {}, "display": 1})
        scene.journal.emit(1, stream("after"))
        resumed = [event["type"] for request, event in scene.sent if request == 2]
        self.assertEqual(["part", "display_data", "stream"], resumed)
        self.assertEqual("after", scene.texts(2)[-1])


if __name__ == "__main__":
    unittest.main()
