"""The container's command: reads the agent's modules and its configuration from stdin, and runs it.

The boot message is `u32 length` and that many bytes of JSON {"modules": {name: source}, "config": {...}}.
Names are dotted; a name with submodules is a package. A module can read a source with
`__loader__.get_source(name)`, and all of them in `__loader__.sources`.
"""
import json, os, signal, sys
from importlib.machinery import ModuleSpec

if sys.version_info < (3, 9):
    sys.exit("Cannot boot: python3 is %d.%d" % sys.version_info[:2])


class Sources:
    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        package = any(other.startswith(name + ".") for other in self.sources)
        if package or name in self.sources:
            return ModuleSpec(name, self, origin="omcp:%s" % name, is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.sources.get(name, ""), "omcp:%s" % name, "exec", dont_inherit=True), module.__dict__)

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
    sys.exit("Cannot boot: the boot message must be at most 8388608 bytes: received %d" % length)
boot = json.loads(read(length))
signal.alarm(0)
sys.meta_path.insert(0, Sources(boot["modules"]))
import agent

agent.main(boot["config"])
