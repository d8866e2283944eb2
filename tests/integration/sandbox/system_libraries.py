"""Uses every library of the image that inspects the machine. Prints {name: "ok" or what went wrong}."""
from __future__ import annotations

import json
import os
import warnings
from typing import Callable, Dict

warnings.simplefilter("error")


def use_os() -> None:
    assert (os.cpu_count() or 0) >= 1 and len(os.sched_getaffinity(0)) >= 1
    assert os.sysconf("SC_PHYS_PAGES") > 0 and os.sysconf("SC_AVPHYS_PAGES") > 0 and os.sysconf("SC_NPROCESSORS_CONF") >= 1
    assert os.uname().nodename == "sandbox"


def use_platform() -> None:
    import platform

    assert platform.platform() and platform.libc_ver()[0] == "glibc" and platform.freedesktop_os_release()["ID"] == "debian"


def use_psutil_memory() -> None:
    import psutil

    assert psutil.virtual_memory().available > 0 and psutil.swap_memory().total >= 0
    assert psutil.disk_usage("/workspace").total > 0


def use_psutil_processors() -> None:
    import psutil

    assert psutil.cpu_count() and psutil.cpu_count(logical=False)
    assert psutil.cpu_percent(interval=0.05) >= 0 and psutil.cpu_times().user > 0 and psutil.cpu_stats().ctx_switches > 0
    psutil.cpu_freq()
    assert psutil.boot_time() > 0


def use_psutil_processes() -> None:
    import psutil

    me = psutil.Process()
    assert me.memory_info().rss > 0 and me.create_time() > 0 and me.num_threads() >= 1 and me.open_files() == []
    assert me.username() and me.cwd() == "/workspace" and me.memory_full_info().uss > 0
    assert [process.pid for process in psutil.process_iter()] == psutil.pids()


def use_psutil_disks() -> None:
    import psutil

    assert isinstance(psutil.disk_io_counters(perdisk=True), dict)
    psutil.disk_partitions(all=True)
    psutil.users()


def use_numpy() -> None:
    import numpy as np

    np.show_config()
    assert (np.ones((500, 500)) @ np.ones((500, 500))).sum() == 500**3


def use_polars() -> None:
    import polars as pl

    assert pl.thread_pool_size() >= 1
    assert pl.DataFrame({"a": range(100_000)}).lazy().select(pl.col("a").sum()).collect().item() == 4999950000


def use_duckdb() -> None:
    import duckdb

    connection = duckdb.connect()
    assert connection.sql("select current_setting('threads')::int").fetchall()[0][0] >= 1
    assert connection.sql("select current_setting('memory_limit')").fetchall()[0][0]
    assert connection.sql("select sum(i) from range(1000000) t(i)").fetchall() == [(499999500000,)]


def use_pyarrow() -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    assert pa.cpu_count() >= 1 and pa.runtime_info().simd_level and pc.sum(pa.array(range(1000))).as_py() == 499500


def use_joblib() -> None:
    import joblib

    assert joblib.cpu_count() >= 1 and joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-n) for n in range(4)) == [0, 1, 2, 3]


def use_threadpoolctl() -> None:
    import numpy  # noqa: F401 - its libraries are what is looked at
    import threadpoolctl

    assert all(library["num_threads"] >= 1 for library in threadpoolctl.threadpool_info())


def use_boosting() -> None:
    warnings.simplefilter("default")
    import lightgbm
    import numpy as np
    import xgboost

    x, y = np.arange(200).reshape(-1, 1), np.arange(200) % 2
    lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, y)
    xgboost.XGBClassifier(n_estimators=2).fit(x, y)


def use_multiprocessing() -> None:
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


def outcome(use: Callable[[], None]) -> str:
    try:
        use()
        return "ok"
    except BaseException as error:
        return "%s: %s" % (type(error).__name__, error)


def main() -> None:
    import contextlib
    import io

    found: Dict[str, str] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for name, value in list(globals().items()):
            if name.startswith("use_"):
                found[name[4:]] = outcome(value)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
