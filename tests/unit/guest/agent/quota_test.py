"""The quota of processor time is attested, and sizes the pools of threads, in both versions of control groups and any period."""

from __future__ import annotations

import io
import unittest
from typing import Any, Dict
from unittest import mock

from server_side import GUEST  # noqa: F401
from agent.attestation import _limits
from kernel_manager import cgroup

ROOT = "/sys/fs/cgroup"


def v1(quota: int, period: int) -> Dict[str, str]:
    return {"/cpu/cpu.cfs_quota_us": "%d\n" % quota, "/cpu/cpu.cfs_period_us": "%d\n" % period}


def v2(quota: Any, period: int) -> Dict[str, str]:
    return {"/cgroup.controllers": "cpu\n", "/cpu.max": "%s %d\n" % (quota, period)}


class Quota(unittest.TestCase):
    def expect(self, files: Dict[str, str], share: Any, processors: int) -> None:
        def fake_open(path: str, *_args: Any, **_options: Any) -> Any:
            if path[len(ROOT) :] not in files or not path.startswith(ROOT):
                raise FileNotFoundError(path)
            return io.StringIO(files[path[len(ROOT) :]])

        with mock.patch("builtins.open", fake_open), mock.patch("os.path.exists", lambda path: path[len(ROOT) :] in files):
            self.assertEqual(share, _limits()["cpu_quota"])
            with mock.patch("os.sched_getaffinity", lambda _: set(range(8))):
                self.assertEqual(processors, cgroup.processors())

    def test_a_period_of_10_ms(self) -> None:
        for files in (v1(10_000, 10_000), v2(10_000, 10_000)):
            self.expect(files, 1.0, 1)
        for files in (v1(15_000, 10_000), v2(15_000, 10_000)):
            self.expect(files, 1.5, 2)

    def test_a_longer_period_for_a_small_share(self) -> None:
        for files in (v1(1_000, 100_000), v2(1_000, 100_000)):
            self.expect(files, 0.01, 1)

    def test_no_quota(self) -> None:
        for files in (v1(-1, 10_000), v2("max", 10_000)):
            self.expect(files, None, 8)


if __name__ == "__main__":
    unittest.main()
