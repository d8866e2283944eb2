"""Attacks on the budgets by class, written from the classes' descriptions alone. `run()` gives what got through."""

from __future__ import annotations

import json
import socket
import struct
import time

from wire import PATH, SYNC, Session, bind, execute, parse, query, states

# Texts that are expensive to scan, parse or plan. Any answer is right, but one must come, and the database must continue.
TEXTS: dict[str, str] = {
    "comments that open": "/*" * 120_000, "comments that nest": "/*" * 60_000 + "*/" * 60_000 + "SELECT 1", "line comments": "--\n" * 80_000 + "SELECT 1",
    "quotes": "SELECT " + "'" * 200_001, "quoted names": "SELECT " + '"a".' * 50_000 + "a", "dollar tags": "SELECT " + "".join(f"$a{at}$" for at in range(30_000)),
    "escapes": "SELECT E'" + "\\\\" * 100_000 + "'", "Unicode escapes": "SELECT U&'" + "\\0061" * 40_000 + "'", "semicolons": ";" * 200_000, "minus signs": "SELECT 1" + "- " * 100_000 + "1",
    "an operator": "SELECT 1 " + "@" * 200_000 + " 1", "digits": "SELECT " + "1" * 200_000, "exponents": "SELECT " + "1e" * 100_000, "parentheses": "(" * 200_000, "closed parentheses": "SELECT " + "(" * 9_000 + "1" + ")" * 9_000,
    "brackets": "SELECT " + "ARRAY[" * 9_000 + "1" + "]" * 9_000, "NOT": "SELECT " + "NOT " * 19_000 + "true", "CASE": "SELECT " + "CASE WHEN " * 9_000, "casts": "SELECT 1" + "::int" * 9_000, "fields": "SELECT a" + ".a" * 9_000,
    "subscripts": "SELECT '{1}'::int[]" + "[1]" * 6_000, "UNION": "SELECT 1" + " UNION SELECT 1" * 5_000, "AND": "SELECT true" + " AND true" * 9_900, "OR and AND": "SELECT " + "(true OR false) AND " * 3_000 + "true",
    "subqueries": "(SELECT " * 2_500 + "1" + ")" * 2_500, "subqueries in FROM": "SELECT * FROM (" * 400 + "SELECT 1" + ") AS a" * 400, "a list": "SELECT 1 IN (" + "1," * 9_900 + "1)", "rows": "VALUES (1)" + ",(1)" * 4_900,
    "expressions that double": "WITH " + ", ".join(f"w{at} AS NOT MATERIALIZED (SELECT a.x FROM {f'w{at - 1}' if at else '(SELECT 1 AS x)'} a, {f'w{at - 1}' if at else '(SELECT 1 AS x)'} b)" for at in range(30)) + " SELECT count(*) FROM w29",
    "joins": "SELECT 1 FROM person p0" + "".join(f" JOIN person p{at} USING (person_id)" for at in range(1, 400)), "joins in any order": "SELECT 1 FROM " + ", ".join(f"person p{at}" for at in range(60)),
    "grouping sets": "SELECT count(*) FROM person GROUP BY " + ", ".join("CUBE (person_id, gender_concept_id, year_of_birth, race_concept_id, month_of_birth)" for _ in range(4)),
    "spaces of other kinds": "SELECT" + "\v" * 100_000 + "\u00a0" * 20_000 + "1", "JSON that nests": "SELECT '" + "[" * 200_000 + "'::json", "a regular expression": "SELECT 'a' ~ '" + "(" * 4_000 + "a" + "){0,99}" * 4_000 + "'",
    "a pattern": "SELECT repeat('a', 3000) ~ '(a|aa)*(a|aa)*(a|aa)*\\1\\2\\3b$'", "a wide result": "SELECT " + "1," * 1_650 + "1", "an alias of 200 kB": 'SELECT 1 AS "' + "a" * 200_000 + '"',
}
# PostgreSQL looks at no signal meanwhile.
DEAF = "SELECT repeat(repeat('a', 1000), 4000) LIKE '%' || repeat(repeat('a', 1000), 2000) || 'b'"


