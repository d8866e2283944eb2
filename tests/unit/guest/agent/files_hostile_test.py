"""The file service in a folder of hostile content: nothing in it leads out, holds up the agent, or stays open."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import unittest
from typing import Optional
from unittest import mock

from file_calls import Call, FilesTestCase
from agent.files_path import Parent, entry_stat


class HostileFiles(FilesTestCase):
    def test_refuses_paths_that_lead_out(self) -> None:
        long = "x/" * 2048 + "x"
        wrong = ("", "..", "../secret", "a/../../secret", "/etc/passwd", str(self.base), "a\0b", "x" * 256, long, "\ud800")
        for path in (*wrong, str(self.root) + "x", str(self.root) + "/../secret"):
            for header in (
                {"op": "read", "offset": 0, "limit": 9},
                {"op": "stat"},
                {"op": "list", "depth": 1, "limit": 9},
                {"op": "remove", "recursive": True},
                {"op": "move", "to": "b", "overwrite": True},
                {"op": "write", "overwrite": True, "size": None},
            ):
                with self.subTest(path=path[:40], op=header["op"]):
                    self.assertEqual("invalid_argument", self.code(path=path, **header))
            self.assertEqual("invalid_argument", self.code(op="move", path="a", to=path, overwrite=True))
        self.assertEqual([], self.names())

    def test_follows_no_symbolic_link(self) -> None:
        (self.root / "real").mkdir()
        (self.root / "real/file").write_text("mine")
        links = {"out": "..", "secret": "../secret", "inside": "real", "self": "self", "file": "real/file"}
        for name, target in links.items():
            os.symlink(target, self.root / name)
        for path in ("secret", "out/secret", "inside/file", "self", "self/x", "file", "real/../secret"):
            expected = "invalid_argument" if ".." in path else "symbolic_link"
            self.assertEqual(expected, self.read(path)[0]["code"], path)
            self.assertEqual(expected, self.write(path, b"x", True)["error"]["code"], path)
        for path in ("out", "inside", "out/workspace"):
            self.assertEqual("symbolic_link", self.code(op="list", path=path, depth=1, limit=9))
        for path in ("out/secret", "inside/file"):
            self.assertEqual("symbolic_link", self.code(op="remove", path=path, recursive=True))
            self.assertEqual("symbolic_link", self.code(op="move", path=path, to="x", overwrite=True))
            self.assertEqual("symbolic_link", self.code(op="move", path="real/file", to=path, overwrite=True))
            self.assertEqual("symbolic_link", self.code(op="stat", path=path))
        self.assertEqual("link", self.call(op="stat", path="out")["result"]["kind"])
        # A link itself is moved and removed, never what it points to.
        self.assertEqual({"replaced": False}, self.call(op="move", path="out", to="moved", overwrite=False)["result"])
        self.assertEqual("..", os.readlink(self.root / "moved"))
        for name in ("moved", "secret", "inside", "self", "file"):
            self.assertEqual({"removed": 1}, self.call(op="remove", path=name, recursive=True)["result"])
        self.assertEqual("secret", (self.base / "secret").read_text())
        self.assertEqual("mine", (self.root / "real/file").read_text())

    def test_a_recursive_removal_does_not_follow_links(self) -> None:
        (self.base / "other").mkdir()
        (self.base / "other/kept").touch()
        (self.root / "d/e").mkdir(parents=True)
        os.symlink(self.base / "other", self.root / "d/link")
        os.symlink(self.base / "other", self.root / "d/e/link")
        self.assertEqual({"removed": 4}, self.call(op="remove", path="d", recursive=True)["result"])
        self.assertTrue((self.base / "other/kept").exists())

    def test_special_files_are_refused_at_once(self) -> None:
        os.mkfifo(self.root / "fifo")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.root / "socket"))
        signal.alarm(20)
        self.addCleanup(signal.alarm, 0)
        for name in ("fifo", "socket"):
            self.assertEqual("special_file", self.read(name)[0]["code"])
            self.assertEqual("special_file", self.write(name, b"x", True)["error"]["code"])
            self.assertEqual("other", self.call(op="stat", path=name)["result"]["kind"])

    def test_a_lease_does_not_hold_up_the_agent(self) -> None:
        (self.root / "leased").write_text("x")
        ready, release = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            # Ends by itself, should the test end first.
            signal.alarm(30)
            fd = os.open(self.root / "leased", os.O_RDWR)
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            os.write(ready[1], b"x")
            os.read(release[0], 1)
            os._exit(0)
        try:
            os.read(ready[0], 1)
            signal.alarm(20)
            self.assertEqual("in_use", self.read("leased")[0]["code"])
            # A new file takes the name: nothing writes to the leased one.
            self.assertEqual({"size": 1, "replaced": True}, self.write("leased", b"y", True)["result"])
        finally:
            signal.alarm(0)
            os.write(release[1], b"x")
            os.waitpid(child, 0)
            for fd in (*ready, *release):
                os.close(fd)

    def test_an_overwrite_does_not_write_through_a_hard_link(self) -> None:
        (self.root / "a").write_text("a")
        os.link(self.root / "a", self.root / "b")
        self.write("a", b"new", True)
        self.assertEqual("a", (self.root / "b").read_text())

    def test_a_sparse_file_is_read_in_bounds(self) -> None:
        with open(self.root / "sparse", "wb") as file:
            file.truncate(1 << 40)
        head, body, _ = self.read("sparse", 1 << 39, 100_000)
        self.assertEqual((1 << 40, 0, bytes(100_000)), (head["size"], head["allocated"], body))

    def test_a_file_that_grows_or_shrinks_while_it_is_read(self) -> None:
        path = self.root / "moving"
        for change in ("grow", "shrink"):
            path.write_bytes(b"x" * 1_000_000)
            call = Call(self.service, op="read", path="moving", offset=0, limit=1 << 40)
            if change == "grow":
                with open(path, "ab") as file:
                    file.write(b"y" * 1000)
            else:
                os.truncate(path, 300_000)
            data = call.finish()
            if change == "grow":
                self.assertTrue(data.endswith(b'x{"result":{"changed":true}}\n'))
                self.assertNotIn(b"y", data[200:-40])
            else:
                self.assertRegex(call.output.reset or "", "^changed: moving became shorter while it was read, at byte 3")

    def test_an_upload_whose_temporary_file_is_exchanged_is_reported(self) -> None:
        call = Call(self.service, op="write", path="file", overwrite=True, size=None)
        (temporary,) = self.root.iterdir()
        temporary.unlink()
        os.symlink(self.base / "secret", temporary)
        call.send(b"x")
        call.stream.on_end()
        self.assertEqual("changed", call.lines()[-1]["error"]["code"])
        self.assertEqual("secret", (self.base / "secret").read_text())
        self.assertEqual([], self.names())

    def test_a_file_that_appears_after_the_check_is_not_replaced(self) -> None:
        def appears_later(parent: Parent) -> "Optional[os.stat_result]":
            found = entry_stat(parent)
            if parent.name == b"target" and found is None:
                (self.root / "target").write_text("theirs")
            return found

        (self.root / "source").write_text("mine")
        with mock.patch("agent.files_transfer.entry_stat", appears_later):
            self.assertEqual("exists", self.code(op="move", path="source", to="target", overwrite=False))
            (self.root / "target").unlink()
            call = Call(self.service, op="write", path="target", overwrite=False, size=None)
            call.send(b"x")
            (self.root / "target").unlink()
            call.stream.on_end()
            self.assertEqual("exists", call.lines()[-1]["error"]["code"])
        self.assertEqual("theirs", (self.root / "target").read_text())
        self.assertEqual(["source", "target"], self.names())

    def test_names_that_are_not_utf8_are_listed_and_reached(self) -> None:
        (self.root / os.fsdecode(b"\xff\xfe")).write_text("odd")
        (entry,) = self.call(op="list", path=".", depth=1, limit=9)["result"]["entries"]
        self.assertEqual("\udcff\udcfe", entry["path"])
        self.assertEqual(b"odd", self.read(entry["path"])[1])

    def test_a_name_in_an_error_is_quoted_and_begins_no_line(self) -> None:
        os.symlink("a\n[ok]", self.root / "link")
        os.symlink(os.fsdecode(b"\xff"), self.root / "d\x1b[31m")
        self.assertIn('link is a symbolic link, to "a\\n[ok]"', self.read("link")[0]["message"])
        self.assertIn('"d\\u001b[31m" is a symbolic link, to "\\udcff"', self.read("d\x1b[31m")[0]["message"])
        for path in ("no\nne", "no\nne/x", "/no\nne", "/outputs/no\nne"):
            message = self.read(path)[0]["message"]
            self.assertIn("no\\nne", message)
            self.assertNotIn("\n", message)
        self.assertIn("file größe-1.csv", self.read("größe-1.csv")[0]["message"])

    def test_a_deep_tree_is_removed_however_often_its_folders_are_moved(self) -> None:
        deep = self.root.joinpath("tree", *["d"] * 40)
        deep.mkdir(parents=True)
        with mock.patch("agent.files_folders.MAX_NAMES", 50):
            self.assertEqual({"removed": 41}, self.call(op="remove", path="tree", recursive=True)["result"])
            for number in range(60):
                (self.root / "many" / str(number)).mkdir(parents=True)
            error = self.call(op="remove", path="many", recursive=True)["error"]
            self.assertEqual("changed", error["code"])
            self.assertIn("Removed before that: 50", error["message"])
            self.assertEqual({"removed": 11}, self.call(op="remove", path="many", recursive=True)["result"])

    def test_a_move_onto_another_hard_link_of_the_file_leaves_one_name(self) -> None:
        (self.root / "a").write_text("a")
        os.link(self.root / "a", self.root / "b")
        self.assertEqual({"replaced": True}, self.call(op="move", path="a", to="b", overwrite=True)["result"])
        self.assertEqual(["b"], self.names())
        self.call(op="move", path="b", to="./b", overwrite=True)
        self.assertEqual("a", (self.root / "b").read_text())

    def test_an_extreme_time_and_size_fit_into_the_reply(self) -> None:
        path = self.root / "odd"
        path.touch()
        os.utime(path, ns=(0, (1 << 62)))
        self.assertLessEqual(self.call(op="stat", path="odd")["result"]["modified_ms"], 8_640_000_000_000_000)

    def test_no_descriptor_is_left_open(self) -> None:
        before = sorted(os.listdir("/proc/self/fd"))
        self.test_follows_no_symbolic_link()
        self.write("d/e/f", b"x", True)
        self.read("d/e/f")
        self.code(op="list", path="none/x", depth=1, limit=1)
        self.call(op="list", path=".", depth=9, limit=9)
        self.call(op="remove", path="d", recursive=True)
        self.assertEqual(before, sorted(os.listdir("/proc/self/fd")))


if __name__ == "__main__":
    unittest.main()
