"""Reads one statement's COPY from Postgres's own socket, in Postgres's container, and prints the seconds of each round as JSON."""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from typing import List

BUFFER = bytearray(1 << 18)


def until_ready(connection: socket.socket) -> None:
    tail = b""
    while not tail.endswith(b"Z\x00\x00\x00\x05I"):
        count = connection.recv_into(BUFFER)
        if count == 0:
            sys.exit("the server closed")
        tail = (tail + bytes(BUFFER[max(0, count - 6) : count]))[-6:]


statement, rounds = sys.argv[1].encode() + b"\x00", int(sys.argv[2])
connection = socket.socket(socket.AF_UNIX)
connection.connect("/run/postgresql/.s.PGSQL.5432")
startup = b"\x00\x03\x00\x00user\x00omcp_reader\x00database\x00cdm\x00\x00"
connection.sendall(struct.pack(">I", len(startup) + 4) + startup)
until_ready(connection)
seconds: List[float] = []
for _ in range(rounds):
    start = time.perf_counter()
    connection.sendall(b"Q" + struct.pack(">I", len(statement) + 4) + statement)
    until_ready(connection)
    seconds.append(time.perf_counter() - start)
print(json.dumps(seconds))
