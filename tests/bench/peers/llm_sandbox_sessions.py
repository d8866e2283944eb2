"""llm-sandbox on Docker. Prints one line of JSON: times in ms. Arguments: the image, cells, rounds, how many at once.

The image is ours, because its own cannot be pulled everywhere, and sessions set up no virtual environment in it, which would need
a package index. It has no limits, as by default.
"""
from __future__ import annotations

import json
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict

from llm_sandbox import SandboxSession
from llm_sandbox.pool import PoolConfig, create_pool_manager

image = sys.argv[1]
cells, rounds, at_once = (int(argument) for argument in sys.argv[2:])
logging.disable(logging.WARNING)
options: Dict[str, Any] = {
    "lang": "python",
    "image": image,
    "keep_template": True,
    "skip_environment_setup": True,
    "runtime_configs": {"user": "root", "network_mode": "none", "labels": {"org.omcp.bench": "peer"}},
}


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


def run(session: Any) -> None:
    result = session.run("print(1)")
    if result.exit_code != 0:
        raise RuntimeError("exit code %s: %s" % (result.exit_code, result.stderr))


def create() -> SandboxSession:
    session = SandboxSession(**options)
    session.open()
    run(session)
    return session


created = []
for _ in range(rounds):
    kept = []
    created.append(timed(lambda: kept.append(create())))
    kept[0].close()
with SandboxSession(**options) as one:
    repeated = [timed(lambda: run(one)) for _ in range(cells)]
with ThreadPoolExecutor(at_once) as pool:
    kept = []
    together = timed(lambda: kept.extend(pool.map(lambda _: create(), range(at_once))))
    list(pool.map(lambda session: session.close(), kept))
# What is pooled runs in the virtual environment: it is made, but nothing is fetched for it.
options.pop("skip_environment_setup")
options["runtime_configs"]["environment"] = {"PIP_RETRIES": "0"}
manager = create_pool_manager(backend="docker", config=PoolConfig(min_pool_size=1, max_pool_size=2), **options)


def acquire_and_run() -> None:
    with SandboxSession(pool=manager, lang="python") as session:
        run(session)


try:
    # The first one waits until the pool is filled.
    acquire_and_run()
    pooled = [timed(acquire_and_run) for _ in range(rounds)]
finally:
    manager.close()
print(json.dumps({"cell": repeated, "created": created, "together": [together], "pooled": pooled}))
