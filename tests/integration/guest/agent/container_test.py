"""The agent as PID 1 of real containers: effective confinement, reaping, and the local Postgres."""

from __future__ import annotations

import json
import os
import secrets
import struct
import subprocess
import time
import unittest
from typing import Any, Dict, List, Optional

from server_side import (
    ACK,
    COMMAND,
    DATA,
    END,
    OPEN,
    PING,
    PONG,
    REQUEST,
    RESET,
    ServerSide,
    encode_frame,
    guest_modules,
    PACKAGES,
    sandbox_config,
)

SANDBOX_IMAGE = os.environ.get("OMCP_TEST_PYTHON_IMAGE", "omcp-python:dev")
POSTGRES_IMAGE = os.environ.get("OMCP_TEST_POSTGRES_IMAGE", "omcp-postgres:dev")
# A user of its own, as every sandbox has: the limit on a user's processes counts those of all containers. The database's is the image's.
SANDBOX_UID = 61_000 + secrets.randbelow(3_000)
DATABASE_UID = 10_001
WORKSPACE = ["--tmpfs", "/workspace:size=8m,uid=%d,gid=%d" % (SANDBOX_UID, SANDBOX_UID)]
LABEL = "org.omcp.test=" + secrets.token_hex(8)


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


class Container(ServerSide):
    def __init__(
        self, image: str, config: Dict[str, Any], extra: List[str], modules: Optional[Dict[str, str]] = None
    ) -> None:
        self.name = "omcp-test-" + secrets.token_hex(6)
        uid = SANDBOX_UID if image == SANDBOX_IMAGE else DATABASE_UID
        command = [
            "docker",
            "run",
            "-i",
            "--rm",
            "--name",
            self.name,
            "--label",
            LABEL,
            "--network",
            "none",
            "--read-only",
            "--user",
            "%d:%d" % (uid, uid),
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--log-driver",
            "none",
            "--memory",
            "256m",
            "--memory-swap",
            "256m",
            "--pids-limit",
            "64",
            "--cpus",
            "1.5",
            "--tmpfs",
            "/tmp:size=8m,uid=%d,gid=%d" % (uid, uid),
            "--tmpfs",
            "/run:size=1m,uid=%d,gid=%d,mode=755" % (uid, uid),
            *extra,
            "--entrypoint",
            "python3",
            image,
            *COMMAND,
        ]
        super().__init__(config, command, modules)

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "exec", self.name, *command], capture_output=True, text=True, timeout=30
        )


def tearDownModule() -> None:
    left = docker("ps", "-aq", "--filter", "label=" + LABEL).split()
    if left:
        docker("rm", "-f", "-v", *left)
    volumes = docker("volume", "ls", "-q", "--filter", "label=" + LABEL).split()
    if volumes:
        docker("volume", "rm", *volumes)


class Sandbox(unittest.TestCase):
    def test_it_attests_its_confinement_and_other_processes_cannot_inspect_it(self) -> None:
        config = sandbox_config(lease_seconds=60, services=["postgres"])
        with Container(SANDBOX_IMAGE, config, WORKSPACE) as box:
            box.attach()
            found = box.hello["attestation"]
            self.assertEqual((SANDBOX_UID, SANDBOX_UID), (found["uid"], found["gid"]))
            self.assertEqual({"0000000000000000"}, set(found["capabilities"].values()))
            self.assertIs(True, found["no_new_privs"])
            self.assertEqual(2, found["seccomp"])
            self.assertIs(False, found["dumpable"])
            self.assertIs(False, found["descriptors_open"])
            self.assertEqual(["lo"], found["interfaces"])
            self.assertIs(True, found["root_read_only"])
            self.assertEqual(
                ["/dev/mqueue", "/dev/shm", "/run", "/tmp", "/workspace"], found["writable_mounts"]
            )
            self.assertEqual(
                {"memory_bytes": 256 << 20, "swap_bytes": 0, "pids_max": 64, "cpu_quota": 1.5},
                {name: value for name, value in found["limits"].items() if name != "user_processes"},
            )
            # Another process of the same user.
            self.assertIn("Permission denied", box.exec("sh", "-c", "ls /proc/1/fd").stderr)
            self.assertIn("ermission denied", box.exec("sh", "-c", "cat /proc/1/mem /proc/1/environ").stderr)
            self.assertEqual(
                0, box.exec("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.1 &) & done").returncode
            )
            time.sleep(0.5)
            states = box.exec("sh", "-c", "cat /proc/[0-9]*/stat").stdout
            self.assertNotIn(") Z ", states)
            self.assertIn("(python3) S 0", states)
            box.exec(
                "sh",
                "-c",
                "for s in KILL STOP INT TERM HUP USR1 ALRM ALRM ALRM PIPE; do kill -$s 1; done; sleep 0.1",
            )
            box.send(encode_frame(PING, 0, b"12345678"))
            box.take(PONG)
            docker("kill", "--signal", "TERM", box.name)
            self.assertEqual(0, box.wait_exit())


