"""Advice on what a cell cannot do: which command lines and errors get which."""
from __future__ import annotations

import queue
import subprocess
import sys
import unittest
from unittest import mock

from kernel import advice


class AdviceTest(unittest.TestCase):
    def test_a_program_or_script_that_failed_to_install_says_what_can(self) -> None:
        for command in (
            [sys.executable, "-m", "pip", "install", "humanize"],
            ["pip", "install", "humanize"],
            "echo begin\npip install humanize\n",
            "uv pip install humanize",
            b"cd /tmp\npip install humanize\n",
            ["pip3", "--quiet", "install", "humanize"],
            ["python3", "-I", "-m", "pip", "-q", "download", "humanize"],
            "cd /workspace && pip install humanize",
            ["/bin/bash", "-lc", "set -e; pip install humanize | cat"],
        ):
            error = subprocess.CalledProcessError(1, command)
            self.assertEqual(advice.of_error(error), advice.NO_INSTALL, command)
        self.assertEqual(advice.of_error(FileNotFoundError(2, "No such file or directory", "pip")), advice.NO_INSTALL)
        self.assertIsNone(advice.of_error(FileNotFoundError(2, "No such file or directory", "data.csv")))
        for command in (["pip", "install", "./a.whl"], ["sh", "pip", "install"], ["false"], "echo pip\nls install", [b"\xff"], None):
            self.assertIsNone(advice.of_error(subprocess.CalledProcessError(1, command)), command)

    def test_a_list_of_packages_needs_no_installation(self) -> None:
        for line in ("list", "show numpy", "freeze"):
            self.assertEqual(advice.of_magic(line), advice.NO_PIP, line)
        self.assertEqual(advice.of_magic("install humanize"), advice.NO_INSTALL)

    def test_a_pip_of_the_image_may_list(self) -> None:
        for command in ("pip list", "pip3 show numpy", "python3 -m pip freeze"):
            with mock.patch("shutil.which", return_value=None), mock.patch("importlib.util.find_spec", return_value=None):
                self.assertEqual(advice.of_command(command), advice.NO_PIP, command)
            with mock.patch("shutil.which", return_value="/usr/bin/pip"), mock.patch("importlib.util.find_spec"):
                self.assertIsNone(advice.of_command(command), command)

    def test_kaleido_is_not_worth_an_installation(self) -> None:
        asks = ValueError("Image export using the \"kaleido\" engine requires the Kaleido package,\n$ pip install --upgrade kaleido")
        self.assertEqual(advice.of_error(asks), advice.NO_KALEIDO)
        self.assertEqual(advice.of_error(ModuleNotFoundError("No module named 'kaleido'", name="kaleido")), advice.NO_KALEIDO)
        self.assertEqual(advice.of_error(ImportError("openpyxl is missing: use pip or conda to install openpyxl")), advice.NO_INSTALL)

    def test_a_file_that_is_named_as_a_protected_module_is_named(self) -> None:
        errors = (AttributeError("mine", obj=queue), ImportError("mine", name="queue"), ModuleNotFoundError("mine", name="queue.mine"))
        with mock.patch("os.path.isfile", side_effect=lambda path: path == "queue.py"):
            for error in errors:
                self.assertRegex(advice.of_error(error) or "", r"^queue\.py was not imported: queue is a module of Python's library")
            self.assertIsNone(advice.of_error(ImportError("mine", name="helpers")))
            self.assertIsNone(advice.of_error(AttributeError("mine", name="mine", obj=3)))
        self.assertIsNone(advice.of_error(ImportError("mine", name="queue")))

    def test_it_does_not_ask_an_object_for_its_class(self) -> None:
        class Lazy:
            @property
            def __class__(self) -> type:  # type: ignore[override]
                raise RuntimeError("not ready")

        self.assertIsNone(advice.of_error(AttributeError("mine", name="mine", obj=Lazy())))


if __name__ == "__main__":
    unittest.main()
