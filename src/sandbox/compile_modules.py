"""Compiles modules for this image's Python. Reads JSON {name: [file name, source]} from stdin until its end, and prints {"magic", "code"}."""
import base64, json, marshal, sys, zlib
from importlib.util import MAGIC_NUMBER

modules = json.load(sys.stdin.buffer)
compiled = {name: compile(source, file, "exec", dont_inherit=True) for name, (file, source) in modules.items()}
code = {name: base64.b64encode(zlib.compress(marshal.dumps(each))).decode() for name, each in compiled.items()}
print(json.dumps({"magic": MAGIC_NUMBER.hex(), "code": code}))
