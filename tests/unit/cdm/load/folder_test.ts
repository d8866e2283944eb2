import assert from "node:assert/strict";
import { readHeader, readRecords } from "../../../../src/cdm/load/csv_file.ts";
import { detectVersion, scanFolder } from "../../../../src/cdm/load/folder.ts";
import { gzip, withFolder } from "../../../fixtures/cdm/folder_files.ts";

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

Deno.test("readHeader() detects the delimiter and the quoting", async () => {
  await withFolder({
    "a.csv": '\uFEFF"person_id","x"\r\n1,2\r\n',
    "b.csv": "concept_id\tconcept_name\n1\ta\n",
    "c.csv": '"concept_id"\t"concept_name"\n',
    "d.csv": "a;b;c,d\n",
  }, async (folder) => {
    assert.deepEqual(await readHeader(`${folder}/a.csv`), {
      columns: ["person_id", "x"],
      dialect: { delimiter: ",", quotes: true },
    });
    assert.deepEqual((await readHeader(`${folder}/b.csv`))?.dialect, { delimiter: "\t", quotes: false });
    assert.deepEqual((await readHeader(`${folder}/c.csv`))?.dialect, { delimiter: "\t", quotes: true });
    assert.deepEqual((await readHeader(`${folder}/d.csv`))?.dialect, { delimiter: ";", quotes: true });
  });
});

Deno.test("readRecords() reads gzip with several members, and names a truncated file", async () => {
  const [first, second] = await Promise.all(
    ["a,b\n1,2\n", "3,4\n"].map((text) => gzip(new TextEncoder().encode(text))),
  );
  assert.ok(first !== undefined && second !== undefined);
  const dialect = { delimiter: ",", quotes: true } as const;
  await withFolder({}, async (folder) => {
    const path = `${folder}/x.csv.gz`;
    await Deno.writeFile(path, new Uint8Array([...first, ...second]));
    const rows = (await Array.fromAsync(readRecords(path, dialect))).flatMap(({ records }) => records);
    assert.deepEqual(rows.map(({ fields, line }) => [line, ...fields]), [[2, "1", "2"], [3, "3", "4"]]);
    await Deno.writeFile(path, first.subarray(0, first.length - 9));
    await assert.rejects(Array.fromAsync(readRecords(path, dialect)), {
      code: "cdm_invalid",
      message: /x\.csv\.gz/,
    });
  });
});
