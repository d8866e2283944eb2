import assert from "node:assert/strict";
import { type ParsedRow, parseSample } from "./parsed_sample.ts";

const DIABETES = "201826";
const HYPERTENSION = "320128";
const SAMPLE = parseSample(1_000, 1);
const PERSONS = new Map(rows("person").map((row) => [row["person_id"] ?? "", row]));

Deno.test("the sample has about as many men as women", function sexes() {
  const women = rows("person").filter((row) => row["gender_concept_id"] === "8532").length;
  assert(women > 450 && women < 570, String(women));
});

Deno.test("the sample has all ages, and a realistic number of deaths", function ages() {
  const ages = rows("person").map((row) => 2024 - Number(row["year_of_birth"]));
  assert(ages.filter((age) => age < 18).length > 120);
  assert(ages.filter((age) => age >= 65).length > 80);
  assert(Math.max(...ages) <= 101);
  const deaths = rows("death").length;
  assert(deaths > 15 && deaths < 80, String(deaths));
});

Deno.test("the sample's diabetics are adults, mostly past 40", function diabetes() {
  const ages = rows("condition_occurrence").filter((row) => row["condition_concept_id"] === DIABETES)
    .map((row) => ageAt(row, "condition_start_date"));
  assert(Math.min(...ages) >= 28);
  assert(mean(ages) > 50 && mean(ages) < 70, String(mean(ages)));
  const share = having(DIABETES).size / PERSONS.size;
  assert(share > 0.03 && share < 0.12, String(share));
});

Deno.test("the sample's diabetics have a higher HbA1c, and take metformin", function hba1c() {
  const diabetics = having(DIABETES);
  const values = rows("measurement").filter((row) => row["measurement_concept_id"] === "3004410");
  const theirs = values.filter((row) => diabetics.has(row["person_id"] ?? "")).map(value);
  const others = values.filter((row) => !diabetics.has(row["person_id"] ?? "")).map(value);
  assert(theirs.length > 50 && others.length > 50);
  assert(mean(theirs) > 6.5 && mean(theirs) < 8.5, String(mean(theirs)));
  assert(mean(others) > 5 && mean(others) < 5.7, String(mean(others)));
  const metformin = new Set(
    rows("drug_era").filter((row) => row["drug_concept_id"] === "1503297").map((row) =>
      row["person_id"] ?? ""
    ),
  );
  for (const person of metformin) assert(diabetics.has(person), person);
  assert(metformin.size > diabetics.size * 0.4);
});

Deno.test("the sample's hypertensive adults have a higher blood pressure", function pressure() {
  const hypertensive = having(HYPERTENSION);
  const systolic = rows("measurement").filter(function adult(row) {
    return row["measurement_concept_id"] === "3004249" && ageAt(row, "measurement_date") >= 40;
  });
  const high = mean(systolic.filter((row) => hypertensive.has(row["person_id"] ?? "")).map(value));
  const normal = mean(systolic.filter((row) => !hypertensive.has(row["person_id"] ?? "")).map(value));
  assert(high > normal + 8 && high < 160, `${high} ${normal}`);
});

Deno.test("the sample's influenza occurs in winter, and only persons with hay fever get its drug", function seasons() {
  const months = rows("condition_occurrence").filter((row) => row["condition_concept_id"] === "4266367")
    .map((row) => Number(row["condition_start_date"]?.slice(5, 7)));
  const winter = months.filter((month) => month === 12 || month <= 3).length;
  assert(months.length > 80, String(months.length));
  assert(winter / months.length > 0.6, `${winter} of ${months.length}`);
  const allergic = having("4280726");
  for (const row of rows("drug_era").filter((era) => era["drug_concept_id"] === "1149196")) {
    assert(allergic.has(row["person_id"] ?? ""));
  }
});

Deno.test("the sample's kidney disease is more frequent with diabetes", function comorbidity() {
  const diabetics = having(DIABETES);
  const kidney = having("443597");
  const among = [...kidney].filter((person) => diabetics.has(person)).length / diabetics.size;
  const elsewhere = [...kidney].filter((person) => !diabetics.has(person)).length /
    (PERSONS.size - diabetics.size);
  assert(among > 3 * elsewhere, `${among} ${elsewhere}`);
});

Deno.test("the sample's values are within their physiological ranges", function ranges() {
  const limits: Readonly<Record<string, readonly [number, number]>> = {
    "3004249": [80, 210],
    "3012888": [40, 140],
    "3025315": [2, 200],
    "3038553": [8, 60],
    "3004410": [4, 14],
    "3016723": [0.3, 4],
    "3000963": [6, 20],
    "3036277": [45, 210],
  };
  for (const row of rows("measurement")) {
    const [low, high] = limits[row["measurement_concept_id"] ?? ""] ?? [0, 1_000];
    assert(value(row) >= low && value(row) <= high, JSON.stringify(row));
  }
});

function rows(table: string): readonly ParsedRow[] {
  const found = SAMPLE[table];
  assert(found !== undefined, table);
  return found;
}

/** The persons with a condition. */
function having(concept: string): ReadonlySet<string> {
  return new Set(
    rows("condition_occurrence").filter((row) => row["condition_concept_id"] === concept)
      .map((row) => row["person_id"] ?? ""),
  );
}

function ageAt(row: ParsedRow, column: string): number {
  const born = PERSONS.get(row["person_id"] ?? "")?.["birth_datetime"]?.slice(0, 10) ?? "";
  return (Date.parse(row[column] ?? "") - Date.parse(born)) / (365.25 * 86_400_000);
}

function value(row: ParsedRow): number {
  return Number(row["value_as_number"]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}
