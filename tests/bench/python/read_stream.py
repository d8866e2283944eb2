"""A cell: reads a COPY at a limited rate and prints bytes and seconds as JSON. STATEMENT, MEGABYTES_A_SECOND and STALL_SECONDS precede it."""

from __future__ import annotations

import json
import time

import psycopg

total = 0
with psycopg.connect(autocommit=True) as connection, connection.cursor() as cursor:
    start = time.perf_counter()
    with cursor.copy(STATEMENT) as copy:
        for chunk in copy:
            if total == 0:
                time.sleep(STALL_SECONDS)
                begun = time.perf_counter()
            total += len(chunk)
            if MEGABYTES_A_SECOND > 0:
                ahead = total / (MEGABYTES_A_SECOND * 1e6) - (time.perf_counter() - begun)
                if ahead > 0.02:
                    time.sleep(ahead)
    seconds = time.perf_counter() - start
print(json.dumps({"bytes": total, "seconds": seconds}))
