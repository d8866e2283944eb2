import assert from "node:assert/strict";
import { detectVersion } from "../../../../src/cdm/load/cdm_version.ts";
import { readRecords } from "../../../../src/cdm/load/csv_file.ts";
import { scanFolder } from "../../../../src/cdm/load/folder.ts";
import { OmcpError } from "../../../../src/errors.ts";
import { type Content, gzip, withFolder } from "../../../fixtures/cdm/folder_files.ts";

const PERSON = "person_id,gender_concept_id\n1,8507\n";

async function versionOf(files: Record<string, string>): Promise<string> {
  let found = "";
  await withFolder(files, async (folder) => {
    found = (await detectVersion(await scanFolder(folder))).version;
  });
  return found;
}

Deno.test("scanFolder() finds tables in any case and reports what it ignores", async () => {
  await withFolder({
    "PERSON.CSV": PERSON,
    "death.csv.gz": "person_id,death_date\n",
    "concept.tsv": "concept_id\tconcept_name\n",
    "notes.md": "x",
    "patients.csv": "id\n",
    "cost.csv": "",
  }, async (folder) => {
    const { files, ignored } = await scanFolder(folder);
    assert.deepEqual(files.map(({ table }) => table).sort(), ["concept", "death", "person"]);
    assert.deepEqual(ignored.map(({ name }) => name), ["cost.csv", "notes.md", "patients.csv"]);
  });
});

Deno.test("scanFolder() refuses two files for one table, and a folder without any CDM file", async () => {
  await withFolder({ "person.csv": PERSON, "person.csv.gz": PERSON }, async (folder) => {
    await assert.rejects(scanFolder(folder), { code: "cdm_invalid", message: /two files/ });
  });
  await withFolder({ "readme.txt": "x\n" }, async (folder) => {
    await assert.rejects(scanFolder(folder), { code: "cdm_invalid", message: /no CDM file/ });
  });
  await assert.rejects(scanFolder("/nowhere/at/all"), { code: "cdm_invalid" });
});

