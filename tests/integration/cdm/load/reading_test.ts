import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { loaded, PERSON, PERSON_HEADER, rowsOf } from "../../../fixtures/cdm/loaded.ts";
import { newSandbox, withServer } from "../../../fixtures/server.ts";

/** Writes one table as pandas, polars and DuckDB do, and prints each file as JSON of base64. */
const WRITERS = `
import base64, csv, io, json, duckdb, pandas, polars
texts = ["plain", 'say "hi"', '"whole"', "a\\tb", "two\\nlines", "C:\\\\new", "é😀", "NA", 'x"', None]
frame = pandas.DataFrame({"note_id": range(1, len(texts) + 1), "person_id": 1, "note_date": "2020-01-01",
    "note_type_concept_id": 0, "note_class_concept_id": 0, "encoding_concept_id": 0, "language_concept_id": 0,
    "provider_id": [float(n) if n % 2 else None for n in range(len(texts))],
    "note_title": texts, "note_text": ["body " + (text or "") for text in texts]})
files = {}
files["pandas, TABs"] = frame.to_csv(sep="\\t", index=False)
files["pandas, TABs, all quoted"] = frame.to_csv(sep="\\t", index=False, quoting=csv.QUOTE_ALL)
files["pandas, TABs, CRLF"] = frame.to_csv(sep="\\t", index=False, lineterminator="\\r\\n")
files["pandas, commas, with an index"] = frame.to_csv()
files["pandas, semicolons"] = frame.to_csv(sep=";", index=False)
files["pandas, bars, \\\\N"] = frame.to_csv(sep="|", index=False, na_rep="\\\\N")
files["polars, TABs"] = polars.from_pandas(frame).write_csv(separator="\\t")
for name, options in {"TABs": "DELIMITER '\\t'", "bars": "DELIMITER '|'", "commas": "DELIMITER ','"}.items():
    path = "/tmp/duck.csv"
    duckdb.sql("SELECT * FROM frame").query("t", f"COPY t TO '{path}' (HEADER, {options})")
    files["DuckDB, " + name] = open(path, newline="").read()
print(json.dumps({name: base64.b64encode(text.encode()).decode() for name, text in files.items()}))
`;
const TEXTS = ["plain", 'say "hi"', '"whole"', "a\tb", "two\nlines", "C:\\new", "é😀", "NA", 'x"', null];

