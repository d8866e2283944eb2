"""The agent in a local process: attach, events, streams, lease, and faults that it must survive.

Longer than 300 lines: every test needs the started agent and the helpers at the top.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Dict, List

from server_side import (
    ACK,
    COMMAND,
    CREDIT,
    DATA,
    END,
    OPEN,
    PING,
    PONG,
    REQUEST,
    RESET,
    MAGIC,
    ServerSide,
    boot_bytes,
    encode_frame,
    sandbox_config,
)
from agent.events import MAX_UNACKNOWLEDGED, EventWindow
from agent.frames import ProtocolError

Config = Dict[str, Any]
SANDBOX: Config = sandbox_config()


def ping(text: bytes = b"12345678") -> bytes:
    return encode_frame(PING, 0, text)


def credit(stream: int, count: int) -> bytes:
    return encode_frame(CREDIT, stream, struct.pack(">I", count))


class Attach(unittest.TestCase):
    def test_hello_attests_the_effective_confinement(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            self.assertEqual(1, server.hello["protocol"])
            self.assertEqual("sandbox", server.hello["mode"])
            found = server.hello["attestation"]
            self.assertEqual(os.getuid(), found["uid"])
            self.assertIs(False, found["dumpable"])
            # Root may open them.
            self.assertIs(os.getuid() == 0, found["descriptors_open"])
            self.assertIn("lo", found["interfaces"])
            self.assertIs(bool, type(found["mounts"]["/"]))
            self.assertEqual(
                {"memory_bytes", "swap_bytes", "pids_max", "user_processes", "cpu_quota"}, set(found["limits"])
            )
            self.assertRegex(found["capabilities"]["effective"], "^[0-9a-f]{16}$")

    def test_without_a_kernel_it_reports_that_and_keeps_serving(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            state = server.event("execution_state", "dead")
            self.assertEqual("kernel_unavailable", state["error"]["code"])
            params = {"code": "1", "timeout_ms": 1000, "max_output_bytes": 1000, "max_text_characters": 1000, "silent": False, "execution": "exec_1", "env": {}, "cwd": None}
            reply = server.request("execute", params)
            self.assertEqual("kernel_unavailable", reply["error"]["code"])
            self.assertEqual("unknown_method", server.request("nonsense")["error"]["code"])

    def test_a_request_that_arrives_with_the_attach_is_served(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.send(MAGIC + b"nonce, 16 bytes!" + encode_frame(REQUEST, 1, b'{"method":"nonsense"}'))
            server.attach()
            server.until(lambda: any(event["type"] == "reply" for event in server.events))
            # The kernel's state may arrive in the same read, after the reply.
            replies = [event for event in server.events if event["type"] == "reply"]
            self.assertEqual(["unknown_method"], [reply["error"]["code"] for reply in replies])

    def test_pong_repeats_the_bytes_of_the_ping(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            server.send(ping(b"abcdefgh") + ping(b"ijklmnop"))
            self.assertEqual(
                [b"abcdefgh", b"ijklmnop"], [server.take(PONG).payload, server.take(PONG).payload]
            )

    def test_invalid_parameters_are_refused(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            error = server.request("status", [1])["error"]
            self.assertEqual("invalid_argument", error["code"])
            self.assertEqual("Cannot status: params must be an object; received a list", error["message"])
            missing = server.request("execute", {"code": "1"})["error"]
            self.assertEqual("Cannot execute: params.timeout_ms is missing", missing["message"])

    def test_an_invalid_configuration_is_reported_on_stderr(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": "long"}) as server:
            self.assertEqual(1, server.wait_exit())
            self.assertIn(b"config.lease_seconds must be a number above 0, at most 86400; received a text", server.said)

    def test_each_attach_resends_unacknowledged_events(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.acknowledges = False
            server.attach()
            server.request("one")
            self.assertEqual([1, 2], server.seqs)
            server.attach()
            server.until(lambda: len(server.seqs) == 4)
            self.assertEqual([1, 2, 1, 2], server.seqs)
            self.assertEqual(server.events[:2], server.events[2:])
            server.send(encode_frame(ACK, 0, b"", 1))
            server.attach()
            server.request("two")
            self.assertEqual([1, 2, 1, 2, 2, 3], server.seqs)

    def test_an_attach_may_begin_within_a_frame(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            for torn in (
                ping()[:1],
                ping()[:15],
                ping()[:23],
                encode_frame(DATA, 1, b"x" * 40000)[:30000],
                MAGIC[:9],
                MAGIC + b"nonce",
            ):
                server.send(torn)
                time.sleep(0.05)
                server.attach()
                server.send(ping())
                self.assertEqual(b"12345678", server.take(PONG).payload)

    def test_malformed_frames_close_the_attach_and_not_the_agent(self) -> None:
        hostile = [
            b"\xff" * 16,
            encode_frame(PING, 0, b"short"),
            encode_frame(DATA, 1, b"never opened"),
            encode_frame(DATA, 2, b"x"),
            struct.pack(">BBHIII", DATA, 0, 0, 1, 0, 2**32 - 1),
            encode_frame(2, 1, b"{"),
            encode_frame(2, 1, b"[" * 60000),
            encode_frame(2, 1, b'{"method":7}'),
            encode_frame(ACK, 0, b"", 9999),
            encode_frame(OPEN, 2, b'{"service":"x"}'),
            encode_frame(OPEN, 1, b'{"service":"x"}') * 2,
            encode_frame(3, 1, b'{"type":"x"}', 1),
        ]
        with ServerSide(SANDBOX) as server:
            for frame in hostile:
                with self.subTest(frame[:40]):
                    server.attach()
                    server.said = b""
                    server.send(frame + ping(b"too late"))
                    server.until(lambda: b"channel is broken" in server.said)
                    server.attach()
                    server.send(ping())
                    self.assertEqual(b"12345678", server.take(PONG).payload)
            self.assertIsNone(server.process.poll())

    def test_an_unknown_service_is_refused(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            server.send(encode_frame(OPEN, 5, b'{"service":"ssh"}'))
            self.assertEqual(b"unknown service", server.take(RESET, 5).payload)


class Life(unittest.TestCase):
    def test_the_lease_ends_it_without_a_server(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": 1}) as server:
            self.assertEqual(75, server.wait_exit())

    def test_the_lease_starts_again_with_each_frame(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": 1}) as server:
            server.attach()
            for _ in range(8):
                server.send(ping())
                server.take(PONG)
                time.sleep(0.25)
            self.assertIsNone(server.process.poll())
            self.assertEqual(75, server.wait_exit())

    def test_it_survives_a_pause_longer_than_the_lease_if_frames_arrived_meanwhile(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": 1}) as server:
            server.attach()
            server.process.send_signal(signal.SIGSTOP)
            server.send(ping())
            time.sleep(1.5)
            server.process.send_signal(signal.SIGCONT)
            self.assertEqual(b"12345678", server.take(PONG).payload)

    def test_after_stdin_is_closed_it_lives_until_its_lease_expires(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": 1}) as server:
            server.attach()
            server.event("execution_state", "dead")
            server.acknowledges = False
            server.until(server.all_sent)
            assert server.process.stdin
            server.process.stdin.close()
            time.sleep(0.3)
            self.assertIsNone(server.process.poll())
            self.assertEqual(75, server.wait_exit())

    def test_it_survives_a_closed_stdout_until_its_lease_expires(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": 2}) as server:
            server.attach()
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, server.output)
            os.close(null)
            for _ in range(3):
                server.send(ping())
                time.sleep(0.2)
            self.assertIsNone(server.process.poll())
            server.process.wait(10)
            self.assertEqual(75, server.process.returncode)

    def test_its_memory_is_bounded_when_the_server_never_reads(self) -> None:
        with ServerSide({**SANDBOX, "lease_seconds": 2}) as server:
            server.attach()
            flood = ping() * 4000
            sent = 0
            deadline = time.monotonic() + 10
            # A full pipe may accept only a part of a write: the rest is written next, so that no frame is incomplete.
            most, rest = 400 * len(flood), b""
            while sent < most and time.monotonic() < deadline:
                try:
                    rest = rest or flood
                    taken = os.write(server.input, rest)
                    sent, rest = sent + taken, rest[taken:]
                except BlockingIOError:
                    if server.process.poll() is not None:
                        break
                    with open("/proc/%d/status" % server.process.pid) as file:
                        resident = next(
                            (int(line.split()[1]) for line in file if line.startswith("VmRSS")), 0
                        )
                    self.assertLess(resident, 80_000)
                    time.sleep(0.1)
                except BrokenPipeError:
                    break
            self.assertLess(sent, most)
            server.process.wait(10)
            self.assertEqual(75, server.process.returncode)

    def test_sigterm_ends_it_and_sigint_does_not(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            server.process.send_signal(signal.SIGINT)
            server.send(ping())
            server.take(PONG)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, server.wait_exit())

    def test_shutdown_is_answered(self) -> None:
        with ServerSide(SANDBOX) as server:
            server.attach()
            self.assertEqual({}, server.request("shutdown")["result"])
            self.assertEqual(0, server.wait_exit())

    def test_it_reports_a_boot_message_that_is_cut_short_or_too_long(self) -> None:
        for begun, said in (
            (boot_bytes({})[:100], b"stdin ended early"),
            (b"\xff\xff\xff\xff", b"must be at most 8388608 bytes"),
        ):
            done = subprocess.run([sys.executable, *COMMAND], input=begun, capture_output=True, timeout=20)
            self.assertIn(said, done.stderr)
            self.assertEqual(1, done.returncode)


class Relay(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "pg", ".s.PGSQL.5432")
        config = {
            **SANDBOX,
            "services": ["postgres"],
            "postgres_socket_directory": os.path.dirname(self.path),
        }
        self.server = ServerSide(config)
        self.server.attach()
        self.server.event("execution_state", "dead")
        self.clients: List[socket.socket] = []

    def tearDown(self) -> None:
        for client in self.clients:
            client.close()
        self.server.__exit__()
        self.folder.cleanup()

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(self.path)
        self.clients.append(client)
        return client

    def test_only_the_user_may_connect(self) -> None:
        self.assertEqual(0o700, os.stat(os.path.dirname(self.path)).st_mode & 0o777)
        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)

    def test_bytes_and_half_closes_pass_in_both_directions(self) -> None:
        client = self.connect()
        opened = self.server.take(OPEN, 2)
        self.assertEqual({"service": "postgres"}, json.loads(opened.payload))
        client.sendall(b"question")
        self.assertEqual(b"question", self.server.take(DATA, 2).payload)
        client.shutdown(socket.SHUT_WR)
        self.server.take(END, 2)
        self.server.send(encode_frame(DATA, 2, b"ans") + encode_frame(DATA, 2, b"wer") + encode_frame(END, 2))
        received = b""
        while True:
            part = client.recv(100)
            if not part:
                break
            received += part
        self.assertEqual(b"answer", received)
        self.connect()
        self.server.take(OPEN, 4)

    def test_it_sends_nothing_beyond_the_credit(self) -> None:
        client = self.connect()
        self.server.take(OPEN, 2)
        client.settimeout(0.3)
        sent = 0
        block = bytes(range(256)) * 256
        try:
            while True:
                sent += client.send(block)
                self.assertLess(sent, 3_000_000)
        except socket.timeout:
            pass
        got = b""
        self.server.until(lambda: sum(len(f.payload) for f in self.server.frames) >= 262144)
        self.server.send(ping())
        self.server.take(PONG)
        self.assertEqual(262144, sum(len(f.payload) for f in self.server.frames if f.type == DATA))
        self.server.send(credit(2, 2**31 - 1))
        self.server.until(lambda: sum(len(f.payload) for f in self.server.frames) >= sent)
        got = b"".join(f.payload for f in self.server.frames)
        self.assertEqual((block * (sent // len(block) + 1))[:sent], got)

    def test_it_grants_credit_for_the_bytes_that_the_client_has_read(self) -> None:
        client = self.connect()
        self.server.take(OPEN, 2)
        total, left, sent, got = 4_000_000, 262144, 0, 0
        client.setblocking(False)
        while got < total:
            while left > 0 and sent < total:
                count = min(50_000, left, total - sent)
                self.server.send(encode_frame(DATA, 2, b"z" * count))
                sent, left = sent + count, left - count
            try:
                got += len(client.recv(100_000))
            except BlockingIOError:
                self.server.turn(time.monotonic() + 10, at_most=0.01)
            for frame in [f for f in self.server.frames if f.type == CREDIT]:
                left += struct.unpack(">I", frame.payload)[0]
                self.server.frames.remove(frame)
        self.assertEqual(total, got)

    def test_data_beyond_the_credit_ends_the_attach_but_not_the_agent(self) -> None:
        self.connect()
        self.server.take(OPEN, 2)
        for _ in range(20):
            self.server.send(encode_frame(DATA, 2, b"z" * 65536))
        self.server.until(lambda: b"beyond its credit" in self.server.said)
        self.server.attach()
        self.connect()
        self.server.take(OPEN, 2)

    def test_a_slow_client_does_not_stall_another(self) -> None:
        self.connect()
        quick = self.connect()
        self.server.take(OPEN, 2)
        self.server.take(OPEN, 4)
        for _ in range(4):
            self.server.send(encode_frame(DATA, 2, b"z" * 65536))
        self.server.send(encode_frame(DATA, 4, b"quick"))
        self.assertEqual(b"quick", quick.recv(100))

    def test_a_client_gets_a_reset_before_any_data_as_an_error_of_postgres(self) -> None:
        client = self.connect()
        self.server.take(OPEN, 2)
        self.server.send(encode_frame(RESET, 2, b"the database is away"))
        message = client.recv(1000)
        self.assertEqual(b"E", message[:1])
        self.assertEqual(len(message) - 1, struct.unpack(">I", message[1:5])[0])
        self.assertIn(b"C08006\0", message)
        self.assertIn(b"the database is away\0", message)
        self.assertEqual(b"", client.recv(1000))

    def test_a_reset_after_data_closes_the_connection_without_an_error(self) -> None:
        client = self.connect()
        self.server.take(OPEN, 2)
        self.server.send(encode_frame(DATA, 2, b"half") + encode_frame(RESET, 2, b"lost"))
        self.assertEqual(b"half", client.recv(1000))
        self.assertEqual(b"", client.recv(1000))

    def test_a_client_that_closes_its_connection_ends_its_stream(self) -> None:
        client = self.connect()
        self.server.take(OPEN, 2)
        client.close()
        self.server.take(END, 2)
        self.server.send(encode_frame(DATA, 2, b"into the void"))
        self.assertIn(b"connection failed", self.server.take(RESET, 2).payload)

    def test_connections_beyond_the_limit_get_an_error(self) -> None:
        for number in range(1, 33):
            self.connect()
            self.server.take(OPEN, 2 * number)
        self.assertIn(b"C53300\0", self.connect().recv(1000))
        self.clients[0].close()
        self.server.take(END, 2)
        self.server.send(encode_frame(END, 2) + ping())
        self.server.take(PONG)
        self.connect()
        self.server.take(OPEN, 66)

    def test_an_attach_ends_the_streams_of_the_previous_one(self) -> None:
        client = self.connect()
        self.server.take(OPEN, 2)
        self.server.attach()
        self.assertIn(b"C08006\0", client.recv(1000))
        self.connect()
        self.server.take(OPEN, 2)

    def test_without_a_server_a_connection_gets_an_error(self) -> None:
        self.server.send(b"\xff" * 32)
        self.server.until(lambda: b"channel is broken" in self.server.said)
        self.assertIn(b"C57P03\0", self.connect().recv(1000))


class Window(unittest.TestCase):
    def test_it_has_room_until_a_limit_is_reached(self) -> None:
        window = EventWindow()
        for _ in range(MAX_UNACKNOWLEDGED):
            self.assertTrue(window.has_room)
            window.add(1, {"type": "x"})
        self.assertFalse(window.has_room)
        window.acknowledge(1)
        self.assertTrue(window.has_room)
        window.add(1, {"type": "x", "text": "y" * (8 << 20)})
        self.assertFalse(window.has_room)
        with self.assertRaises(ProtocolError):
            window.acknowledge(MAX_UNACKNOWLEDGED + 2)
        window.acknowledge(MAX_UNACKNOWLEDGED + 1)
        self.assertTrue(window.has_room)

    def test_values_that_json_cannot_represent_are_replaced(self) -> None:
        window = EventWindow()
        window.add(1, {"type": "x", "text": "a\ud800b", "number": float("nan"), "list": [float("inf")]})
        frame = window.next_frame() or b""
        self.assertEqual({"type": "x", "text": "a?b", "number": None, "list": [None]}, json.loads(frame[16:]))

    def test_an_event_that_is_too_long_for_a_message_becomes_an_error(self) -> None:
        window = EventWindow()
        window.add(1, {"type": "reply", "result": "y" * (17 << 20)})
        self.assertEqual("internal", json.loads((window.next_frame() or b"")[16:])["error"]["code"])
        window.add(1, {"type": "stream", "name": "stdout", "text": "y" * (17 << 20)})
        self.assertEqual("EventTooLarge", json.loads((window.next_frame() or b"")[16:])["ename"])
        self.assertIsNone(window.next_frame())


if __name__ == "__main__":
    unittest.main()
