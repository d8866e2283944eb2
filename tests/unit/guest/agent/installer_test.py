"""The installer: what it unpacks, what it refuses, and what stays as it was."""
from __future__ import annotations

import gzip
import io
import json
import os
import signal
import socket
import sys
import tarfile
import tempfile
import unittest
from typing import Any, Callable, Dict, List, Optional, Tuple
from unittest import mock

import installer


def archive(files: Dict[str, bytes], change: Optional[Callable[[tarfile.TarInfo], None]] = None) -> io.BytesIO:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            if change is not None:
                change(entry)
            made.addfile(entry, io.BytesIO(content))
    return io.BytesIO(gzip.compress(raw.getvalue()))


class InstallerTest(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.workspace = self._folder.name
        self._before = installer._WORKSPACE, installer.FOLDER
        installer._WORKSPACE, installer.FOLDER = self.workspace, os.path.join(self.workspace, ".packages")

    def tearDown(self) -> None:
        installer._WORKSPACE, installer.FOLDER = self._before
        self._folder.cleanup()

    def install(self, files: Dict[str, bytes], replace: Tuple[str, ...] = (), **more: Any) -> Dict[str, Any]:
        source = archive(files, **more)
        return installer.install({"bytes": 1000, "files": 10, "replace": list(replace)}, source)

    def tree(self) -> List[str]:
        found = []
        for folder, _, names in os.walk(self.workspace):
            found += [os.path.relpath(os.path.join(folder, name), self.workspace) for name in names]
        return sorted(found)

    def test_unpacks_files_and_their_modes(self) -> None:
        def executable(entry: tarfile.TarInfo) -> None:
            entry.mode = 0o6755 if entry.name.startswith("bin/") else 0o644

        self.install({"a/__init__.py": b"x = 1", "bin/run": b"#!/elsewhere/python3\npass\n"}, change=executable)
        self.assertEqual(self.tree(), [".packages/a/__init__.py", ".packages/bin/run"])
        path = os.path.join(installer.FOLDER, "bin/run")
        with open(path, "rb") as file:
            first = file.readline()
        self.assertTrue(os.access(first[2:].strip(), os.X_OK), first)
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o755)

    def test_what_code_puts_among_the_commands_neither_blocks_nor_redirects_it(self) -> None:
        outside = os.path.join(self.workspace, "outside")
        with open(outside, "wb") as file:
            file.write(b"#!/usr/bin/python3\n")
        scripts = os.path.join(self.workspace, "bin")
        os.makedirs(os.path.join(scripts, "folder"))
        os.mkfifo(os.path.join(scripts, "fifo"))
        os.symlink(outside, os.path.join(scripts, "link"))
        # An open() of the FIFO would wait for a writer.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        installer.use_this_python(scripts)
        signal.alarm(0)
        with open(outside, "rb") as file:
            self.assertEqual(file.read(), b"#!/usr/bin/python3\n")

    def test_refuses_what_would_leave_the_folder_and_leaves_nothing(self) -> None:
        for name in ("../evil", "/etc/evil", "a/../../evil", "a//evil", "./evil", "a/./evil"):
            with self.assertRaises(installer.Refused, msg=name):
                self.install({"a/fine.py": b"", name: b"x"})
            self.assertEqual(self.tree(), [], name)

    def test_refuses_links_devices_and_pipes(self) -> None:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE):

            def changed(entry: tarfile.TarInfo, kind: bytes = kind) -> None:
                entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 0

            with self.assertRaises(installer.Refused, msg=repr(kind)):
                self.install({"a": b""}, change=changed)
            self.assertEqual(self.tree(), [])

    def test_refuses_a_cut_off_archive_and_leaves_what_was_there(self) -> None:
        self.install({"a.py": b"1"})
        whole = archive({"a.py": b"2", "b.bin": os.urandom(200_000)}).getvalue()
        with self.assertRaises((tarfile.TarError, EOFError, OSError)):
            installer.install({"bytes": 1, "files": 1, "replace": []}, io.BytesIO(whole[:100_000]))
        self.assertEqual(self.tree(), [".packages/a.py"])
        with open(os.path.join(installer.FOLDER, "a.py"), "rb") as file:
            self.assertEqual(file.read(), b"1")

    def test_refuses_more_than_there_is_space_for_before_it_writes(self) -> None:
        with self.assertRaises(installer.Refused) as caught:
            installer.install({"bytes": 1 << 60, "files": 1, "replace": []}, io.BytesIO())
        self.assertEqual(caught.exception.code, "workspace_full")
        self.assertEqual(self.tree(), [])

    def test_refuses_what_the_memory_has_no_room_for(self) -> None:
        with mock.patch.dict(os.environ, {"SANDBOX_MEMORY_ROOM": "50000"}):
            with self.assertRaises(installer.Refused) as caught:
                installer.install({"bytes": 50_000, "files": 1, "replace": []}, io.BytesIO())
            self.assertEqual((caught.exception.code, self.tree()), ("workspace_full", []))
            self.install({"a.py": b"1"})

    def test_takes_what_the_server_still_sends_after_its_refusal(self) -> None:
        own, other = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                own.close()
                os.dup2(other.fileno(), 0)
                os.dup2(other.fileno(), 1)
                other.close()
                installer.main()
            finally:
                os._exit(0)
        other.close()
        with own:
            own.settimeout(60)
            own.sendall(json.dumps({"bytes": 1 << 60, "files": 1, "replace": []}).encode() + b"\n")
            for _ in range(64):
                own.sendall(b"x" * 65536)
            own.shutdown(socket.SHUT_WR)
            answers = own.makefile("rb").read().splitlines()
        os.waitpid(pid, 0)
        self.assertEqual(json.loads(answers[0]), {"present": []})
        self.assertEqual(json.loads(answers[1])["refused"]["code"], "workspace_full")

    def test_leaves_out_modules_of_the_library(self) -> None:
        if not hasattr(sys, "stdlib_module_names"):
            self.skipTest("Python 3.9 does not know them")
        done = self.install({"typing.py": b"broken", "json/__init__.py": b"broken", "fine.py": b""})
        self.assertEqual(done["skipped"], ["json", "typing"])
        self.assertEqual(self.tree(), [".packages/fine.py"])
        compiled = self.install({"json.abi3.so": b"", "os.cpython-313-x86_64-linux-gnu.so": b"", "re.pyc": b"", "json.txt": b"", "mine.so": b""})
        self.assertEqual(compiled["skipped"], ["json", "os", "re"])
        self.assertEqual([name for name in self.tree() if "json" in name], [".packages/json.txt"])

    def test_replaces_a_version_and_keeps_the_others(self) -> None:
        self.install(
            {
                "a/__init__.py": b"1",
                "a/old.py": b"",
                "space/a.py": b"",
                "space/b.py": b"",
                "A_x-1.dist-info/RECORD": b"a/__init__.py,,\na/old.py,,\nspace/a.py,,\n../../../etc/passwd,,\n/etc/passwd,,\n",
            }
        )
        outside = os.path.join(self.workspace, "mine.txt")
        open(outside, "w").close()
        self.install({"a/__init__.py": b"2", "space/a.py": b"2", "A_x-2.dist-info/RECORD": b""}, ("a-x",))
        self.assertEqual(
            self.tree(),
            [
                ".packages/A_x-2.dist-info/RECORD",
                ".packages/a/__init__.py",
                ".packages/space/a.py",
                ".packages/space/b.py",
                "mine.txt",
            ],
        )
        self.assertEqual([item[:2] for item in installer.distributions(installer.FOLDER)], [["a-x", "2"]])

    def test_writes_through_no_link_of_the_sandbox(self) -> None:
        outside = os.path.join(self.workspace, "outside")
        os.mkdir(outside)
        os.mkdir(installer.FOLDER)
        os.symlink(outside, os.path.join(installer.FOLDER, "a"))
        self.install({"a/__init__.py": b"1"})
        self.assertEqual(os.listdir(outside), [])
        self.assertFalse(os.path.islink(os.path.join(installer.FOLDER, "a")))

    def test_removes_what_a_cut_off_installer_left(self) -> None:
        os.mkdir(os.path.join(self.workspace, ".packages-abc"))
        installer.clear()
        self.assertEqual(os.listdir(self.workspace), [])


if __name__ == "__main__":
    unittest.main()
