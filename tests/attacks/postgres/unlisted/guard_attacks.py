"""Attacks on the guard by class, written from the classes' descriptions alone. `run()` gives what got through."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Optional

from guard_texts import CAST, CATALOGS, OTHER_SETTINGS, SETTING_FORMS, SETTINGS, STARTUP, TYPE_FORMS
from wire import FLUSH, SYNC, Session, bind, execute, message, parse, query, states

CANARY = b"canary9e1d"
# What every attack must leave unchanged in a session.
KEPT = ("transaction_read_only", "default_transaction_read_only", "standard_conforming_strings", "row_security",
        "client_encoding", "search_path", "statement_timeout", "work_mem", "is_superuser")

# If a backslash escapes, the first literal ends early, and the canary is selected.
AMBIGUOUS = "SELECT '\\'' ; SELECT x FROM public.hidden; -- '"
# The same for encodings whose second byte may be a backslash or a quote.
MULTIBYTE = ["SELECT '\udc83\\' ; SELECT x FROM public.hidden; -- '", "SELECT '\udc83' ; SELECT x FROM public.hidden; --"]


def run_one(sql: str, *values: Optional[bytes], oids: Sequence[int] = (), binary: bool = False) -> bytes:
    """A statement in the extended protocol, without Sync."""
    return parse(sql, oids=oids) + bind(values, binary=binary) + execute()


LEXER: dict[str, list[bytes]] = {
    "NUL within a Query": [message(b"Q", b"SELECT 1\0; SELECT x FROM public.hidden\0")],
    "NUL within a Parse": [message(b"P", b"\0SELECT 1\0; SELECT x FROM public.hidden\0\0\0"), SYNC],
    "a Query without its NUL": [message(b"Q", b"SELECT 1")],
    "an overlong quote": [query("SELECT '\udcc0\udca7; SELECT x FROM public.hidden; --'")],
    "half a letter before a quote": [query("SELECT '\udce2\udc82' ; SELECT x FROM public.hidden; --'")],
    "a surrogate": [query("SELECT '\udced\udca0\udc80' , x FROM public.hidden --'")],
    "vertical tabs": [query("SELECT 'a'\v'b'\v; SELECT\vx FROM\vpublic.hidden")],
    "form feeds and carriage returns": [query("SELECT 1 --\rFROM public.hidden\f\n; SELECT x FROM public.hidden")],
    "numbers that end elsewhere in other versions": [
        query(sql) for sql in ("SELECT 1_0x FROM public.hidden", "SELECT 0x1F.x FROM public.hidden",
                               "SELECT 1x FROM public.hidden", "SELECT 0b1_0, x FROM public.hidden")],
    "parameters that end elsewhere": [run_one("SELECT $1x FROM public.hidden", b"1"), SYNC],
    "names cut at 63 bytes": [
        query(f'WITH "{"h" * 62}\u00e9" AS (SELECT 1) SELECT * FROM "{"h" * 62}{tail}"') for tail in ("", "\u00fc", "hh")],
    "a continued literal": [query("SELECT '\\'\n'' ; SELECT x FROM public.hidden; --'")],
    "a Unicode escape with another sign": [query("SELECT U&'\\' UESCAPE '''' ; SELECT x FROM public.hidden; --'")],
    "a national literal": [query("SELECT N'\\'' ; SELECT x FROM public.hidden; --'")],
    "dollars that nest": [query("SELECT $a$ $b$ $a$, x FROM public.hidden -- $b$ $a$")],
    "dollars with letters beyond ASCII": [query("SELECT $\u00e9$ $\u00c9$, x FROM public.hidden -- $\u00e9$")],
    "a name of SQL/JSON that is a function in 15": [
        query(sql) for sql in ("SELECT JSON_ARRAY(1, 2)", "SELECT JSON_SCALAR(1)", "SELECT JSON_SERIALIZE('1')",
                               "SELECT JSON_VALUE('1', '$')", "SELECT JSON_EXISTS('1', '$')", "SELECT JSON('1')",
                               "SELECT JSON_OBJECT('a', 1)", "SELECT JSON_ARRAYAGG(1)", "SELECT MERGE_ACTION()",
                               "SELECT SYSTEM_USER", "SELECT NORMALIZE('a')", "SELECT XMLTEXT('a')",
                               "SELECT * FROM JSON_TABLE('1', '$')")],
}
# Settings that change how SQL is read, then SQL that they change; with and without Sync in between.
for name, value, after in (
    ("client_encoding", "SJIS", MULTIBYTE), ("client_encoding", "GBK", MULTIBYTE), ("client_encoding", "SQL_ASCII", MULTIBYTE),
    ("backslash_quote", "on", [AMBIGUOUS, "SELECT E'\\'' ; SELECT x FROM public.hidden; -- '"]),
    ("standard_conforming_strings", "off", [AMBIGUOUS]), ("escape_string_warning", "off", [AMBIGUOUS]),
):
    for form in (f"SET {name} = '{value}'", f"SET SESSION {name} TO {value}", f"SET LOCAL \"{name}\" TO '{value}'",
                 f"SELECT pg_catalog.set_config(setting_name => '{name}', new_value => '{value}', is_local => false)",
                 f"SELECT set_config(VARIADIC ARRAY['{name}', '{value}'])",
                 f"SELECT s FROM set_config('{name}', '{value}', false) AS s",
                 f"COPY (SELECT set_config('{name}', '{value}', false)) TO STDOUT",
                 f"EXPLAIN ANALYZE SELECT set_config('{name}', '{value}', false)",
                 f"DECLARE c CURSOR WITH HOLD FOR SELECT set_config('{name}', '{value}', false)",
                 f"WITH s AS MATERIALIZED (SELECT set_config('{name}', '{value}', false)) TABLE s",
                 f"SELECT 1 ORDER BY set_config('{name}', '{value}', false)",
                 f"SELECT 1 LIMIT length(set_config('{name}', '{value}', false))",
                 f"SELECT count(*) FILTER (WHERE set_config('{name}', '{value}', false) IS NULL)"):
        LEXER[f"{form}, then a literal"] = [run_one(form), FLUSH, *(query(sql) for sql in after), SYNC]
        LEXER[f"{form}; then a literal"] = [query(f"{form}; {after[0]}")]

READ_WRITE: dict[str, list[bytes]] = {
    "chains": [query("BEGIN"), query("COMMIT AND CHAIN"), query("DELETE FROM person")],
    "a chain after an error": [query("BEGIN"), query("SELECT 1/0"), query("ROLLBACK AND CHAIN"), query("SET TRANSACTION READ WRITE")],
    "a chain in one text": [query("BEGIN; ROLLBACK AND CHAIN; DELETE FROM person; COMMIT AND NO CHAIN")],
    "BEGIN in a pipeline, twice": [run_one("BEGIN"), run_one("START TRANSACTION READ WRITE"), FLUSH, run_one("DELETE FROM person"), SYNC],
    "BEGIN with two modes": [query("BEGIN READ ONLY, READ WRITE"), query("BEGIN TRANSACTION NOT DEFERRABLE READ WRITE"), query("START TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE")],
    "a prepared BEGIN, many portals": [parse("BEGIN", "b"), bind(name="b"), execute(), bind(portal="q", name="b"), execute("q"), run_one("SET TRANSACTION READ WRITE"), SYNC],
    "END within a savepoint": [query("BEGIN; SAVEPOINT a; SET TRANSACTION READ WRITE; RELEASE a; END; DELETE FROM person")],
    "ABORT within a text": [query("SELECT 1; ABORT; DELETE FROM person; SELECT 2")],
    "SET TRANSACTION without BEGIN": [query("SET TRANSACTION READ WRITE; SELECT 1"), run_one("SET TRANSACTION READ WRITE"), run_one("DELETE FROM person"), SYNC],
    "SET TRANSACTION of the level": [query("BEGIN"), query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE, DEFERRABLE")],
    "a snapshot": [query("BEGIN ISOLATION LEVEL REPEATABLE READ"), query("SELECT pg_export_snapshot()"), query("SET TRANSACTION SNAPSHOT '1-1-1'")],
    "prepared transactions": [query("BEGIN"), query("PREPARE TRANSACTION 'a'"), query("COMMIT PREPARED 'a'"), query("ROLLBACK PREPARED 'a'")],
    "a savepoint in a pipeline": [run_one("BEGIN"), run_one("SAVEPOINT a"), run_one("RESET transaction_read_only"), run_one("ROLLBACK TO a"), run_one("SET LOCAL transaction_read_only TO DEFAULT"), SYNC],
    "RESET in a failed pipeline": [run_one("SELECT 1/0"), run_one("RESET transaction_read_only"), SYNC, run_one("RESET ALL"), SYNC],
    "DEFAULT by set_config": [query("BEGIN; SELECT set_config('transaction_read_only', NULL, true)"), query("SELECT set_config('transaction_read_only', DEFAULT, true)")],
    "CALL and DO": [query("CALL site.change()"), query("DO $$ BEGIN COMMIT; DELETE FROM cdm.person; END $$"), run_one("CALL site.change()"), SYNC],
    "the protocol's function call": [message(b"F", b"\0\0\x03\xbe" + b"\0\0\0\0\0\0")],
    "COPY in": [query("COPY person FROM STDIN"), message(b"d", b"1\n"), message(b"c")],
    "a cursor for update": [query("BEGIN; DECLARE c CURSOR FOR SELECT * FROM person FOR UPDATE; FETCH c"), query("DELETE FROM person WHERE CURRENT OF c")],
    "MERGE in WITH, RETURNING": [query("WITH m AS (MERGE INTO person p USING person q ON false WHEN NOT MATCHED THEN INSERT VALUES (1) RETURNING 1) TABLE m")],
    "locks": [query("BEGIN; LOCK person"), query("SELECT 1 FROM person FOR NO KEY UPDATE"), query("SELECT pg_advisory_xact_lock_shared(1)"), query("SELECT pg_try_advisory_lock(1, 2)")],
}


def foreign_oids(oid: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """A Parse with the OID of each foreign type, then values of it, as text and as binary."""
    texts = ("SELECT $1", "SELECT $1 IS NULL", "SELECT pg_typeof($1)", "SELECT count(*) FROM person WHERE ARRAY[$1] IS NOT NULL")
    for name, number in oid.items():
        for at, sql in enumerate(texts):
            value = b"{x}" if name.endswith("[]") else b"(x,x)" if "pair" in name or "hidden" in name else b"x"
            yield f"{name}: {sql}", run_one(sql, value, oids=[number], binary=at % 2 == 1)


def foreign_elements(oid: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """The OID of each foreign type as that of the elements in the binary form of an array of text: PostgreSQL ignores it."""
    for name, number in oid.items():
        array = (1).to_bytes(4, "big") + bytes(4) + number.to_bytes(4, "big") + (1).to_bytes(4, "big") * 2 + b"\0\0\0\1x"
        yield f"{name} in an array of text", run_one("SELECT $1", array, oids=[1009], binary=True)


def run(oid: dict[str, int]) -> None:
    """Runs all; prints what showed the canary, what changed a session, and what had to be refused and was not, as JSON."""
    found: list[str] = []
    session: Optional[Session] = None
    kept: list[bytes] = []
    count = 0

    def settings(of: Session) -> list[bytes]:
        return [body for kind, body in of.ask("; ".join(f"SHOW {name}" for name in KEPT)) if kind == "D"]

    def attack(name: str, messages: Sequence[bytes], refused: bool = False) -> None:
        nonlocal session, kept, count
        count += 1
        if session is None or session.ended:
            session = Session()
            kept = settings(session)
            if session.ended or kept[:1] != [b"\0\1\0\0\0\2on"]:
                raise RuntimeError(f"the database does not serve: {session.greeting} {kept}")
        answers = session.mark(*messages)
        shown = [body for kind, body in answers if CANARY in body]
        if shown:
            found.append(f"shown by {name}: {shown[0][:300]!r}")
        if refused and not session.ended and not states(answers):
            found.append(f"not refused: {name}: {answers[:3]!r}")
        if not session.ended:
            if count % 8 == 0 or len(messages) > 1:
                now = settings(session)
                if now != kept:
                    found.append(f"changed by {name} or one of 8 before: {now}")
                    session.close()
                    session = None
        else:
            session.close()

    for name, messages in LEXER.items():
        attack(name, messages)
    for name, messages in READ_WRITE.items():
        attack(name, [*messages, query("SHOW transaction_read_only; DELETE FROM cdm.person"), SYNC, query("DELETE FROM cdm.person")], refused=True)
    for sql, values in CAST:
        attack(sql, [query(sql)], refused=not values and not sql.startswith("SELECT current_setting"))
        attack(f"{sql} with values", [run_one(sql, *values), SYNC], refused=True)
    for setting, value in SETTINGS:
        for form in SETTING_FORMS:
            sql = form.replace("{n}", setting).replace("{v}", value)
            attack(sql, [query(sql)])
            attack(f"{sql} in a pipeline", [run_one(sql), FLUSH, query("SELECT 1"), SYNC])
    for sql in OTHER_SETTINGS:
        attack(sql, [query(sql), SYNC])
    for form in TYPE_FORMS:
        for typename in ("site.dom", "site.mood", "site.pair", "cdm.hidden", "dom"):
            sql = form.format(t=typename)
            attack(sql, [query(sql)], refused=True)
            attack(f"{sql} in a pipeline", [run_one(sql), SYNC], refused=True)
    for sql in CATALOGS:
        attack(sql, [query(sql)])
    for name, messages_ in foreign_oids(oid):
        attack(name, [messages_, SYNC], refused=True)
    for name, messages_ in foreign_elements(oid):
        attack(name, [messages_, SYNC])
    for parameters in STARTUP:
        count += 1
        other = Session(parameters)
        if not other.ended:
            # What it may have changed is harmless, so that it has all that another session has.
            if settings(other) != kept:
                found.append(f"changed by the startup packet {parameters}: {settings(other)}")
        other.close()
    print(json.dumps({"count": count, "found": found}))
