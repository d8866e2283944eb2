/** Datasets: folders that the operator names, read by code in sandboxes. */
import assert from "node:assert/strict";
import { withPublicFolder } from "../../fixtures/dataset_folder.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** Every way to change a folder or its files. Prints the errno of each, or "worked". */
const CHANGES = `
import ctypes, errno, os
folder = "/data/visits"
libc = ctypes.CDLL(None, use_errno=True)
def remount():
    if libc.mount(None, folder.encode(), None, 0x1020, None) != 0:  # MS_REMOUNT | MS_BIND, without MS_RDONLY
        raise OSError(ctypes.get_errno(), "mount")
attempts = {
    "create": lambda: open(folder + "/new", "w"),
    "append": lambda: open(folder + "/visits.csv", "a"),
    "truncate": lambda: os.truncate(folder + "/visits.csv", 0),
    "remove": lambda: os.remove(folder + "/visits.csv"),
    "rename": lambda: os.rename(folder + "/visits.csv", folder + "/other.csv"),
    "mkdir": lambda: os.mkdir(folder + "/sub"),
    "symlink": lambda: os.symlink("/tmp", folder + "/link"),
    "link": lambda: os.link(folder + "/visits.csv", folder + "/hard"),
    "chmod": lambda: os.chmod(folder + "/visits.csv", 0o600),
    "times": lambda: os.utime(folder + "/visits.csv"),
    "remount": remount,
}
for name, attempt in attempts.items():
    try:
        attempt()
        print(name, "worked")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
`;

Deno.test("a dataset can be read in every sandbox and changed in none", async (t) => {
  await withPublicFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/visits.csv`, "person_id,days\n1,2\n2,5\n");
    // As writable as it can be: only the mount protects it.
    await Deno.chmod(`${folder}/visits.csv`, 0o666);
    await Deno.chmod(folder, 0o777);
    const outside = await Deno.makeTempFile({ prefix: "omcp-outside-" });
    await Deno.writeTextFile(outside, "outside");
    await Deno.chmod(outside, 0o644);
    await Deno.symlink(outside, `${folder}/outside`);
    await Deno.symlink("/etc/hostname", `${folder}/hostname`);
    await Deno.symlink("../../../../../../etc/hostname", `${folder}/up`);
    const settings = { OMCP_DATABASE_URL: "none", OMCP_DATASETS: `visits=${folder}/, other=${folder}` };
    try {
      await withServer(settings, async (server) => {
        const sandbox_id = await newSandbox(server);
        async function run(code: string): Promise<string> {
          return (await server.call("execute_python_code", { sandbox_id, code })).text;
        }

        await t.step("DuckDB and pandas read CSV files", async () => {
          const sql = `import duckdb; duckdb.sql("select sum(days) from '/data/visits/*.csv'").fetchall()`;
          assert.match(await run(sql), /\[\(7,\)\]|\[\(7\.0,\)\]|Decimal\('7'\)/);
          assert.match(
            await run("import pandas; int(pandas.read_csv('/data/other/visits.csv').days.sum())"),
            /\n7\n/,
          );
        });

        await t.step("DuckDB reads Parquet files, also those that appear later", async () => {
          const made = await run(
            `import base64, duckdb\nduckdb.sql("copy (select range id from range(10)) to '/workspace/x.parquet'")\n` +
              "print('<' + base64.b64encode(open('/workspace/x.parquet', 'rb').read()).decode() + '>')",
          );
          const parquet = /<(.+)>/.exec(made)?.[1];
          assert.ok(parquet !== undefined, made);
          await Deno.writeFile(`${folder}/ids.parquet`, Uint8Array.fromBase64(parquet));
          await Deno.chmod(`${folder}/ids.parquet`, 0o644);
          const sql = `duckdb.sql("select count(*), max(id) from '/data/visits/*.parquet'").fetchall()`;
          assert.match(await run(sql), /\[\(10, 9\)\]/);
        });

        await t.step("nothing can change it", async () => {
          const text = await run(CHANGES);
          for (
            const name of ["create", "append", "truncate", "remove", "rename", "mkdir", "symlink", "link"]
          ) {
            assert.match(text, new RegExp(`^${name} E(?:ROFS|ACCES|XDEV|PERM)$`, "m"), text);
          }
          for (const name of ["create", "append", "mkdir"]) {
            assert.match(text, new RegExp(`^${name} EROFS$`, "m"), text);
          }
          assert.match(text, /^remount EPERM$/m);
          assert.doesNotMatch(text, /worked/);
          assert.equal(await Deno.readTextFile(`${folder}/visits.csv`), "person_id,days\n1,2\n2,5\n");
        });

        await t.step("a symbolic link in it resolves inside the sandbox", async () => {
          assert.match(await run("open('/data/visits/outside').read()"), /FileNotFoundError/);
          for (const name of ["hostname", "up"]) {
            assert.match(await run(`open('/data/visits/${name}').read()`), /'sandbox\\n'/);
          }
        });
      });
    } finally {
      await Deno.remove(outside);
    }
  });
});
