/** The npm package and the wheel as a user has them: installed from their files, without a checkout, served to a real client. */
import assert from "node:assert/strict";
import { CLIENTS } from "../../../scripts/client_configurations.ts";
import { connectCommand, type ConnectedServer } from "../../../src/cli/demo/client.ts";
import { SYSTEM_BUNDLES } from "../../../src/lib/host_certificates.ts";
import { VERSION } from "../../../src/version.ts";
import { commandIn } from "../../fixtures/client_configurations.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { HOST_INDEX } from "../../fixtures/package_index.ts";
import { type InstallablePackage, installablePackages } from "../../fixtures/package/installed.ts";
import { commandLine, descendants, isRunning } from "../../fixtures/package/processes.ts";
import { type ProgramOutput, programOutput } from "../../fixtures/program_output.ts";
import { assertNothingLeft, connectTestEngine, newInstance, newSandbox } from "../../fixtures/server.ts";

const SOCKET = (Deno.env.get("DOCKER_HOST") ?? "unix:///var/run/docker.sock").replace(/^unix:\/\//, "");

const OWN_CERTIFICATES = "/etc/ssl/certs/own.crt";

/** Reads the database from code and draws what it finds. */
const FIGURE = `
import matplotlib.pyplot as plt, pandas as pd, psycopg
with psycopg.connect() as connection:
    rows = connection.execute("select year_of_birth, count(*) from person group by 1 order by 1").fetchall()
pd.DataFrame(rows, columns=["year", "persons"]).plot(x="year", y="persons", title="Persons by year of birth")
print(len(rows) > 10)
`;

Deno.test("the packages", async (test) => {
  await using built = await installablePackages();
  // Before anything else, as on a new machine. Those from a checkout: tests/integration/examples/.
  for (const [words, files] of await configuredCommands()) {
    await test.step(`npm: a client that ${files.join(", ")} configure lists the tools of its server`, async () => {
      const npm = built.packages.find(({ name }) => name === "npm") ?? assert.fail();
      await serving({ command: (_, environment) => npm.run(words, environment) }, {}, async (server) => {
        assert.ok((await server.tools()).includes("execute_python_code"));
      });
    });
  }
  await test.step("npm: after a wrong setting, the doctor checks all else", async () => {
    const npm = built.packages.find(({ name }) => name === "npm") ?? assert.fail();
    const { code, stdout } = await output(npm, ["doctor"], {
      OMCP_MAX_SANDBOXES: "many",
      OMCP_DATABASE_URL: "none",
    });
    assert.match(stdout, /^FAIL {2}settings: Cannot start: OMCP_MAX_SANDBOXES must be an integer$/m);
    assert.match(stdout, /^ok {4}sandbox, from inside: sockets refused/m);
    assert.match(stdout, /^1 check failed\.$/m);
    assert.equal(code, 1);
  });
  for (const each of built.packages) {
    await test.step(`${each.name}: its command prints the version, and passes exit codes through`, async () => {
      const version = await output(each, ["--version"]);
      assert.deepEqual([version.code, version.stdout], [0, `${VERSION}\n`]);
      const unknown = await output(each, ["nonsense"]);
      assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
      assert.match(unknown.stderr, /^invalid_argument: Unknown command: nonsense$/m);
      const wrong = await output(each, ["serve"], { OMCP_MAX_SANDBOXES: "many" });
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /^config_invalid: Cannot start: OMCP_MAX_SANDBOXES must be an integer$/m);
    });

    await test.step(`${each.name}: a client gets rows and a figure from OMOP data`, async () => {
      await serving(each, {}, async (server) => {
        const sandbox_id = await newSandbox(server);
        const query = await server.call("query_omop", {
          sandbox_id,
          table: "person",
          aggregates: [{ fn: "count" }],
        });
        assert.equal(query.isError, false, query.text);
        const figure = await server.call("execute_python_code", { sandbox_id, code: FIGURE });
        assert.match(figure.text, /^True$/m);
        assert.deepEqual(figure.images.map(({ mimeType }) => mimeType), ["image/png"]);
        const refused = await server.call("execute_python_code", {
          sandbox_id,
          code: 'import psycopg; psycopg.connect().execute("delete from person")',
        });
        assert.match(refused.text, /InsufficientPrivilege|ReadOnly|FeatureNotSupported|cannot/i);
      });
    });

    await test.step(`${each.name}: Deno runs with the permissions that the settings need, and no others`, async () => {
      const exchange = `${built.folder}/exchange-${each.name}`;
      await Deno.mkdir(exchange);
      const environment = {
        OMCP_ENV_FILE: `${built.folder}/settings-${each.name}.env`,
        OMCP_DATABASE_URL: "none",
        PIP_CERT: OWN_CERTIFICATES,
      };
      const audit = `${built.folder}/audit-${each.name}`;
      await Deno.writeTextFile(
        environment.OMCP_ENV_FILE,
        `OMCP_AUDIT_FOLDER=${audit}\nOMCP_EXCHANGE_DIR=${exchange}\n`,
      );
      await serving(each, environment, (_, pid) => {
        const [, ...args] = commandLine(program(pid));
        const flags = args.slice(0, args.findIndex((arg) => arg.endsWith("/omcp.mjs")));
        assert.deepEqual(flags.filter((flag) => !flag.startsWith("--allow-env=")), [
          ...["run", "--quiet", "--no-config", "--no-lock", "--no-npm", "--no-remote", "--cached-only"],
          "--v8-flags=--optimize-for-size,--max-semi-space-size=1,--initial-old-space-size=16,--liftoff-only",
          "--no-prompt",
          `--allow-net=unix:${SOCKET},docker.invalid:80`,
          `--allow-read=${
            [SOCKET, audit, exchange, ...certificateFiles(), environment.OMCP_ENV_FILE].join(",")
          }`,
          `--allow-write=${[SOCKET, audit, exchange].join(",")}`,
        ]);
        const allowed = flags.find((flag) => flag.startsWith("--allow-env="));
        assert.match(
          allowed ?? "",
          /^--allow-env=DOCKER_HOST,DOCKER_TLS_VERIFY,DOCKER_CERT_PATH,OMCP_\*,[\w,]+$/,
        );
        return Promise.resolve();
      });
    });

    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await test.step(`${each.name}: nothing remains after ${signal} to the launcher, while the client waits`, async () => {
        await serving(each, { OMCP_DATABASE_URL: "none" }, async (server, pid) => {
          await newSandbox(server);
          const started = [pid, ...descendants(pid)];
          Deno.kill(launcher(pid), signal);
          await eventually(() => !started.some(isRunning), "processes remain");
        });
      });
    }

    await test.step(`${each.name}: nothing remains after SIGKILL to what started the program, and the end of stdin`, async () => {
      await serving(each, { OMCP_DATABASE_URL: "none" }, async (server, pid) => {
        await newSandbox(server);
        Deno.kill(each.name === "npm" ? launcher(pid) : pid, "SIGKILL");
      });
    });
  }
});