class Kernel(unittest.TestCase):
    CONFIG = sandbox_config(lease_seconds=60, services=["postgres"])

    def test_a_cell_that_prints_waits_until_the_server_acknowledges_events(self) -> None:
        with Container(SANDBOX_IMAGE, self.CONFIG, WORKSPACE, guest_modules(*PACKAGES)) as box:
            box.attach()
            box.event("execution_state", "idle")
            cell = {"code": "n = 41\nn + 1", "timeout_ms": 10_000, "max_output_bytes": 10_000, "max_text_characters": 10_000, "silent": False, "execution": "exec_1", "env": {}, "cwd": None}
            self.assertEqual("ok", box.request("execute", cell)["result"]["status"])
            self.assertIn({"text/plain": "42"}, [event.get("data") for event in box.events])
            box.acknowledges = False
            flood = "for _ in range(24): print('x' * (1 << 20))"
            cell = {"code": flood, "timeout_ms": 60_000, "max_output_bytes": 32 << 20, "max_text_characters": 32 << 20, "silent": False, "execution": "exec_1", "env": {}, "cwd": None}
            box.send(encode_frame(REQUEST, 99, json.dumps({"method": "execute", "params": cell}).encode()))

            def printed() -> int:
                return sum(len(event.get("text", "")) for event in box.events if event["id"] == 99)

            box.until(lambda: printed() > 7 << 20)
            with self.assertRaises(TimeoutError):
                box.until(lambda: printed() > 12 << 20, seconds=1)
            box.acknowledges = True
            box.send(encode_frame(ACK, 0, b"", box.seqs[-1]))
            box.until(lambda: any(event["id"] == 99 and event["type"] == "reply" for event in box.events))
            self.assertEqual(24 * ((1 << 20) + 1), printed())

    def test_a_driver_in_a_cell_gets_the_reason_why_there_is_no_database(self) -> None:
        with Container(SANDBOX_IMAGE, self.CONFIG, [], guest_modules(*PACKAGES)) as box:
            box.attach()
            box.event("execution_state", "idle")
            code = "import psycopg\ntry: psycopg.connect('host=/run/postgresql user=u')\nexcept Exception as e: print(e)"
            cell = {"code": code, "timeout_ms": 20_000, "max_output_bytes": 10_000, "max_text_characters": 10_000, "silent": False, "execution": "exec_1", "env": {}, "cwd": None}
            box.send(encode_frame(REQUEST, 99, json.dumps({"method": "execute", "params": cell}).encode()))
            opened = box.take(OPEN, 2)
            box.send(encode_frame(RESET, opened.id, b"no database today"))
            box.until(lambda: any("no database today" in event.get("text", "") for event in box.events))


DATABASE = {
    "mode": "database",
    "version": "test",
    "lease_seconds": 60,
    "services": [],
    "database": {
        "template": "/opt/omcp/pgdata-sample",
        "data": "/data/pgdata",
        "lock": "/data/lock",
        "settings": {"shared_buffers": "16MB", "max_connections": "20"},
    },
}


def startup(user: str, database: str) -> bytes:
    body = struct.pack(">I", 196608) + b"user\0%s\0database\0%s\0\0" % (user.encode(), database.encode())
    return struct.pack(">I", len(body) + 4) + body


def simple_query(sql: str) -> bytes:
    return b"Q" + struct.pack(">I", len(sql) + 5) + sql.encode() + b"\0"


