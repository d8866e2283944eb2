"""The program that a zygote begins with. Runs in the zygote."""
from __future__ import annotations

# When memory runs out, the operating system ends what is forked from here first and the agent last; oom_score_adj must be set before
# the process becomes undumpable. Reads `u32 length` and JSON {"modules", "code", "config"}, as the loader does. Every module gets a copy of the builtins, which user code cannot patch.
STUB = """
try:
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
except OSError:
    pass
import ctypes
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
import binascii, builtins, json, marshal, os, sys
from importlib.machinery import ModuleSpec
def read(length):
    parts = []
    while length > 0:
        parts.append(os.read(3, min(length, 1 << 18)))
        if not parts[-1]:
            os._exit(0)
        length -= len(parts[-1])
    return b"".join(parts)
class Sources:
    def __init__(self, sources, code):
        self.sources = sources
        self.code = code
    def find_spec(self, name, path=None, target=None):
        if name == "omcp_kernel" or name in self.sources or name in self.code:
            return ModuleSpec(name, self, is_package=name == "omcp_kernel")
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        module.__dict__["__builtins__"] = dict(vars(builtins))
        if name in self.code:
            code = marshal.loads(zlib.decompress(binascii.a2b_base64(self.code[name])))
        else:
            code = compile(self.get_source(name), name.replace(".", "/"), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    def get_source(self, name):
        return self.sources.get(name, "")
boot = json.loads(read(int.from_bytes(read(4), "big")))
if boot["code"]:
    import zlib
sys.meta_path.insert(0, Sources(boot["modules"], boot["code"]))
from omcp_kernel import zygote
zygote.main(3, boot["config"])
"""
