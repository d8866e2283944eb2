"""Runs the tests of one Python module and prints a JSON line for each: {"name", "outcome", "text"}."""

from __future__ import annotations

import importlib
import json
import sys
import unittest
from typing import Any


class Lines(unittest.TestResult):
    """Subtests that fail make their test fail."""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._text = ""

    def _note(self, test: Any, error: Any) -> None:
        self._text += "%s\n%s" % (test, self._exc_info_to_string(error, test))  # type: ignore[attr-defined]

    def addError(self, test: Any, err: Any) -> None:
        self._note(test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        self._note(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._note(subtest, err)

    def stopTest(self, test: unittest.TestCase) -> None:
        name = "%s: %s" % (
            type(test).__name__,
            test._testMethodName.replace("test_", "", 1).replace("_", " "),
        )
        line = {"name": name, "outcome": "failed" if self._text else "ok", "text": self._text}
        print(json.dumps(line), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    sys.stdout = sys.stderr
    module = importlib.import_module(sys.argv[1])
    unittest.defaultTestLoader.loadTestsFromModule(module).run(Lines())
