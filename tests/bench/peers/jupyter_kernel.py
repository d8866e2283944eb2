"""ipykernel through jupyter_client: no container, no isolation. Prints one line of JSON: times in ms. Arguments: cells, rounds, how many at once."""
from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Tuple

from jupyter_client.manager import start_new_kernel

cells, rounds, at_once = (int(argument) for argument in sys.argv[1:])


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


def cell(client: Any) -> None:
    reply = client.execute_interactive("1", timeout=60, output_hook=lambda _message: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(str(reply["content"]))


started: List[Tuple[Any, Any]] = []


def create() -> None:
    manager, client = start_new_kernel(startup_timeout=60)
    started.append((manager, client))
    cell(client)


def end_all() -> None:
    while started:
        manager, client = started.pop()
        client.stop_channels()
        manager.shutdown_kernel(now=True)


try:
    created = []
    for _ in range(rounds):
        created.append(timed(create))
        end_all()
    create()
    client = started[0][1]
    for _ in range(10):
        cell(client)
    repeated = [timed(lambda: cell(client)) for _ in range(cells)]
    end_all()
    with ThreadPoolExecutor(at_once) as pool:
        together = timed(lambda: list(pool.map(lambda _: create(), range(at_once))))
    print(json.dumps({"cell": repeated, "created": created, "together": [together]}))
finally:
    end_all()