def open_session(box: ServerSide, stream: int) -> None:
    box.send(
        encode_frame(OPEN, stream, b'{"service":"postgres"}')
        + encode_frame(DATA, stream, startup("omcp_admin", "cdm"))
    )
    read_until_ready(box, stream)


def read_until_ready(box: ServerSide, stream: int) -> bytes:
    received = b""
    while not received.endswith(b"Z\0\0\0\5I"):
        received += box.take(DATA, stream).payload
    return received


class LocalPostgres(unittest.TestCase):
    def test_it_serves_the_sample_from_tmpfs_and_shuts_postgres_down_at_its_end(self) -> None:
        tmpfs = ["--tmpfs", "/data:size=160m,uid=10001,gid=10001"]
        with Container(POSTGRES_IMAGE, DATABASE, tmpfs) as box:
            box.attach()
            box.send(encode_frame(OPEN, 1, b'{"service":"postgres"}'))
            self.assertIn(b"cannot reach the local Postgres", box.take(RESET, 1).payload)
            self.assertIsNone(box.event("database_state", "ready")["error"])
            open_session(box, 3)
            box.send(encode_frame(DATA, 3, simple_query("SHOW max_connections; SELECT 6*7 AS listening")))
            received = read_until_ready(box, 3)
            self.assertIn(b"\0\0\0\x0220", received)
            self.assertIn(b"\0\0\0\x0242", received)
            box.send(encode_frame(END, 3))
            box.take(END, 3)
            self.assertEqual("", box.exec("sh", "-c", "cat /proc/net/tcp | tail -n +2").stdout)
            self.assertEqual({}, box.request("shutdown")["result"])
            self.assertEqual(0, box.wait_exit())
            self.assertIn(b"database system is shut down", box.said)

    def test_it_reports_a_postgres_that_dies(self) -> None:
        with Container(POSTGRES_IMAGE, DATABASE, ["--tmpfs", "/data:size=160m,uid=10001,gid=10001"]) as box:
            box.attach()
            box.event("database_state", "ready")
            box.exec("sh", "-c", "kill -9 $(head -1 /data/pgdata/postmaster.pid)")
            error = box.event("database_state", "failed")["error"]
            self.assertEqual({"code": "database_failed", "message": "Postgres ended by SIGKILL"}, error)

    def test_it_reports_a_template_that_does_not_exist(self) -> None:
        config = {**DATABASE, "database": {**DATABASE["database"], "template": "/nowhere"}}  # type: ignore[dict-item]
        with Container(POSTGRES_IMAGE, config, ["--tmpfs", "/data:size=160m,uid=10001,gid=10001"]) as box:
            box.attach()
            self.assertEqual("database_failed", box.event("database_state", "failed")["error"]["code"])

    def test_one_agent_at_a_time_uses_a_volume_and_its_data_is_kept(self) -> None:
        volume = docker("volume", "create", "--label", LABEL)
        mount = ["--volume", volume + ":/data"]
        with Container(POSTGRES_IMAGE, DATABASE, mount) as first:
            first.attach()
            first.event("database_state", "ready")
            open_session(first, 1)
            first.send(encode_frame(DATA, 1, simple_query("SELECT 'patient'::int")))
            self.assertIn(b"patient", read_until_ready(first, 1))
            first.send(encode_frame(DATA, 1, simple_query("CREATE TABLE kept AS SELECT 4711 AS n")))
            read_until_ready(first, 1)
            with Container(POSTGRES_IMAGE, DATABASE, mount) as second:
                second.attach()
                self.assertEqual("cdm_in_use", second.event("database_state", "failed")["error"]["code"])
                second.request("shutdown")
                second.wait_exit()
            docker("kill", "--signal", "TERM", first.name)
            self.assertEqual(0, first.wait_exit())
            self.assertNotIn(b"patient", first.said)
        with Container(POSTGRES_IMAGE, DATABASE, mount) as third:
            third.attach()
            third.event("database_state", "ready")
            open_session(third, 1)
            third.send(encode_frame(DATA, 1, simple_query("SELECT n FROM kept")))
            self.assertIn(b"\0\0\0\x044711", read_until_ready(third, 1))
            third.request("shutdown")
            third.wait_exit()


if __name__ == "__main__":
    unittest.main()