def cancel(key: bytes) -> None:
    """A CancelRequest, answered when the connection ends."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(30)
        one.connect(PATH)
        one.sendall(struct.pack("!ii", 16, 80_877_102) + key)
        one.recv(1)


def key_of(session: Session) -> bytes:
    """The cancel key of a session."""
    return next(body for kind, body in session.greeting if kind == "K")


def holdings(found: list[str]) -> None:
    """What a connection may hold is bounded, however it is opened."""
    rounds = {
        "cursors of one text": [query("BEGIN"), query("; ".join(f"DECLARE c{at} CURSOR FOR SELECT 1" for at in range(150)))],
        "cursors of a prepared statement": [parse("BEGIN"), bind(), execute(), *(parse(f'DECLARE "c {at}" NO SCROLL CURSOR FOR SELECT 1') + bind() + execute() for at in range(150)), SYNC],
        "portals of one pipeline": [parse("SELECT 1", "s"), *(bind(portal=f"p{at}", name="s") for at in range(150)), SYNC],
        "portals that are executed in part": [parse("SELECT generate_series(1, 9)"), *(bind(portal=f"p{at}") + execute(f"p{at}", 1) for at in range(150)), SYNC],
        "savepoints of one name": [query("BEGIN"), query("; ".join("SAVEPOINT a" for _ in range(600)))],
        "savepoints of both protocols": [query("BEGIN"), *(query("SAVEPOINT b") + parse("SAVEPOINT c") + bind() + execute() + SYNC for _ in range(300))],
        "statements of both protocols": [*(parse("SELECT 1", f"s{at}") + SYNC + query(f"PREPARE t{at} AS SELECT 1") for at in range(550))],
    }
    for name, messages in rounds.items():
        session = Session()
        answers = session.mark(*messages)
        if not session.ended and not states(answers):
            found.append(f"not refused: {name}")
        session.close()


def places(found: list[str]) -> None:
    """With all of the sandbox's connections taken, cancels get through, and what nothing ends keeps its permit."""
    sessions: list[Session] = []
    while True:
        session = Session()
        if session.ended or not session.greeting or session.greeting[-1][0] != "Z":
            break
        sessions.append(session)
    for session in sessions:
        session.send(query("SELECT count(*) FROM generate_series(1, 1000000000000)"))
    for session in sessions:
        cancel(key_of(session))
        answer = session.until_ready()
        if states(answer) != ["57014"]:
            found.append(f"a cancel did not get through: {answer}")
    deaf, *others = sessions
    for attempt in range(1, 6):
        deaf.send(query(DEAF))
        # A cancel that comes before the comparison ends it: nothing can be seen of that from here, so a later one is tried.
        time.sleep(attempt)
        deaf.close()
        free = Session()
        # The place counts first as a running statement's, and later, once that is known, as one of a statement that does not end.
        while states(free.greeting) == ["53300"] and not any(b"do not end" in body for _, body in free.greeting):
            time.sleep(0.2)
            free = Session()
        if free.ended:
            break
        deaf = free
    else:
        found.append("a statement that nothing ends gave its permit up")
    for session in others:
        session.close()


def run() -> None:
    """Runs all; prints what got through, as JSON."""
    found: list[str] = []
    for at, (name, sql) in enumerate(TEXTS.items()):
        started = time.monotonic()
        session = Session()
        session.mark(*([query(sql)] if at % 2 == 0 else [parse(sql), bind(), execute(), SYNC]))
        session.close()
        after = Session()
        if states(after.ask("SELECT 1")) or after.ended:
            found.append(f"nothing is served after {name}")
        after.close()
        print(f"{time.monotonic() - started:.1f} s: {name}")
    for part in (holdings, places):
        started = time.monotonic()
        part(found)
        print(f"{time.monotonic() - started:.1f} s: {part.__name__}")
    print(json.dumps({"count": len(TEXTS), "found": found}))