Deno.test("scanFolder() names what converts the files of Synthea's own exporter", async () => {
  await withFolder(
    { "patients.csv": "Id\n", "encounters.csv": "Id\n", "allergies.csv": "START\n" },
    async (folder) => {
      await assert.rejects(scanFolder(folder), { message: /has Synthea's own files/, next: /ETL-Synthea/ });
    },
  );
});

Deno.test("detectVersion() uses cdm_source, else files and columns", async () => {
  const source = (version: string): string => `cdm_source_name,cdm_version\nx,${version}\n`;
  assert.equal(await versionOf({ "cdm_source.csv": source("v5.3.1"), "episode.csv": "episode_id\n" }), "5.3");
  assert.equal(await versionOf({ "cdm_source.csv": source("CDM v5.4.0") }), "5.4");
  assert.equal(
    await versionOf({ "person.csv": PERSON, "attribute_definition.csv": "attribute_definition_id\n" }),
    "5.3",
  );
  assert.equal(
    await versionOf({ "visit_occurrence.csv": "visit_occurrence_id,admitting_source_concept_id\n" }),
    "5.3",
  );
  assert.equal(
    await versionOf({ "visit_occurrence.csv": "visit_occurrence_id,admitted_from_concept_id\n" }),
    "5.4",
  );
  assert.equal(await versionOf({ "person.csv": PERSON }), "5.4");
});

Deno.test("detectVersion() reports a version that is not supported, and refuses two", async () => {
  await withFolder({ "cdm_source.csv": "cdm_source_name,cdm_version\nx,v6.0\n" }, async (folder) => {
    const { version, by } = await detectVersion(await scanFolder(folder));
    assert.equal(version, "5.4");
    assert.match(by, /cdm_source names version "v6\.0", which is not supported/);
  });
  await withFolder({ "cdm_source.csv": "cdm_version\n5.3\n5.4\n" }, async (folder) => {
    await assert.rejects(detectVersion(await scanFolder(folder)), {
      code: "cdm_invalid",
      message: /5\.3 and 5\.4/,
      next: /--cdm-version/,
    });
  });
});

Deno.test("scanFolder() detects the delimiter and the format", async () => {
  await withFolder({
    "person.csv": '\uFEFF"person_id","x"\r\n1,2\r\n',
    "concept.csv": "concept_id\tconcept_name\n1\ta\n",
    "note.csv": '"note_id"\t"note_title"\n1\t"a"\n',
    "death.csv": "person_id;death_date;a,b,c,d\n",
    "cost.csv": "cost_id|currency_concept_id\n1|\\N\n",
    "location.csv": "LOCATION_ID\n1\n",
  }, async (folder) => {
    const files = new Map((await scanFolder(folder)).files.map((file) => [file.table, file]));
    const dialects = [...files].map(([table, { dialect }]) => [table, dialect.delimiter, dialect.format]);
    assert.deepEqual(dialects, [
      ["concept", "\t", "unquoted"],
      ["cost", "|", "copy"],
      ["death", ";", "csv"],
      ["location", "\t", "unquoted"],
      ["note", "\t", "csv"],
      ["person", ",", "csv"],
    ]);
    assert.deepEqual(files.get("person")?.columns, ["person_id", "x"]);
    assert.deepEqual(files.get("location")?.columns, ["LOCATION_ID"]);
  });
});

Deno.test("scanFolder() refuses what is not a text with a header, and quotes no value of it", async () => {
  const utf16 = new Uint8Array([
    0xff,
    0xfe,
    ...new Uint8Array(new Uint16Array([...PERSON].map((c) => c.charCodeAt(0))).buffer),
  ]);
  const files: readonly (readonly [Content, RegExp])[] = [
    ["1,8507,1970,secret\n2,8532,1980,secret\n", /no header; its first line names no column of person/],
    ["1,8507,1970,secret", /no header/],
    [PERSON.replaceAll("\n", "\r") + "3,secret\r", /lines end with CR alone/],
    [`${"secret".repeat(20_000)}\n`, /too long/],
    ["person_id,\0\n1,secret\n", /not text/],
    [utf16, /UTF-16/],
  ];
  for (const [content, message] of files) {
    await withFolder({ "person.csv": content }, async (folder) => {
      await assert.rejects(scanFolder(folder), (error) => {
        assert(error instanceof OmcpError);
        assert.equal(error.code, "cdm_invalid");
        assert.match(error.message, message);
        assert.match(error.message, /person\.csv/);
        assert.doesNotMatch(`${error.message} ${error.next}`, /secret|8507/);
        assert.ok(error.state !== undefined && error.next !== undefined);
        return true;
      });
    });
  }
});

Deno.test("scanFolder() does not follow a symbolic link out of the folder", async () => {
  await withFolder({ "death.csv": "person_id,death_date\n" }, async (outside) => {
    await withFolder({ "person.csv": PERSON }, async (folder) => {
      await Deno.symlink("person.csv", `${folder}/observation_period.csv`);
      await Deno.symlink(`${outside}/death.csv`, `${folder}/readme.txt`);
      const { files, ignored } = await scanFolder(folder);
      assert.deepEqual(files.map(({ table }) => table), ["observation_period", "person"]);
      assert.deepEqual(ignored.map(({ name }) => name), ["readme.txt"]);
      for (const target of [`${outside}/death.csv`, "../nowhere.csv"]) {
        await Deno.symlink(target, `${folder}/death.csv`);
        await assert.rejects(scanFolder(folder), { code: "cdm_invalid", message: /death\.csv/ });
        await Deno.remove(`${folder}/death.csv`);
      }
      await Deno.symlink(folder, `${outside}/linked`);
      assert.equal((await scanFolder(`${outside}/linked`)).files.length, 2);
    });
  });
});

Deno.test("scanFolder() refuses a file with two readings, with the line and what to pass", async () => {
  await withFolder({ "note.tsv": 'note_id\tnote_title\n1\ta\n2\t"b"\n' }, async (folder) => {
    await assert.rejects(scanFolder(folder), {
      code: "cdm_invalid",
      message: /note\.tsv.* line 3 /,
      next: /--format note=csv .*--format note=unquoted /,
    });
    for (const format of ["csv", "unquoted", "copy"] as const) {
      const { files } = await scanFolder(folder, { tables: new Map([["note", format]]) });
      assert.equal(files[0]?.dialect.format, format);
    }
  });
});

Deno.test("readRecords() reads gzip with several members, and names a truncated file", async () => {
  const [first, second] = await Promise.all(
    ["a,b\n1,2\n", "3,4\n"].map((text) => gzip(new TextEncoder().encode(text))),
  );
  assert.ok(first !== undefined && second !== undefined);
  const dialect = { delimiter: ",", format: "csv" } as const;
  await withFolder({}, async (folder) => {
    const path = `${folder}/x.csv.gz`;
    const file = { path, realPath: path };
    await Deno.writeFile(path, new Uint8Array([...first, ...second]));
    const rows = (await Array.fromAsync(readRecords(file, dialect))).flatMap(({ records }) => records);
    assert.deepEqual(rows.map(({ fields, line }) => [line, ...fields]), [[2, "1", "2"], [3, "3", "4"]]);
    await Deno.writeFile(path, first.subarray(0, first.length - 9));
    await assert.rejects(Array.fromAsync(readRecords(file, dialect)), {
      code: "cdm_invalid",
      message: /x\.csv\.gz/,
    });
  });
});
