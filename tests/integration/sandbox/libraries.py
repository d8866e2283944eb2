"""Imports and uses, a little, every library that the sandbox's image promises. Prints {name: "ok" or what went wrong}."""
from __future__ import annotations

import asyncio
import json
import mmap
import multiprocessing
import os
import pty
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import shared_memory
from typing import Callable, Dict

os.environ["MPLCONFIGDIR"] = "/tmp/matplotlib"


def use_numpy() -> None:
    import numpy as np

    assert np.linalg.inv(np.eye(200)).sum() == 200


def use_pandas() -> None:
    import pandas as pd

    assert pd.DataFrame({"a": [1, 1, 2]}).groupby("a").size().to_dict() == {1: 2, 2: 1}


def use_pyarrow() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": list(range(1000))}), "/workspace/a.parquet")
    assert pq.read_table("/workspace/a.parquet").num_rows == 1000


def use_duckdb() -> None:
    import duckdb

    assert duckdb.sql("select sum(a) from '/workspace/a.parquet'").fetchall() == [(499500,)]


def use_polars() -> None:
    import polars as pl

    assert pl.scan_parquet("/workspace/a.parquet").select(pl.col("a").sum()).collect().item() == 499500


def use_matplotlib() -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn

    seaborn.lineplot(x=[1, 2], y=[3, 4])
    plt.savefig("/workspace/a.png")
    assert open("/workspace/a.png", "rb").read(4) == b"\x89PNG"


def use_statistics() -> None:
    import lifelines
    import scipy.stats
    import statsmodels.api as sm

    assert scipy.stats.norm.cdf(0) == 0.5
    assert sm.OLS([1.0, 2.0, 3.0], sm.add_constant([1.0, 2.0, 3.0])).fit().rsquared > 0.99
    assert lifelines.KaplanMeierFitter().fit([1, 2, 3]).median_survival_time_ == 2


def use_sklearn_in_processes() -> None:
    from joblib import Parallel, delayed
    from sklearn.linear_model import LinearRegression

    assert Parallel(n_jobs=2)(delayed(abs)(-i) for i in range(4)) == [0, 1, 2, 3]
    assert round(LinearRegression(n_jobs=2).fit([[0], [1]], [0, 1]).coef_[0], 6) == 1


def use_postgres_clients() -> None:
    import adbc_driver_postgresql  # noqa: F401
    import psycopg
    import psycopg2
    import sqlalchemy

    for connect in (psycopg.connect, psycopg2.connect):
        try:
            connect("host=/run/nobody user=x connect_timeout=2")
        except (psycopg.OperationalError, psycopg2.OperationalError) as error:
            assert "No such file" in str(error), error
    assert sqlalchemy.create_engine("sqlite://").connect().execute(sqlalchemy.text("select 1")).scalar() == 1


def use_ipython() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    assert InteractiveShell.instance().run_cell("x = 1 + 1").success


def use_multiprocessing() -> None:
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
    block = shared_memory.SharedMemory(create=True, size=1 << 20)
    block.close()
    block.unlink()


def use_processes() -> None:
    script = "echo one | cat; (sleep 0.01 & wait); python3 -c 'print(2)'; bash -c 'echo $((1+2))'"
    assert subprocess.run(script, shell=True, capture_output=True, text=True).stdout == "one\n2\n3\n"
    assert subprocess.run(["uv", "--version"], capture_output=True).returncode == 0


async def child() -> bytes:
    process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0]


def use_asyncio_and_threads() -> None:
    assert asyncio.run(child()) == b"hi\n"
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(abs, range(-100, 0))) == 5050


def use_the_kernel() -> None:
    with tempfile.TemporaryFile() as file:
        file.truncate(4096)
        mmap.mmap(file.fileno(), 4096).close()
    server = socket.socket(socket.AF_UNIX)
    server.bind("/tmp/socket")
    server.listen()
    os.mkfifo("/tmp/fifo")
    os.close(os.memfd_create("x"))
    os.close(os.pidfd_open(os.getpid()))
    for descriptor in pty.openpty():
        os.close(descriptor)
    assert len(os.sched_getaffinity(0)) > 0 and len(os.urandom(8)) == 8


def attempt(action: Callable[[], None]) -> str:
    try:
        action()
        return "ok"
    except BaseException as error:  # noqa: BLE001: whatever it is, it is the finding
        return "%s: %s" % (type(error).__name__, error)


def main() -> None:
    found: Dict[str, str] = {
        name[4:]: attempt(action) for name, action in list(globals().items()) if name.startswith("use_")
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
