"""Last step of the build: makes the environment fit for a read-only root and a home that starts empty."""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))
SHARED = Path("/opt/omcp")

#: Packages whose own test suites are a good part of their weight. Nothing else imports these folders.
WITH_TEST_SUITES = (
    "matplotlib", "mpl_toolkits", "networkx", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels", "sympy",
)

#: One compact font (3.5 MB) with the characters of Chinese, Japanese and Korean, from the distribution. Its sister
#: DroidSansFallbackFull lacks Korean.
CJK_FONT = Path("/usr/share/fonts-droid-fallback/truetype/DroidSansFallback.ttf")

#: Run by `site` at each start of the interpreter: see {@link write_home_hook}.
HOME_HOOK = '''\
"""Links DuckDB's extensions into the home folder, where alone DuckDB looks for them.

A home on a tmpfs starts empty, and DuckDB would try to download what it does not find.
"""

import os


def link_extensions(shared="/opt/omcp/duckdb"):
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        return
    for folder, _, files in os.walk(shared):
        target = os.path.join(home, ".duckdb/extensions", os.path.relpath(folder, shared))
        for name in files:
            link = os.path.join(target, name)
            if not os.path.lexists(link):
                os.makedirs(target, exist_ok=True)
                os.symlink(os.path.join(folder, name), link)


try:
    link_extensions()
except OSError:
    pass
'''


def remove_test_suites() -> None:
    """Removes the packages' own tests."""
    for package in WITH_TEST_SUITES:
        for folder in sorted((SITE / package).rglob("tests")):
            if folder.is_dir():
                shutil.rmtree(folder)


def collect_duckdb_extensions() -> None:
    """Lays DuckDB's extensions out as DuckDB wants them: version, platform, file."""
    import duckdb

    row = duckdb.sql("PRAGMA platform").fetchone()
    assert row is not None
    found = sorted(SITE.glob("duckdb_extension_*/extensions/v*/*.duckdb_extension"))
    if not found:
        raise SystemExit("no DuckDB extension is among the packages")
    for file in found:
        version = file.parent.name
        if version != "v" + duckdb.__version__:
            raise SystemExit(f"{file.name} is for {version}, DuckDB is {duckdb.__version__}")
        folder = SHARED / "duckdb" / version / str(row[0])
        folder.mkdir(parents=True, exist_ok=True)
        file.rename(folder / file.name)


def write_home_hook() -> None:
    """Makes each interpreter of the environment link the extensions into a home that lacks them."""
    (SITE / "omcp_home.py").write_text(HOME_HOOK, encoding="utf-8")
    (SITE / "omcp_home.pth").write_text("import omcp_home\n", encoding="utf-8")
    compileall.compile_file(str(SITE / "omcp_home.py"), quiet=1)


def add_cjk_font() -> None:
    """Makes matplotlib fall back to a CJK font for the characters that its own font lacks."""
    import matplotlib

    data = Path(matplotlib.get_data_path())
    shutil.copy(CJK_FONT, data / "fonts/ttf")
    # Nothing of the system's fonts leaves this stage: the font cache must not list them.
    for folder in (CJK_FONT.parent, Path("/usr/share/fonts")):
        shutil.rmtree(folder)
    settings = data / "matplotlibrc"
    ours = "font.family: DejaVu Sans, Droid Sans Fallback"
    text, count = re.subn(r"^#*font\.family:.*$", ours, settings.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise SystemExit(f"{settings} has {count} lines for font.family")
    settings.write_text(text, encoding="utf-8")


def build_font_cache() -> None:
    """Fills the font cache of matplotlib, which a sandbox copies: without it the first plot costs seconds."""
    folder = SHARED / "matplotlib"
    folder.mkdir(parents=True)
    environment = {**os.environ, "MPLCONFIGDIR": str(folder), "HOME": "/nonexistent"}
    subprocess.run([sys.executable, "-c", "import matplotlib.pyplot"], env=environment, check=True)
    caches = list(folder.glob("fontlist-*.json"))
    if not caches:
        raise SystemExit("matplotlib wrote no font cache")
    # Names relative to matplotlib's own data: all others stay behind with this stage of the build.
    lost = [font["fname"] for font in json.loads(caches[0].read_text())["ttflist"] if os.path.isabs(font["fname"])]
    if lost:
        raise SystemExit(f"the font cache lists fonts that the image will not have: {lost}")


def check() -> None:
    """Proves that DuckDB loads the extension from a fresh home, offline."""
    environment = {"HOME": "/tmp/home", "PATH": "/opt/venv/bin"}
    code = "import duckdb; duckdb.sql('LOAD postgres')"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    for package in ("lightgbm", "xgboost", "tables", "acro", "e2b_charts", "vl_convert", "tableone", "plotly", "altair"):
        subprocess.run([sys.executable, "-c", "import " + package], env=environment, check=True)


if __name__ == "__main__":
    SHARED.mkdir(parents=True)
    remove_test_suites()
    collect_duckdb_extensions()
    write_home_hook()
    add_cjk_font()
    build_font_cache()
    check()
