/** The notebook of what a sandbox has executed: Jupyter's own library accepts it, and it runs again from the top. */
import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** Runs each code cell of a notebook with IPython's shell, which is what Jupyter's kernel runs. Prints what is wrong. */
const RUN_AGAIN = `
import nbformat
_book = nbformat.read("notebook.ipynb", as_version=4)
nbformat.validate(_book)
_shell = get_ipython()
for _cell in [each for each in _book.cells if each.cell_type == "code"]:
    _result = _shell.run_cell(_cell.source)
    if not _result.success and "raises-exception" not in _cell.metadata.get("tags", []):
        print("FAILED", _cell.id, _cell.source)
`;

Deno.test("what was executed is a valid notebook, which runs again", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "omcp-notebook-" });
  try {
    await withServer({ OMCP_EXCHANGE_DIR: folder }, async (server) => {
      const sandbox_id = await newSandbox(server);
      async function run(code: string, more: Record<string, unknown> = {}): Promise<string> {
        return (await server.call("execute_python_code", { sandbox_id, code, ...more })).text;
      }

      await run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn ü')\n42");
      await run("1 / 0");
      await run("while True:\n    pass", { timeout: 0.5 });
      await run("print('x' * 3_000_000)");
      await run("import asyncio\nawait asyncio.sleep(0)\n%time y = 7", {
        env: { SECRET: "s3cret" },
        cwd: ".",
      });
      const queries = [
        { table: "person", columns: ["person_id", "birth_datetime"], limit: 3, into: "people" },
        {
          table: "measurement",
          columns: ["measurement_date", "value_as_number", "value_as_concept_id", "unit_source_value"],
          limit: 200,
          into: "measured",
        },
        {
          table: "visit_occurrence",
          filters: [{ column: "visit_occurrence_id", op: "=", value: -1 }],
          into: "empty",
        },
      ];
      for (const query of queries) {
        const { text } = await server.call("query_omop", { sandbox_id, ...query });
        assert.match(text, new RegExp(`\`${query.into}\`: \\d+ rows?`));
      }
      await run("from IPython.display import HTML, JSON\ndisplay(JSON({'a': 1}))\nHTML('<b>x</b>')");

      await t.step(
        "it is written into the sandbox, and the library that defines the format accepts it",
        async () => {
          const { text, links } = await server.call("export_notebook", { sandbox_id });
          assert.match(
            text,
            /^Wrote a notebook with 9 code cells \([\d,]+ bytes\) to notebook\.ipynb: a new file\./,
          );
          assert.match(text, /1 cell lacks something that is no longer kept/);
          assert.deepEqual(links.map(({ uri }) => uri), [`sandbox://${sandbox_id}/notebook.ipynb`]);
          const again = await server.call("export_notebook", { sandbox_id });
          assert.match(again.text, /^Error file_exists[^]*overwrite/);
          const seen = await run(
            "import nbformat\nbook = nbformat.read('notebook.ipynb', as_version=4)\nnbformat.validate(book)\n" +
              "code = [cell for cell in book.cells if cell.cell_type == 'code']\n" +
              "print([[output.output_type for output in cell.outputs] for cell in code])\n" +
              "print([list(output.data) for output in code[0].outputs if 'display' in output.output_type])",
          );
          assert.match(
            seen,
            /\[\['stream', 'execute_result', 'display_data'\], \['error'\], \['error'\], /,
          );
          assert.match(seen, /\[\['text\/plain', 'image\/png'\]\]|\[\['image\/png', 'text\/plain'\]\]/);
        },
      );

      await t.step("it runs again from the top in a new kernel", async () => {
        await run("import pickle; pickle.dump((people, measured, empty), open('frames', 'wb'))");
        await server.call("restart_kernel", { sandbox_id });
        const ran = await run(RUN_AGAIN);
        assert.doesNotMatch(ran, /FAILED/);
        assert.match(ran, /drawn ü/);
        const same = "import pickle\nfrom pandas.testing import assert_frame_equal\n" +
          "for one, other in zip(pickle.load(open('frames', 'rb')), (people, measured, empty)): assert_frame_equal(one, other)\n" +
          "y, len(people), len(measured), len(empty)";
        assert.match(await run(same), /\(7, 3, 200, 0\)/);
      });

      await t.step("it is a resource", async () => {
        const { mimeType, text = "" } = await server.readResource(`sandbox://${sandbox_id}/notebook.ipynb`);
        assert.equal(mimeType, "application/x-ipynb+json");
        assert.match(text, /ZeroDivisionError/);
        assert.match(text, /Commented out, so that the notebook runs again: it exceeded its timeout/);
        assert.match(text, /A call of the tool `restart_kernel`/);
        // The values of environment variables may be secrets.
        assert.match(text, /with the environment variables SECRET/);
        assert.doesNotMatch(text, /s3cret/);
        const other = `sandbox://sbx_${"0".repeat(32)}/notebook.ipynb`;
        await assert.rejects(server.readResource(other), /not found/);
        await assert.rejects(
          server.readResource(`sandbox://${sandbox_id}/notebook.ipynb?x`),
          /not found/,
        );
      });

      await t.step("it is written into the exchange folder, and replaces nothing unless asked", async () => {
        const input = { sandbox_id, name: "analysis.ipynb" };
        const { text } = await server.call("export_notebook", input);
        assert.match(text, /to analysis\.ipynb in the exchange folder: a new file/);
        const written = await Deno.readTextFile(`${folder}/analysis.ipynb`);
        assert.equal(JSON.parse(written).nbformat_minor, 5);
        assert.match((await server.call("export_notebook", input)).text, /^Error file_exists/);
        const replaced = await server.call("export_notebook", { ...input, overwrite: true });
        assert.match(replaced.text, /it replaced a file/);
      });
    }, { exchangeFolder: folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
