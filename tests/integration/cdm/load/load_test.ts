import assert from "node:assert/strict";
import { runCdmCommand } from "../../../../src/cli/cdm.ts";
import { folderSource, loadCdm, sampleSource } from "../../../../src/cdm/load/mod.ts";
import { urlUpstream } from "../../../../src/postgres/mod.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { withFolder } from "../../../fixtures/cdm/folder_files.ts";
import { loaded, NEVER, PERSON, PERSON_HEADER, rowsOf } from "../../../fixtures/cdm/loaded.ts";

const PASSWORD = "sëcret p/w";

Deno.test("loadCdm() into a Postgres by URL", async (t) => {
  const postgres = await startPostgres({ password: PASSWORD });
  try {
    await t.step(
      "accepts columns in any order and case, quotes, line breaks, CRLF, and a byte order mark",
      async () => {
        const report = await loaded(postgres, "written", {
          "PERSON.csv.gz":
            "\uFEFFYEAR_OF_BIRTH,Person_ID,gender_concept_id,race_concept_id,ethnicity_concept_id,birth_datetime,person_source_value,shoe_size\r\n" +
            '1970,9007199254740993,8507,0,0,1970-05-01T06:07:08Z,"a ""b"", c\r\nd\te\\f",43\r\n' +
            '1980,2,8532,0.0,0,,"",44',
        });
        assert.deepEqual(rowsOf(report, "person"), {
          read: 2,
          loaded: 2,
          rejected: 0,
          unknownColumns: ["shoe_size"],
          rejects: [],
        });
        assert.equal(
          await postgres.sql(
            "SELECT person_id, birth_datetime, person_source_value FROM written.person ORDER BY 1 DESC LIMIT 1",
          ),
          '9007199254740993|1970-05-01 06:07:08|a "b", c\r\nd\te\\f',
        );
        assert.equal(
          await postgres.sql(
            "SELECT person_source_value = '' AND birth_datetime IS NULL FROM written.person WHERE person_id = 2",
          ),
          "t",
        );
      },
    );

    await t.step("accepts downloaded vocabularies: TABs, no quotes, dates without dashes", async () => {
      const report = await loaded(postgres, "vocabulary", {
        "CONCEPT.csv":
          "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n" +
          '1\t6" needle, "sharp\tDevice\tSNOMED\tDevice\tS\tx1\t19700101\t20991231\t\n',
      });
      assert.equal(rowsOf(report, "concept").loaded, 1);
      assert.equal(
        await postgres.sql(
          "SELECT concept_name, valid_end_date, invalid_reason IS NULL FROM vocabulary.concept",
        ),
        '6" needle, "sharp|2099-12-31|t',
      );
    });

    await t.step("rejects rows that do not fit, and counts them by reason without any value", async () => {
      const rejectsFolder = await Deno.makeTempDir({ prefix: "omcp-test-rejects-" });
      const latin = new TextEncoder().encode(
        `${PERSON_HEADER}\n1,8507,1970,,0,0,one\n2,m,1970,,0,0,two\n3,8507,,,0,0,three\n`,
      );
      const tail = new TextEncoder().encode(
        `5,8507,1970,1970-02-30,0,0,five\n6,8507,1970,,0,0,"six"teen\n7,8507\n8,x,1970,,0,0,eight\n9,8507,1970,,0,0,${
          "n".repeat(51)
        }\n`,
      );
      const bytes = new Uint8Array([
        ...latin,
        ...new TextEncoder().encode("4,8507,1970,,0,0,"),
        0xe9,
        0x0a,
        ...tail,
      ]);
      try {
        await withFolder({ "person.csv": bytes }, async (folder) => {
          const source = await folderSource(folder, { rejectsFolder });
          const upstream = urlUpstream(postgres.adminUrl);
          const report = await loadCdm({ source, upstream, schema: "rejects", signal: NEVER });
          const { read, loaded, rejected, rejects } = rowsOf(report, "person");
          assert.deepEqual([read, loaded, rejected], [9, 1, 8]);
          assert.deepEqual(
            new Set(rejects.map((reject) => JSON.stringify(reject))),
            new Set([
              ["gender_concept_id", "not a 64-bit integer, or one that a double may have rounded", 2, 3, 9],
              ["year_of_birth", "required, but empty", 1, 4],
              ["person_source_value", "not UTF-8", 1, 5],
              [
                "birth_datetime",
                "not a date with or without a time up to 23:59:59, in UTC or without a zone",
                1,
                6,
              ],
              [undefined, "text after a closing quote", 1, 7],
              [undefined, "number of fields differs from the header's", 1, 8],
              ["person_source_value", "longer than 50 characters, or has a NUL", 1, 10],
            ].map((reject) => JSON.stringify(reject))),
          );
        });
        const kept = (await Deno.readTextFile(`${rejectsFolder}/person.rejects.csv`)).split("\n");
        assert.equal(kept[0], `omcp_line,omcp_column,omcp_reason,${PERSON_HEADER}`);
        assert.equal(
          kept[1],
          '3,gender_concept_id,"not a 64-bit integer, or one that a double may have rounded",2,m,1970,,0,0,two',
        );
        assert.equal(kept.length, 10);
        assert.equal(((await Deno.stat(`${rejectsFolder}/person.rejects.csv`)).mode ?? 0) & 0o077, 0);
      } finally {
        await Deno.remove(rejectsFolder, { recursive: true });
      }
    });

    await t.step(
      "refuses a file that has rows and lacks a required column, or of which no row fits",
      async () => {
        const death = { "person.csv": PERSON, "death.csv": "person_id\n1\n2\n" };
        await assert.rejects(loaded(postgres, "lacking", death), {
          code: "cdm_invalid",
          message: /1 file without columns that CDM 5\.4 requires: death \(death_date\)/,
        });
        const unfit = {
          "person.csv": PERSON,
          "death.csv": "person_id,death_date\none,2020-01-01\ntwo,2020-01-01\n",
        };
        await assert.rejects(loaded(postgres, "lacking", unfit), {
          code: "cdm_invalid",
          message: /^No row fits: death \(2 rows; person_id: not a 64-bit integer/,
          state: /Nothing was loaded/,
        });
        const headers = { "person.csv": PERSON, "death.csv": "person_id\n", "cost.csv": "cost_id\n" };
        assert.equal(rowsOf(await loaded(postgres, "lacking", headers), "death").read, 0);
      },
    );

    await t.step("leaves out keys that the data violate, and counts the violating rows", async () => {
      const period =
        "observation_period_id,person_id,observation_period_start_date,observation_period_end_date,period_type_concept_id\n";
      const { keys } = await loaded(postgres, "keys", {
        "person.csv": PERSON,
        "observation_period.csv":
          `${period}1,1,2000-01-01,2001-01-01,0\n1,1,2002-01-01,2003-01-01,0\n2,99,2002-01-01,2003-01-01,0\n`,
      });
      assert.deepEqual(keys.primaryKeysLeftOut.map(({ table, columns, rows }) => [table, ...columns, rows]), [
        ["observation_period", "observation_period_id", 1],
      ]);
      const dangling = keys.foreignKeysLeftOut.find(({ table, refersTo }) =>
        table === "observation_period" && refersTo === "person"
      );
      assert.equal(dangling?.rows, 1);
      assert.equal(
        await postgres.sql(
          "SELECT count(*) FROM pg_indexes WHERE schemaname = 'keys' AND indexname = 'idx_observation_period_key'",
        ),
        "1",
      );
    });

    await t.step("loads nothing if a file is damaged, and leaves nothing behind", async () => {
      await assert.rejects(
        loaded(postgres, "damaged", {
          "person.csv": PERSON,
          "zz.csv": "",
          "death.csv": 'person_id,death_date\n"1\n',
        }),
        { code: "cdm_invalid", message: /death\.csv.*line 2/ },
      );
      await assert.rejects(loaded(postgres, "damaged", { "person.csv": "person_id,gender_concept_id\n" }), {
        code: "cdm_invalid",
        message: /headers and no rows/,
      });
      assert.equal(
        await postgres.sql(
          "SELECT count(*) FROM pg_namespace WHERE nspname = 'damaged' OR nspname LIKE 'omcp_loading%'",
        ),
        "0",
      );
    });

    await t.step("replaces a CDM only on request, and never a schema with other objects", async () => {
      const files = { "person.csv": `${PERSON}2,8507,1970,,0,0,two\n` };
      await assert.rejects(loaded(postgres, "keys", files), {
        code: "invalid_argument",
        message: /already exists/,
      });
      await withFolder(files, async (folder) => {
        const replace = { upstream: urlUpstream(postgres.adminUrl), replace: true, signal: NEVER };
        await loadCdm({
          source: await folderSource(folder),
          schema: "keys",
          reader: "omcp_reader",
          ...replace,
        });
        assert.equal(await postgres.sql("SET ROLE omcp_reader; SELECT count(*) FROM keys.person"), "2");
        await postgres.sql("CREATE SCHEMA mixed; CREATE TABLE mixed.payroll (id int)");
        await assert.rejects(loadCdm({ source: await folderSource(folder), schema: "mixed", ...replace }), {
          message: /not part of a CDM: payroll/,
        });
        await assert.rejects(
          loadCdm({ source: await folderSource(folder), schema: "other", reader: "nobody", ...replace }),
          {
            message: /no role nobody/,
          },
        );
      });
    });

    await t.step("stops on its signal, and keeps the old CDM", async () => {
      const controller = new AbortController();
      await assert.rejects(
        loadCdm({
          source: sampleSource({ persons: 100_000 }),
          upstream: urlUpstream(postgres.adminUrl),
          schema: "keys",
          replace: true,
          onStep: () => {},
          onTable: () => {},
          signal: abortedSoon(controller),
        }),
        { name: "AbortError" },
      );
      assert.equal(await postgres.sql("SELECT count(*) FROM keys.person"), "2");
    });

    await t.step("is what omcp cdm load runs, which prints neither the password nor a value", async () => {
      const printed: string[] = [];
      await withFolder(
        { "person.csv": `${PERSON}2,male,1970,,0,0,two\n`, "extra.txt": "x" },
        async (folder) => {
          const read = (name: string): string | undefined =>
            name === "OMCP_ADMIN_URL" ? postgres.adminUrl : undefined;
          const code = await runCdmCommand(
            ["load", folder, "--schema", "by_command"],
            read,
            (line) => printed.push(line),
          );
          assert.equal(code, 0);
        },
      );
      const text = printed.join("\n");
      assert.match(text, /^person +2 +1 +1 /m);
      assert.match(text, /1 rejected, gender_concept_id: not a 64-bit integer, .* \(line 3\)/);
      assert.match(text, /Not loaded: extra\.txt/);
      assert.match(text, /CREATE ROLE "omcp_reader"/);
      assert.match(text, /OMCP_CDM_SCHEMA=by_command/);
      assert.doesNotMatch(text, /male|cret/);
    });

    await t.step("loads a sample of any size", async () => {
      const source = sampleSource({ persons: 300, seed: 7 });
      const upstream = urlUpstream(postgres.adminUrl);
      const { tables, keys } = await loadCdm({ source, upstream, schema: "sample", signal: NEVER });
      assert.equal(await postgres.sql("SELECT count(*) FROM sample.person"), "300");
      assert.equal(tables.find(({ table }) => table === "person")?.loaded, 300);
      assert.deepEqual([keys.primaryKeysLeftOut, keys.foreignKeysLeftOut], [[], []]);
    });
  } finally {
    await postgres.stop();
  }
});

/** Aborts some time after the load's start. */
function abortedSoon(controller: AbortController): AbortSignal {
  setTimeout(() => controller.abort(), 1500);
  return controller.signal;
}