/** Each command that a client's configuration in examples/ names, with the files that name it. */
async function configuredCommands(): Promise<
  (readonly [words: readonly string[], files: readonly string[]])[]
> {
  const found = new Map<string, string[]>();
  for (const { file } of CLIENTS) {
    const command = JSON.stringify(await commandIn(file));
    found.set(command, [...found.get(command) ?? [], file]);
  }
  return [...found].map(([command, files]) => [JSON.parse(command), files]);
}

/**
 * Runs a test with a served package; then its client closes, and no process and no container may remain.
 *
 * @param test Receives the client, and the process that it has started.
 */
async function serving(
  { command }: Pick<InstallablePackage, "command">,
  environment: Readonly<Record<string, string>>,
  test: (server: ConnectedServer, pid: number) => Promise<void>,
): Promise<void> {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const server = await connectCommand(
    command([], { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance, ...environment }),
  );
  const started = [server.pid, ...descendants(server.pid)];
  try {
    await test(server, server.pid);
  } finally {
    await server.close();
  }
  await eventually(() => !started.some(isRunning), "processes remain");
  await assertNothingLeft(engine, instance);
}

/** The process that the package has started: Deno. */
function program(pid: number): number {
  const found = [pid, ...descendants(pid)].find((each) =>
    commandLine(each).some((arg) => arg.endsWith("/omcp.mjs"))
  );
  assert.ok(found !== undefined);
  return found;
}

/** Node with the launcher; the wheel's launcher has become Deno. */
function launcher(pid: number): number {
  const found = [pid, ...descendants(pid)].find((each) => {
    const [name = "", script = ""] = commandLine(each);
    return /(^|\/)node$/.test(name) && /omcp-python-sandbox$|launcher\.cjs$/.test(script);
  });
  return found ?? program(pid);
}

/** Variables with certificate authorities, then the places where distributions have them. */
function certificateFiles(): string[] {
  const named = [HOST_INDEX["SSL_CERT_FILE"], Deno.env.get("NODE_EXTRA_CA_CERTS"), OWN_CERTIFICATES];
  return [...new Set([...named.filter((path) => path !== undefined), ...SYSTEM_BUNDLES])];
}

function output(
  { command }: InstallablePackage,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ProgramOutput> {
  const start = command(args, environment);
  return programOutput(start.command, start.args, {
    env: { ...start.env },
    clearEnv: true,
    ...(start.cwd === undefined ? {} : { cwd: start.cwd }),
  });
}
