/** XML may be built, and not read: the server's XML parser cannot be cancelled. */
import assert from "node:assert/strict";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { refusalOf, sentFor } from "../../../fixtures/postgres/planning.ts";

/** What builds XML, and what PostgreSQL gives for it. */
const BUILT: readonly (readonly [sql: string, result: string])[] = [
  [
    "SELECT xmlelement(name person, xmlattributes(7 AS id), xmlforest(1950 AS year, 'a<b' AS note))",
    '<person id="7"><year>1950</year><note>a&lt;b</note></person>',
  ],
  ["SELECT xmlagg(xmlelement(name g, g) ORDER BY g DESC) FROM generate_series(1, 2) g", "<g>2</g><g>1</g>"],
  ["SELECT xmlconcat(xmlcomment('c'), xmltext('a&b'), xmlpi(name php, 'x'))", "<!--c-->a&amp;b<?php x?>"],
  [
    "SELECT xmlserialize(CONTENT xmlroot(xmlelement(name a), version '1.0', STANDALONE YES) AS text)",
    '<?xml version="1.0" standalone="yes"?><a/>',
  ],
  ["SELECT xmlelement(name a)::text || 'x'", "<a/>x"],
  [
    "SELECT xmlelement(name a, xmlattributes('<' AS b), '<c>', CASE WHEN true THEN '<d>'::text END)",
    '<a b="&lt;">&lt;c&gt;&lt;d&gt;</a>',
  ],
];

const READ = [
  "SELECT xmlparse(DOCUMENT '<a/>')",
  "SELECT xmlparse(CONTENT 'x')",
  "SELECT '<a/>'::xml",
  "SELECT xmlelement(name a) IS DOCUMENT",
  "SELECT xmlelement(name a) IS NOT DOCUMENT",
  "SELECT xmlserialize(DOCUMENT xmlelement(name a) AS text)",
  "SELECT xmlserialize(CONTENT xmlelement(name a) AS text INDENT)",
  "SELECT xpath('/a', xmlelement(name a))",
  "SELECT xpath_exists('/a', xmlelement(name a))",
  "SELECT xmlexists('/a' PASSING BY VALUE xmlelement(name a))",
  "SELECT xml_is_well_formed('<a/>')",
  "SELECT * FROM xmltable('/a' PASSING xmlelement(name a) COLUMNS b int)",
  "SELECT xmlvalidate(xmlelement(name a), 'x')",
];

/** A parameter without a type is XML where its neighbours are. */
const UNTYPED = [
  "SELECT xmlconcat(xmlelement(name a), $1)",
  "SELECT xmlagg($1)",
  "SELECT CASE WHEN true THEN $1 ELSE xmlelement(name a) END",
  "SELECT xmlelement(name a) UNION ALL SELECT $1",
  "SELECT ARRAY[xmlelement(name a)] = $1",
  "PREPARE q AS SELECT coalesce($1, xmltext('a'))",
  "SELECT xmlconcat($1::unknown)",
];

/** A constant without a type, too. With a declaration of attributes, a few KiB of it take all memory. */
const UNTYPED_CONSTANTS = [
  "SELECT xmlconcat('<a/>')",
  "SELECT xmlroot('<a/>', version '1.0')",
  "SELECT xmlserialize(CONTENT '<a/>' AS text)",
  "SELECT xmlagg('<a/>')",
  "SELECT xmlconcat('<a/>'::unknown)",
  "SELECT xmlconcat(E'\\x3ca/>')",
  "SELECT xmlconcat(U&'\\003ca/>')",
  "SELECT coalesce(xmltext('a'), '<a/>')",
  "SELECT CASE WHEN true THEN '<a/>' ELSE xmlelement(name a) END",
  "SELECT xmlelement(name a) UNION ALL SELECT '<a/>'",
  "SELECT ARRAY[xmlelement(name a)] || '{<a/>}'",
  "SELECT xmlelement(name a) IN ('<a/>', '<b/>')",
  "VALUES (xmlelement(name a)), ('<a/>')",
];

Deno.test("planText() lets through what builds XML, and PostgreSQL builds it", async () => {
  const server = await startPostgres();
  try {
    for (const [sql, result] of BUILT) assert.equal(await server.sql(sentFor(sql)), result);
  } finally {
    await server.stop();
  }
});

for (const sql of READ) {
  Deno.test(`planText() refuses what reads XML, and says what to do: ${sql}`, () => {
    const { message, hint } = refusalOf(sql);
    assert.match(`${message} ${hint}`, /Python|XMLSERIALIZE\(CONTENT/);
  });
}

for (const sql of UNTYPED) {
  Deno.test(`planText() refuses a parameter that PostgreSQL would read as XML: ${sql}`, () => {
    assert.match(refusalOf(sql).hint ?? "", /\$1::text/);
    sentFor(sql.replaceAll(/\$1(?:::unknown)?/g, "$1::text"));
  });
}

for (const sql of UNTYPED_CONSTANTS) {
  Deno.test(`planText() refuses a constant that PostgreSQL would read as XML: ${sql}`, () => {
    assert.match(refusalOf(sql).hint ?? "", /::text/);
  });
}

Deno.test("planText() refuses what runs SQL to build XML", () => {
  for (const name of ["query_to_xml('SELECT 1'", "table_to_xml('person'", "cursor_to_xml('c', 1"]) {
    assert.equal(refusalOf(`SELECT ${name}, true, true, '')`).sqlstate, "42501");
  }
});
