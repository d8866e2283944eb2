# Runs silently in a kernel, after installations: which of NAMES have a module that the kernel has imported.
import importlib.metadata
import sys


def _is_loaded(name):
    files = importlib.metadata.files(name) or []
    tops = {file.parts[0].partition(".")[0] for file in files if file.parts[0] != "bin"}
    return any(top in sys.modules for top in tops)


display({"application/vnd.omcp.loaded+json": [name for name in NAMES if _is_loaded(name)]})
