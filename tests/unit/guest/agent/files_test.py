"""The file service: what it serves, its limits, and that FILES.md, the vectors and the code agree."""

from __future__ import annotations

import json
import os
import re
import unittest
from typing import Any, Dict, List

from file_calls import Call, FilesTestCase
from server_side import GUEST
from agent.files import MAX_REQUESTS
from agent.memory import Memory
from agent.files_contract import _CODES, _OPERATIONS, FileError, file_request
from agent.files_folders import _PER_TURN
from agent.streams import INITIAL_CREDIT

ROOT = GUEST.parents[1]
PAGE = (ROOT / "src" / "agent_protocol" / "FILES.md").read_text()
VECTORS: List[Dict[str, Any]] = json.loads((ROOT / "tests" / "vectors" / "files.json").read_text())


class Files(FilesTestCase):
    def test_reads_and_writes(self) -> None:
        data = os.urandom(700_000)
        self.assertEqual({"result": {"size": 700_000, "replaced": False}}, self.write("a/b/c", data, size=700_000))
        self.assertEqual(data, (self.root / "a/b/c").read_bytes())
        head, body, changed = self.read("a/b/c")
        self.assertEqual((data, False), (body, changed))
        self.assertEqual((700_000, 0, 700_000), (head["size"], head["offset"], head["length"]))
        self.assertEqual(data[-5:], self.read(str(self.root) + "/a/b/c", -5)[1])
        self.assertEqual(data[3:7], self.read("./a//b/c", 3, 4)[1])
        self.assertEqual(b"", self.read("a/b/c", 800_000)[1])
        self.assertEqual("exists", self.write("a/b/c", b"x")["error"]["code"])
        self.assertEqual({"result": {"size": 1, "replaced": True}}, self.write("a/b/c", b"x", True))
        self.assertEqual(["a", "a/b", "a/b/c"], self.names())

    def test_a_reply_needs_room_and_a_slow_reader_costs_no_memory(self) -> None:
        (self.root / "big").write_bytes(b"x" * 5_000_000)
        call = Call(self.service, op="read", path="big", offset=0, limit=1 << 40)
        for _ in range(100):
            self.service.loop.call_soon(lambda: None)
            self.service.loop._turn()
        self.assertLessEqual(len(call.output.data), INITIAL_CREDIT)
        self.assertTrue(call.finish().endswith(b'{"result":{"changed":false}}\n'))

    def test_reports_what_it_has_written_and_renamed(self) -> None:
        seen: List[os.stat_result] = []
        self.service.on_written = seen.append
        self.write("a", b"1")
        self.assertEqual([os.stat(self.root / "a")], seen)
        self.call(op="move", path="a", to="b", overwrite=False)
        self.assertEqual(os.stat(self.root / "b"), seen[-1])
        self.assertEqual("exists", self.write("b", b"2")["error"]["code"])
        self.assertEqual(2, len(seen))

    def test_an_aborted_upload_leaves_nothing(self) -> None:
        call = Call(self.service, op="write", path="new/folder/file", overwrite=True, size=None)
        call.send(b"x" * 1000)
        self.assertEqual(1, len(list((self.root / "new/folder").iterdir())))
        call.stream.on_reset("the server went away")
        self.assertEqual([], self.names())
        for sent, size in ((b"123", 4), (b"12345", 4)):
            self.assertEqual("incomplete", self.write("new/file", sent, True, size)["error"]["code"])
            self.assertEqual([], self.names())

    def test_a_file_leaves_memory_for_what_runs(self) -> None:
        limit = 160 << 20
        free = [limit // 2]
        self.service.memory = Memory(limit, lambda: free[0])
        room = limit // 2 - limit // 16
        reply = self.write("new/big", b"", size=room + 1)["error"]
        self.assertEqual("memory_full", reply["code"])
        self.assertRegex(reply["message"], "^%d bytes do not fit .* of its %d bytes %d are left" % (room + 1, limit, room))
        self.assertEqual([], self.names())
        self.assertLessEqual(self.call(op="space")["result"]["free"], room)
        free[0] = 0
        self.assertEqual({"result": {"size": 9, "replaced": False}}, self.write("note", b"del frame", size=9))
        (self.root / "note").unlink()
        for size in (6 << 20, None):
            free[0] = limit
            call = Call(self.service, op="write", path="new/big", overwrite=True, size=size)
            call.send(b"x" * (3 << 20))
            # A cell takes memory during the transfer.
            free[0] = limit // 16 + (2 << 20)
            call.send(b"x" * (3 << 20))
            self.assertEqual("memory_full", call.lines()[-1]["error"]["code"])
            self.assertEqual([], self.names())

    def test_lists_in_the_order_of_paths_with_totals(self) -> None:
        for number in range(3 * _PER_TURN):
            (self.root / ("f%04d" % number)).write_bytes(b"xy")
        (self.root / "d/e/f").mkdir(parents=True)
        (self.root / ".hidden").mkdir()
        (self.root / ".hidden/not-counted").touch()
        os.symlink("/etc", self.root / "link")
        result = self.call(op="list", path=".", depth=3, limit=5)["result"]
        self.assertEqual([".hidden", "d", "d/e", "d/e/f", "f0000"], [each["path"] for each in result["entries"]])
        self.assertEqual(
            (300, 4, 1, 600, 2, True),
            tuple(result[name] for name in ("files", "folders", "links", "bytes", "closed_folders", "complete")),
        )
        self.assertEqual("not_a_folder", self.code(op="list", path="f0000", depth=1, limit=1))
        self.assertEqual("not_found", self.code(op="list", path="none", depth=1, limit=1))

    def test_removes_and_moves(self) -> None:
        (self.root / "d/e").mkdir(parents=True)
        (self.root / "d/e/f").write_text("f")
        self.assertEqual("not_empty", self.code(op="remove", path="d", recursive=False))
        self.assertEqual({"replaced": False}, self.call(op="move", path="d/e/f", to="g/h", overwrite=False)["result"])
        self.assertEqual("is_a_folder", self.code(op="move", path="g/h", to="d", overwrite=True))
        for target in ("d/e/x", "d/new/x", "./d//x"):
            error = self.call(op="move", path="d", to=target, overwrite=True)["error"]
            self.assertEqual("invalid_argument", error["code"])
            self.assertIn("A folder cannot be moved into itself", error["message"])
        self.assertEqual("not_a_folder", self.code(op="move", path="g/h", to="g/h/x", overwrite=True))
        self.assertEqual("exists", self.code(op="move", path="d", to="d", overwrite=False))
        self.assertEqual({"removed": 2}, self.call(op="remove", path="d", recursive=True)["result"])
        self.assertEqual("is_a_folder", self.code(op="remove", path=".", recursive=True))
        self.assertEqual(["g", "g/h"], self.names())

    def test_a_removal_pauses_between_names(self) -> None:
        (self.root / "many").mkdir()
        for number in range(5 * _PER_TURN):
            (self.root / "many" / str(number)).touch()
        call = Call(self.service, op="remove", path="many", recursive=True)
        self.service.loop.call_soon(lambda: None)
        self.service.loop._turn()
        self.assertGreater(len(self.names()), 3 * _PER_TURN)
        self.assertEqual({"result": {"removed": 501}}, call.lines()[0])

    def test_moves_a_file_only_to_a_free_name(self) -> None:
        (self.root / "a").write_text("a")
        (self.root / "b").write_text("b")
        self.assertEqual("exists", self.code(op="move", path="a", to="b", overwrite=False))
        self.assertEqual("exists", self.code(op="move", path="a", to="a", overwrite=False))
        self.assertEqual({"replaced": True}, self.call(op="move", path="a", to="b", overwrite=True)["result"])
        self.assertEqual("a", (self.root / "b").read_text())

    # -- Limits --

    def test_requests_and_headers_are_bounded(self) -> None:
        open_calls = [Call(self.service, op="write", path="f%d" % n, overwrite=True, size=None) for n in range(MAX_REQUESTS)]
        self.assertEqual("busy", self.code(op="space"))
        descriptors = len(os.listdir("/proc/self/fd"))
        for call in open_calls:
            call.stream.on_reset("done")
        self.assertLess(len(os.listdir("/proc/self/fd")), descriptors)
        self.assertIn("free", self.call(op="space")["result"])
        endless = Call(self.service)
        endless.send(b"x" * 100_000)
        self.assertEqual("invalid_argument", endless.lines()[0]["error"]["code"])
        unfinished = Call(self.service)
        unfinished.send(b'{"op"')
        unfinished.stream.on_end()
        self.assertEqual("invalid_argument", unfinished.lines()[0]["error"]["code"])
        split = Call(self.service)
        for byte in b'{"op":"space"}\n':
            split.send(bytes([byte]))
        self.assertIn("result", split.lines()[0])

    # -- The contract --

    def test_the_page_lists_exactly_the_agents_requests_and_errors(self) -> None:
        table = PAGE.split("\n## A request\n")[1].split("\n## ")[0]
        errors = PAGE.split("\n## Errors\n")[1]
        source = "".join(path.read_text() for path in (GUEST / "agent").glob("files*.py"))
        used = set(re.findall(r'FileError\(\s*"(\w+)"', source)) | set(_CODES.values()) | {"internal"}
        self.assertEqual(set(re.findall(r"(?m)^\| `(\w+)`", errors)), used)
        self.assertEqual(re.findall(r"(?m)^\| `(\w+)`", table), ["op", *_OPERATIONS])

    def test_vectors(self) -> None:
        for vector in VECTORS:
            if vector["message"] != "request":
                continue
            with self.subTest(vector["name"]):
                try:
                    file_request(json.dumps(vector["value"]).encode())
                    valid = True
                except FileError as error:
                    self.assertEqual("invalid_argument", error.code)
                    valid = False
                self.assertIs(vector["valid"], valid)


if __name__ == "__main__":
    unittest.main()
