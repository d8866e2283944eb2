"""Misuses the socket of the package omcp: thousands of calls, deep and endless JSON, clients that neither write nor read."""

import json
import socket

import omcp
from omcp._calls import SOCKET


def connect():
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(SOCKET)
    client.settimeout(40)
    return client


def answer(client):
    """The answer's parts until the other side closes; "" where it closes without one."""
    received = b""
    try:
        while part := client.recv(1 << 16):
            received += part
    except ConnectionError:
        pass
    return received


def code_of(received):
    reply = json.loads(received or b'{"ok": false, "error": {"code": "refused"}}')
    return "ok" if reply["ok"] else reply["error"]["code"]


call = json.dumps({"tool": "get_concept", "arguments": {"concept_id": 201826}}).encode() + b"\n"

# Fifty times what may be open at a time.
found = []
for _ in range(8):
    clients = []
    for _ in range(100):
        client = connect()
        try:
            client.sendall(call)
        except ConnectionError:
            pass
        clients.append(client)
    # Most of them leave before their answer.
    for at, client in enumerate(clients):
        if at % 12 == 0 or at > 95:
            found.append(code_of(answer(client)))
        client.close()
print("flood: %d answered, %d refused" % (found.count("ok"), found.count("capacity")))

deep = connect()
deep.sendall(b'{"tool":"get_concept","arguments":' + b'{"a":[' * 20_000 + b"\n")
print("deep:", code_of(answer(deep)))

endless = connect()
try:
    for _ in range(1000):
        endless.sendall(b'"' * (1 << 16))
    print("long: taken")
except ConnectionError:
    print("long: refused")

silent = [connect() for _ in range(8)]
silent[0].sendall(b'{"tool":')
unread = [connect() for _ in range(4)]
for client in unread:
    client.sendall(call)
print("beside them:", len(omcp.concepts("diabetes")))
