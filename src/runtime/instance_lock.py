"""Exits when its stdin ends, or after a lease without input; the first input must arrive within 20 s, and is answered."""
import os, select, signal, sys

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
patience = 20.0
answered = False
while select.select([0], [], [], patience)[0] and os.read(0, 4096):
    if not answered:
        os.write(1, b"held\n")
        answered = True
    patience = float(sys.argv[1])
