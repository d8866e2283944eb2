"""A session over MCP with only the standard library: one JSON-RPC message per line, on the server's stdin and stdout."""

import base64
import itertools
import json
import os
import re
import subprocess
import sys

PLOT = """
import matplotlib.pyplot as plt
plt.bar(by_gender.gender_concept_name, by_gender.persons)
plt.ylabel("persons")
"""

command = sys.argv[1:] or ["deno", "task", "-q", "start"]
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
ids = itertools.count(1)


def send(message):
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    server.stdin.flush()


def request(method, params):
    number = next(ids)
    send({"id": number, "method": method, "params": params})
    for line in server.stdout:
        message = json.loads(line)
        if message.get("id") == number:  # else a notification, such as progress
            return message["result"]
    raise ConnectionError("the server ended")


def call(name, **arguments):
    result = request("tools/call", {"name": name, "arguments": arguments})
    text = "\n".join(block.get("text", "") for block in result["content"]).strip()
    if result.get("isError"):
        raise RuntimeError(text)
    print("\n%s\n%s" % (name, text))
    return text, [base64.b64decode(block["data"]) for block in result["content"] if block["type"] == "image"]


client = {"name": "example", "version": "1"}
request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
send({"method": "notifications/initialized"})
sandbox = re.search("sbx_[0-9a-f]{32}", call("create_sandbox")[0]).group()
persons = {"fn": "count", "column": "*", "as": "persons"}
query = {"table": "person", "group_by": ["gender_concept_id"], "aggregates": [persons], "concept_name": True}
call("query_omop", sandbox_id=sandbox, into="by_gender", **query)
_, images = call("execute_python_code", sandbox_id=sandbox, code=PLOT)
with open(os.path.join(os.environ.get("OUTPUT", "."), "figure.png"), "wb") as file:
    file.write(images[0])
call("remove_sandbox", sandbox_id=sandbox)
server.stdin.close()
server.wait()
