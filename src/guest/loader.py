"""The container's command: reads the agent's modules and its configuration from stdin, and runs it.

The boot message is `u32 length` and that many bytes of JSON {"modules": {name: source}, "code": {name: base64 of zlib of bytecode},
"magic": hex, "config": {...}}. A module comes as source or as bytecode of the Python whose magic number is `magic`. Names are dotted; a
name with submodules is a package. A module can read a source with `__loader__.get_source(name)`, and all of both kinds in `__loader__.sources` and `__loader__.code`.
"""
import binascii, json, marshal, os, signal, sys
from importlib._bootstrap_external import MAGIC_NUMBER
from importlib.machinery import ModuleSpec

if sys.version_info < (3, 9):
    sys.exit("Cannot boot: python3 is %d.%d" % sys.version_info[:2])


class Sources:
    def __init__(self, sources, code):
        self.sources = sources
        self.code = code
        self.packages = {name.rpartition(".")[0] for name in [*sources, *code]}

    def find_spec(self, name, path=None, target=None):
        package = name in self.packages
        if package or name in self.sources or name in self.code:
            return ModuleSpec(name, self, origin="omcp:%s" % name, is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        if name in self.code:
            code = marshal.loads(zlib.decompress(binascii.a2b_base64(self.code[name])))
        else:
            code = compile(self.sources.get(name, ""), "omcp:%s" % name, "exec", dont_inherit=True)
        exec(code, module.__dict__)

    def get_source(self, name):  # tracebacks ask for it too
        return self.sources.get(name, "")


def read(length):
    parts = []
    while length > 0:
        parts.append(os.read(0, min(length, 1 << 20)))
        if not parts[-1]:
            sys.exit("Cannot boot: stdin ended early")
        length -= len(parts[-1])
    return b"".join(parts)


# A server may never connect. The alarm needs a handler: PID 1 ignores signals without one.
signal.signal(signal.SIGALRM, lambda *_: os._exit(75))
signal.alarm(60)
length = int.from_bytes(read(4), "big")
if length > 8 << 20:
    sys.exit("Cannot boot: the boot message must be at most 8388608 bytes; received %d" % length)
boot = json.loads(read(length))
signal.alarm(0)
if boot["code"] and boot["magic"] != MAGIC_NUMBER.hex():
    sys.exit("Cannot boot: the image has another Python than when its modules were compiled")
if boot["code"]:
    import zlib
sys.meta_path.insert(0, Sources(boot["modules"], boot["code"]))
import agent

agent.main(boot["config"])
