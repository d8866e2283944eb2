"""Starts PostgreSQL on the image's sample, runs a query in parallel workers and stops it. Prints one JSON object."""
from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time

DATA = "/workspace/pgdata"
DEADLINE = 60.0


def ready() -> bool:
    try:
        with open(DATA + "/postmaster.pid", encoding="ascii") as file:
            return file.read().split("\n")[7].strip() == "ready"
    except (OSError, IndexError):
        return False


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def query(sql: str) -> str:
    """The server's whole response to a query, as text that includes the binary parts."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect("/run/postgresql/.s.PGSQL.5432")
        client.sendall(message(b"", b"\0\3\0\0user\0omcp_admin\0database\0cdm\0\0"))
        client.sendall(message(b"Q", sql.encode() + b"\0") + message(b"X", b""))
        answer = b""
        while True:
            piece = client.recv(65536)
            if not piece:
                return answer.decode("latin-1")
            answer += piece


def main() -> None:
    subprocess.run(["cp", "-a", "/opt/omcp/pgdata-sample", DATA], check=True)
    os.makedirs("/run/postgresql", exist_ok=True)
    with open("/tmp/log", "wb") as log:
        options = ["-c", "listen_addresses=", "-c", "unix_socket_directories=/run/postgresql", "-c", "shared_buffers=64MB"]
        server = subprocess.Popen(["postgres", "-D", DATA, *options], stdout=log, stderr=log)
    started = time.monotonic()
    while not ready() and server.poll() is None and time.monotonic() - started < DEADLINE:
        time.sleep(0.02)
    answer = ""
    if ready():
        answer = query(
            "SET debug_parallel_query = on; SET min_parallel_table_scan_size = 0;"
            "SELECT 'persons: ' || count(*) FROM cdm.person; CREATE TABLE probe AS SELECT 1 AS one; CHECKPOINT"
        )
        server.send_signal(signal.SIGINT)
    exit_code = server.wait(DEADLINE)
    with open("/tmp/log", encoding="utf-8", errors="replace") as log:
        print(json.dumps({"answer": answer, "exit_code": exit_code, "log": log.read()[-2000:]}))


main()
