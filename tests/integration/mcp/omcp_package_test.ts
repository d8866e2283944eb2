/** The Python package `omcp` in running cells, where rows may be read; `tests/integration/cdm/disclosure/` has it where they may not. */
import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";
import storm from "./call_storm.py" with { type: "text" };

const DIABETES =
  `[{"column": "condition_concept_id", "op": "in_concept_set", "value": {"items": [{"concept_id": 201820, "include_descendants": True}]}}]`;

Deno.test("code calls the server's tools with the package omcp", async (t) => {
  const auditFolder = await Deno.makeTempDir();
  await withServer({ OMCP_AUDIT_FOLDER: auditFolder }, async (server) => {
    const sandbox_id = await newSandbox(server);
    async function run(code: string): Promise<string> {
      return (await server.call("execute_python_code", { sandbox_id, code })).text;
    }

    await t.step("a typed query has the rows that the tool leaves, and says what it understood", async () => {
      const reply = await server.call("query_omop", {
        sandbox_id,
        table: "condition_occurrence",
        columns: ["person_id", "condition_start_date", "age_at(condition_start_date) as age"],
        filters: [{
          column: "condition_concept_id",
          op: "in_concept_set",
          value: { items: [{ concept_id: 201820, include_descendants: true }] },
        }],
        per_person: "first",
        into: "left",
      });
      assert.equal(reply.isError, false, reply.text);
      const text = await run(`import omcp
own = omcp.query("condition_occurrence", per_person="first", filters=${DIABETES},
    columns=["person_id", "condition_start_date", "age_at(condition_start_date) as age"])
key = ["person_id"]
print(own.sort_values(key, ignore_index=True).equals(left.sort_values(key, ignore_index=True)), len(own) > 50)
print(own.attrs["sql"] == left.attrs["sql"], own.attrs["truncated"], own.attrs["notes"])
print(own.attrs["understood"])`);
      assert.match(
        text,
        /^\[stdout\]\nTrue True\nTrue False \[\]\nrows of condition_occurrence .* each person's first/,
        text,
      );
    });

    await t.step("cut rows, and the reason for a result without rows, are warnings", async () => {
      assert.match(
        await run(`omcp.query("person", columns=["person_id"], limit=2)`),
        /\[stderr\]\nCell In\[\d+\]:1: OmcpWarning: There are more than 2 rows/,
      );
      const none = await run(
        `none = omcp.query("condition_occurrence", filters=[{"column": "condition_concept_id", "op": "=", "value": 201820}])`,
      );
      assert.match(
        none,
        /OmcpWarning: No rows for 201820 Diabetes mellitus: \d+ records are under 1 descendant/,
      );
    });

    await t.step("concepts, sets and measurements are DataFrames with what the tools say", async () => {
      const text = await run(`hits = omcp.concepts("diabetes")
print(201826 in set(hits.concept_id), int(hits.set_index("concept_id").records[201826]) > 0, hits.attrs["truncated"])
print(omcp.concept_set([201820]).concept_id.tolist(), omcp.concept(201826)["concept_name"])
found = omcp.measurements("glucose")
print(found.unit.tolist(), bool((found["min"] <= found["median"]).all()))`);
      assert.match(
        text,
        /^\[stdout\]\nTrue True False\n\[201826, 201820\] Type 2 diabetes mellitus\n\['milligram per deciliter'\] True\n/,
        text,
      );
      const tool = await server.call("expand_concept_set", {
        items: [{ concept_id: 201820, include_descendants: true }],
      });
      const hash = /Definition (\S+),/.exec(tool.text)?.[1] ?? "";
      assert.match(await run(`print(omcp.concept_set([201820]).attrs["hash"])`), new RegExp(hash));
    });

    await t.step("a cohort is a DataFrame of periods; tools and analyses take its name", async () => {
      const text = await run(
        `entry = [{"table": "condition_occurrence", "concepts": [{"concept_id": 201820, "include_descendants": True}]}]
periods = omcp.cohort("diabetics", entry=entry)
persons = periods.person_id.nunique()
print(list(periods.columns), persons == periods.attrs["attrition"][-1]["persons"] > 50)
print(len(omcp.query("person", columns=["person_id"], persons={"with": [{"cohort": "diabetics"}]})) == persons)
print(len(omcp.cohort("diabetics")) == len(periods))
rates = omcp.analyze("incidence_rate", cohort="diabetics", outcome={"items": [{"concept_id": 201820, "include_descendants": True}]})
print(len(rates) > 0, "understood" in rates.attrs)
import warnings
with warnings.catch_warnings(record=True) as shown:
    warnings.simplefilter("always")
    curves = omcp.analyze("survival", cohort="diabetics", strata=["gender"], outcome={"death": True})
print("Log-rank" in str(curves.attrs["notes"]), shown)
try: omcp.sql("select 1 form person x")
except omcp.OmcpError as error: print(error.message)`,
      );
      assert.match(
        text,
        /^\['person_id', 'cohort_start_date', 'cohort_end_date'\] True\nTrue\nTrue\nTrue True\nTrue \[\]\n[^\n]*syntax error at or near "person" \(line 1: select 1 form person x\)\.?$/m,
        text,
      );
      const { text: seen } = await server.call("define_cohort", { name: "diabetics" });
      assert.match(seen, /Cohort diabetics: \d+ persons/, seen);
    });

    await t.step(
      "omcp.sql returns a DataFrame, also for two columns of one name, for no rows, and for types that pandas lacks",
      async () => {
        const text = await run(
          `frame = omcp.sql("select count(*) n, count(*) n, max(birth_datetime) b, array[1] a, null::text t, true f from person where person_id > %s", [3])
print(frame.shape, [str(each) for each in frame.dtypes], frame.iloc[0, 0] == 997, frame.iloc[0, 3])
cut = omcp.sql("select person_id from person order by 1", limit=2)
print(cut.attrs["truncated"], len(omcp.sql("select 1 as x where false")), list(frame.columns)[:2], list(omcp.sql("select 1 as x where false").columns))`,
        );
        assert.match(
          text,
          /\(1, 6\) \['Int64', 'Int64', 'datetime64\[us\]', 'object', 'string', 'boolean'\] True \[1\]\n[^]*^True 0 \['n', 'n_2'\] \['x'\]$/m,
          text,
        );
      },
    );

    await t.step(
      "SQL that runs and means something else is warned of, by tools and by code alike",
      async () => {
        const fanOut =
          "select count(*) as patients from condition_occurrence c join drug_exposure d on c.person_id = d.person_id";
        const tool = await server.call("run_sql", { sandbox_id, sql: fanOut });
        assert.match(tool.text, /^Warning \[fan-out\]: .*\. Use EXISTS.*\.$/m);
        assert.match(tool.text, /^Warning \[persons\]: patients counts rows of condition_occurrence/m);
        assert.match(await run(`omcp.sql("${fanOut}")`), /OmcpWarning: Warning \[fan-out\]/);
        const named =
          "select count(*) from condition_occurrence where condition_concept_id in (1503297, 3, 201820)";
        const concepts = await server.call("run_sql", { sandbox_id, sql: named });
        assert.match(concepts.text, /^Warning: The CDM has no concept 3|^Warning: .*\b3\b/m, concepts.text);
        const domain = await server.call("run_sql", { sandbox_id, sql: named.replace(", 3,", ",") });
        assert.match(
          domain.text,
          /^Warning: 1503297 .* of domain Drug, whose records condition_concept_id does not hold\.$/m,
        );
        assert.match(domain.text, /^No rows for 201820 .* under 1 descendant/m, domain.text);
        const typed = await server.call("query_omop", {
          sandbox_id,
          table: "condition_occurrence",
          aggregates: [{ fn: "count", as: "patients" }],
        });
        assert.match(typed.text, /^Warning \[persons\]: patients counts rows/m);
        const right =
          "select count(distinct person_id) as patients from condition_occurrence where condition_concept_id = 201826";
        assert.doesNotMatch((await server.call("run_sql", { sandbox_id, sql: right })).text, /Warning/);
      },
    );

    await t.step(
      "errors have the tools' fields; a traceback ends in the user's code, not in ours",
      async () => {
        const wrong = await run(`omcp.query("person", columns=["gender"])`);
        assert.match(wrong, /omcp\.OmcpError: invalid_argument: The table person has no column "gender"/);
        assert.doesNotMatch(wrong, /_calls|_tools|run\/omcp/);
        const fields = await run(`for call in (
    lambda: omcp.concept(1),
    lambda: omcp.sql("delete from person"),
    lambda: omcp.sql("set timezone = 'UTC'"),
    lambda: omcp.sql("select 1 where 'a' like '%' and 1 = %s", [1]),
    lambda: omcp.sql("select %s, %s", [1]),
    lambda: omcp.sql("select 'infinity'::date"),
    lambda: omcp.sql("select " + ", ".join(["1"] * 600)),
    lambda: omcp.query({"table": "person"}),
    lambda: omcp.cohort({"name": "x"}),
    lambda: omcp.analyze({"analysis": "table_one"}),
    lambda: omcp.call("execute_python_code", code="1"),
    lambda: omcp.call("search_concept", text="x"),
    lambda: omcp.call("search_concepts", txt="x"),
    lambda: omcp.call("search_concepts", text="x" * 300_000),
):
    try: call()
    except omcp.OmcpError as error: print(error.code, "|", error.message.split(chr(10))[0][:90], "|", error.next, "|", error.details.get("sqlstate"))`);
        for (
          const line of [
            /^concept_not_found \| /m,
            /^database_refused \| cannot execute DELETE [^|]* \| Compute the changed rows [^|]* \| 25006$/m,
            /^database_refused \| the statement returns no rows \| Write one statement that returns rows, such as SELECT\. \| None$/m,
            /^database_refused \| the query has 2 placeholders but 1 parameters [^|]* \| Give one parameter for each %s/m,
            /^database_refused \| only '%s'[^|]* \| Give one parameter for each %s/m,
            /^database_refused \| [^|]*date[^|]* \| Cast that column to text\. \| None$/m,
            /^database_refused \| the result has 600 columns: the maximum is 500 \| Select fewer columns\. \| None$/m,
            /^invalid_argument \| The first argument of omcp\.query is the name of a table, not a dict\. \| .*omcp\.query\(\*\*query\)/m,
            /^invalid_argument \| The first argument of omcp\.cohort .*omcp\.cohort\(\*\*definition\)/m,
            /^invalid_argument \| The first argument of omcp\.analyze .*omcp\.analyze\(\*\*analysis\)/m,
            /^invalid_argument \| Code cannot call "execute_python_code"\. \| It can call .*query_omop/m,
            /^invalid_argument \| Code cannot call "search_concept"\. \| Did you mean search_concepts\? \| None$/m,
            /^invalid_argument \| unknown .*txt/m,
            /^invalid_argument \| A call may have at most 262144 bytes/m,
          ]
        ) assert.match(fields, line);
      },
    );

    await t.step(
      "a program that a cell starts has it, too; pandas is imported only when needed",
      async () => {
        const text = await run(`import subprocess
code = "import omcp, sys; print('pandas' in sys.modules, omcp.concept(201826)['domain_id'])"
print(subprocess.run(["python3", "-c", code], capture_output=True, text=True))`);
        assert.match(text, /stdout='False Condition\\n', stderr=''/, text);
        assert.match(await run("help(omcp)"), /search_concepts, as a DataFrame[^]*omcp\.sql/);
        // Its functions come before what exceptions inherit.
        assert.match(
          await run(
            `import pydoc
text = pydoc.plain(pydoc.render_doc(omcp))
print(text[:text.index("FUNCTIONS")].count("\\n") < 60, "Method resolution" in text, issubclass(omcp.OmcpError, Exception))`,
          ),
          /^True False True$/m,
        );
      },
    );

    await t.step("the audit has a call by code as it has the model's", () => {
      const lines = [...Deno.readDirSync(auditFolder)].flatMap(({ name }) =>
        Deno.readTextFileSync(`${auditFolder}/${name}`).split("\n")
      );
      const calls = lines.filter((line) =>
        line.includes('"omcp.query_omop"') && line.includes(sandbox_id) && line.includes('"local"')
      );
      assert.ok(calls.length >= 3, lines.join("\n"));
      assert.doesNotMatch(calls.join("\n"), /201820/);
    });

    await t.step("a storm of calls stops neither this sandbox nor its neighbour nor the server", async () => {
      const neighbour = await newSandbox(server);
      const attack = await server.call("execute_python_code", { sandbox_id, code: storm, wait: 0 });
      const execution_id = /execution_id: (\S+)/.exec(attack.text)?.[1] ?? "";
      const beside = await server.call("execute_python_code", {
        sandbox_id: neighbour,
        code: `import omcp\nprint([len(omcp.concepts("diabetes")) for _ in range(20)])`,
      });
      assert.match(beside.text, /\[(\d+)(?:, \1){19}\]/, beside.text);
      assert.match((await server.call("search_concepts", { text: "diabetes" })).text, /201826/);
      const { text } = await server.call("get_execution", { execution_id });
      assert.match(
        text,
        /^flood: [1-9]\d* answered, [1-9]\d* refused\ndeep: invalid_argument\nlong: refused\nbeside them: 2\n/m,
        text,
      );
    });
  }, { auditFolder });
  await Deno.remove(auditFolder, { recursive: true });
});
