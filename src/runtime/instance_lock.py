"""Exits when its stdin ends, or after a lease without input; the first input must arrive within 20 s."""
import os, select, signal, sys

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
patience = 20.0
while select.select([0], [], [], patience)[0] and os.read(0, 4096):
    patience = float(sys.argv[1])