Deno.test("a load reads what other programs write, and changes nothing silently", async (t) => {
  const postgres = await startPostgres();
  try {
    await t.step("cuts texts on request, and counts them", async () => {
      const text = `${PERSON_HEADER}\n1,8507,1970,,0,0,${"n".repeat(51)}\n2,8507,1970,,0,0,${
        "é".repeat(60)
      }\n`;
      const report = await loaded(postgres, "truncated", { "person.csv": text }, { truncate: true });
      assert.equal(rowsOf(report, "person").loaded, 2);
      assert.deepEqual(report.tables[0]?.notes, [
        "person_source_value: 2 texts cut to 50 characters; the longest has 60",
      ]);
      assert.equal(
        await postgres.sql("SELECT string_agg(length(person_source_value)::text, ',') FROM truncated.person"),
        "50,50",
      );
    });

    await t.step("stores no time of the next day or second", async () => {
      await loaded(postgres, "times", {
        "person.csv": `${PERSON_HEADER}\n1,8507,1970,1970-12-31 23:59:59.9999999,0,0,one\n`,
      });
      assert.equal(
        await postgres.sql("SELECT birth_datetime FROM times.person"),
        "1970-12-31 23:59:59.999999",
      );
    });

    await t.step("refuses a word that has two readings, unless the call has decided", async () => {
      const files = { "person.csv": `${PERSON_HEADER}\n1,8507,1970,NA,0,0,"NA"\n2,8507,1970,,0,0,NA\n` };
      await assert.rejects(loaded(postgres, "words", files), {
        code: "cdm_invalid",
        message:
          /"NA" is NULL in birth_datetime \(line 2\), and may be NULL or text in person_source_value \(line 3\)/,
        next: /--null 'person=NA' .*--null person= /,
      });
      for (const [schema, word, nulls] of [["nulls", "NA", 1], ["texts", "", 0]] as const) {
        await loaded(postgres, schema, files, { nullWords: { tables: new Map([["person", word]]) } });
        assert.equal(
          await postgres.sql(
            `SELECT count(*) - count(person_source_value), count(*) FILTER (WHERE birth_datetime IS NULL) FROM ${schema}.person`,
          ),
          `${nulls}|2`,
        );
      }
    });

    await t.step("reads what COPY writes as text and as CSV", async () => {
      await postgres.sql(
        "CREATE TABLE public.written AS SELECT n AS note_id, 1 AS person_id, DATE '2020-01-01' AS note_date, 0 AS note_type_concept_id, " +
          "0 AS note_class_concept_id, 0 AS encoding_concept_id, 0 AS language_concept_id, " +
          "NULLIF(v, '-') AS note_title, v || E'\\t\\n\\r\\\\N\\\\t\"q\"' AS note_text " +
          "FROM unnest(ARRAY['-', '', E'\\\\N', 'NULL', '\"a\"', E'C:\\\\new', E'a\\tb', '\\.']) WITH ORDINALITY AS t(v, n)",
      );
      const options = [
        "FORMAT text",
        "FORMAT csv, FORCE_QUOTE (note_title)",
        "FORMAT csv, DELIMITER E'\\t', FORCE_QUOTE (note_title)",
        "FORMAT text, DELIMITER '|'",
      ];
      for (const [at, option] of options.entries()) {
        const text = await postgres.sql(`COPY public.written TO STDOUT (${option}, HEADER)`);
        const schema = `copied_${at}`;
        await loaded(postgres, schema, { "person.csv": PERSON, "note.txt": `${text}\n` });
        const columns = "note_id, note_title, note_text";
        assert.equal(
          await postgres.sql(
            `SELECT count(*) FROM (SELECT ${columns} FROM public.written EXCEPT SELECT ${columns} FROM ${schema}.note) AS lost`,
          ),
          "0",
          option,
        );
      }
    });

    await t.step("reads what pandas, polars and DuckDB write", async () => {
      const written = await writtenFiles();
      assert.equal(Object.keys(written).length, 10);
      for (const [at, [name, content]] of Object.entries(written).entries()) {
        const schema = `program_${at}`;
        const folder = { "person.csv": PERSON, "note.csv": content };
        const quotesNull = name.includes("all quoted");
        if (quotesNull) {
          await assert.rejects(loaded(postgres, schema, folder), {
            code: "cdm_invalid",
            message:
              /"" is NULL in provider_id \(line 2\), and may be NULL or text in note_title \(line 13\)/,
            next: /--null 'note=""'/,
          });
        }
        const options = quotesNull ? { nullWords: { tables: new Map([["note", '""']]) } } : {};
        const report = await loaded(postgres, schema, folder, options);
        assert.equal(rowsOf(report, "note").loaded, TEXTS.length, name);
        const found = await postgres.sql(
          `SELECT json_agg(note_title ORDER BY note_id)::text FROM ${schema}.note WHERE note_text = 'body ' || coalesce(note_title, '')`,
        );
        assert.deepEqual(JSON.parse(found), TEXTS, name);
        assert.equal(
          await postgres.sql(
            `SELECT string_agg(provider_id::text, ',' ORDER BY note_id) FROM ${schema}.note`,
          ),
          "1,3,5,7,9",
          name,
        );
      }
    });
  } finally {
    await postgres.stop();
  }
});

async function writtenFiles(): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const reply = await server.call("execute_python_code", { sandbox_id, code: WRITERS });
    const json = /^\{.*\}$/m.exec(reply.text)?.[0];
    assert.ok(json !== undefined, reply.text);
    const written: unknown = JSON.parse(json);
    assert.ok(typeof written === "object" && written !== null);
    for (const [name, content] of Object.entries(written)) {
      files[name] = new Uint8Array(Buffer.from(String(content), "base64"));
    }
  });
  return files;
}
