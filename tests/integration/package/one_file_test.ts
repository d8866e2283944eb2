/** The program in one file, as a user has it: in an empty home, without Deno, Node and a checkout. */
import assert from "node:assert/strict";
import { auditFiles } from "../../../src/observability/audit_files.ts";
import { problemOf } from "../../../scripts/package/check_binary.ts";
import { programFiles } from "../../../scripts/package/files.ts";
import { NOTICES_FILE } from "../../../scripts/package/notices.ts";
import { buildOneFile } from "../../../scripts/package/packages.ts";
import { connectCommand } from "../../../src/cli/demo/client.ts";
import { DENO_VERSION, VERSION } from "../../../src/version.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { commandLine, isRunning } from "../../fixtures/package/processes.ts";
import { type ProgramOutput, programOutput } from "../../fixtures/program_output.ts";
import {
  assertNothingLeft,
  connectTestEngine,
  newInstance,
  newSandbox,
  PROJECT,
} from "../../fixtures/server.ts";

function run(
  program: string,
  args: readonly string[],
  environment: Record<string, string>,
): Promise<ProgramOutput> {
  return programOutput(program, args, { clearEnv: true, env: { PATH: "/usr/bin:/bin", ...environment } });
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("the one file", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "omcp-one-file-" });
  const program = await buildOneFile(PROJECT, await programFiles(PROJECT), folder);
  async function home(): Promise<{ HOME: string }> {
    return { HOME: await Deno.makeTempDir({ dir: folder, prefix: "home-" }) };
  }
  function cache({ HOME }: { HOME: string }): string {
    const base = `${HOME}/.cache/omcp`;
    const [name] = names(base);
    return `${base}/${name}`;
  }
  const expected: ProgramOutput = { code: 0, stdout: `${VERSION}\n`, stderr: "" };
  // The home of the steps that leave what was unpacked as it is.
  const shared = await home();
  try {
    await t.step("unpacks itself at the first start, and not at the second one", async () => {
      const environment = shared;
      assert.deepEqual(await run(program, ["--version"], environment), expected);
      const unpacked = cache(environment);
      const { ino, ctime } = await Deno.stat(`${unpacked}/deno`);
      assert.deepEqual(await run(program, ["--version"], environment), expected);
      const again = await Deno.stat(`${unpacked}/deno`);
      assert.deepEqual([again.ino, again.ctime], [ino, ctime]);
      assert.equal((await Deno.stat(`${environment.HOME}/.cache/omcp`)).mode ?? 0, 0o40700);
    });

    await t.step("starts this program, not a plain Deno", async () => {
      const environment = shared;
      const evaluated = await run(program, ["eval", "console.log(1)"], environment);
      assert.equal(evaluated.code, 1);
      assert.match(evaluated.stderr, /^invalid_argument: Unknown command: eval$/m);
      assert.doesNotMatch((await run(program, ["--version"], environment)).stdout, new RegExp(DENO_VERSION));
      const help = await run(program, ["--help"], environment);
      assert.match(help.stdout, /omcp load FILE/);
      assert.ok(help.stdout.startsWith(`omcp ${VERSION}\n`));
      const notices = await Deno.readTextFile(`${cache(environment)}/${NOTICES_FILE}`);
      assert.match(notices, /^Deno \(MIT\)$/m);
      assert.match(notices, /^zod \(MIT\)$/m);
      const images = await run(program, ["setup", "--print"], environment);
      assert.match(images.stdout, /^omcp-python:[0-9a-f]{12}\nomcp-postgres:[0-9a-f]{12}\n$/);
    });

    await t.step("passes the check of binaries, which a plain Deno fails", async () => {
      assert.equal(await problemOf(program, shared), undefined);
      assert.match(await problemOf(Deno.execPath()) ?? "", /--version prints "deno/);
    });

    await t.step(
      "the check fails what `deno compile` makes without its own runtime: a plain Deno",
      async () => {
        const script = `${folder}/script.ts`;
        const binary = `${folder}/compiled`;
        await Deno.writeTextFile(script, "");
        const made = await programOutput(Deno.execPath(), [
          "compile",
          "--no-check",
          "--output",
          binary,
          script,
        ], {
          env: { DENORT_BIN: Deno.execPath() },
        });
        assert.equal(made.code, 0, made.stderr);
        const check = await programOutput(Deno.execPath(), [
          ...["run", "-A", `${PROJECT}/scripts/package/check_binary.ts`, binary],
        ]);
        assert.equal(check.code, 1);
        assert.match(check.stdout + check.stderr, /is not this program: --version prints "deno/);
        await Deno.remove(binary);
      },
    );

    await t.step("five first starts at once all work, and leave one copy", async () => {
      const environment = await home();
      const outputs = await Promise.all(
        Array.from({ length: 5 }, () => run(program, ["--version"], environment)),
      );
      for (const output of outputs) assert.deepEqual(output, expected);
      assert.equal(names(`${environment.HOME}/.cache/omcp`).length, 1);
    });

    await t.step("replaces what was tampered with", async () => {
      const environment = await home();
      // The launcher itself prints the version; the help comes from what was unpacked.
      const help = await run(program, ["--help"], environment);
      const unpacked = cache(environment);
      const tampering: readonly (readonly [string, () => Promise<void>])[] = [
        ["the program", () => Deno.writeTextFile(`${unpacked}/program/omcp.mjs`, 'console.log("tampered")')],
        [
          "its permissions",
          () => Deno.writeTextFile(`${unpacked}/program/permissions.mjs`, "console.log('[\"-A\"]')"),
        ],
        ["Deno", async () => {
          const { atime, mtime, size } = await Deno.stat(`${unpacked}/deno`);
          using file = await Deno.open(`${unpacked}/deno`, { write: true });
          await file.seek(Math.floor(size / 2), Deno.SeekMode.Start);
          await file.write(new Uint8Array(4096));
          // Its size and time of modification are as before.
          await Deno.utime(`${unpacked}/deno`, atime ?? 0, mtime ?? 0);
        }],
        ["Deno, replaced by a script", async () => {
          await Deno.remove(`${unpacked}/deno`);
          await Deno.writeTextFile(`${unpacked}/deno`, "#!/bin/sh\necho tampered\n", { mode: 0o755 });
        }],
        ["Deno, as a link", async () => {
          await Deno.remove(`${unpacked}/deno`);
          await Deno.symlink("/bin/echo", `${unpacked}/deno`);
        }],
        ["the stamp", () => Deno.remove(`${unpacked}/stamp`)],
        ["a file that is missing", () => Deno.remove(`${unpacked}/program/omcp.mjs`)],
      ];
      for (const [what, tamper] of tampering) {
        await tamper();
        assert.deepEqual(await run(program, ["--help"], environment), help, what);
        assert.deepEqual(names(`${environment.HOME}/.cache/omcp`).length, 1, what);
        assert.deepEqual(names(unpacked), [NOTICES_FILE, "deno", "program", "stamp"], what);
      }
    });

    await t.step("prints its version without a start of Deno, which takes most of the time", async () => {
      const trace = await new Deno.Command("sh", {
        args: ["-x", program, "--version"],
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin", ...shared },
      }).output();
      assert.equal(new TextDecoder().decode(trace.stdout), `${VERSION}\n`);
      const commands = new TextDecoder().decode(trace.stderr);
      assert.match(commands, /sha256sum -c/);
      assert.doesNotMatch(commands, /\/deno['"]? (run|--version)/);
    });

    await t.step("does not start a Deno that was checked against another checksum", async () => {
      const bytes = await Deno.readFile(program);
      const header = new TextDecoder("latin1").decode(bytes.subarray(0, 1024));
      const at = header.indexOf("deno_sum='") + "deno_sum='".length;
      bytes[at] = header[at] === "0" ? 0x31 : 0x30;
      const other = `${folder}/other`;
      await Deno.writeFile(other, bytes, { mode: 0o755 });
      const output = await run(other, ["--help"], { ...shared, TMPDIR: "/dev/null" });
      assert.deepEqual([output.code, output.stdout], [1, ""]);
      assert.match(output.stderr, /what it holds differs from its checksums/);
    });

    await t.step(
      "uses another folder where the home cannot be written to, and says so where none can",
      async () => {
        const { HOME: TMPDIR } = await home();
        for (const HOME of ["/proc/nowhere", "/dev/null"]) {
          assert.deepEqual(await run(program, ["--version"], { HOME, TMPDIR }), expected);
          assert.match(names(TMPDIR).join(), /^omcp-\d+$/);
          const nowhere = await run(program, ["--version"], { HOME, TMPDIR: HOME });
          assert.equal(nowhere.code, 1);
          assert.match(nowhere.stderr, /no folder can be written to\nSet XDG_CACHE_HOME to a folder/);
        }
      },
    );

    await t.step("does not use a folder that is a link or another's", async () => {
      const { HOME: TMPDIR } = await home();
      const environment = await home();
      await Deno.mkdir(`${environment.HOME}/.cache`);
      await Deno.symlink(TMPDIR, `${environment.HOME}/.cache/omcp`);
      assert.deepEqual(await run(program, ["--version"], { ...environment, TMPDIR }), expected);
      assert.match(names(TMPDIR).join(), /^omcp-\d+$/);
    });

    await t.step("is refused where it is damaged, and leaves nothing", async () => {
      const damaged = `${folder}/damaged`;
      const whole = await Deno.readFile(program);
      const flipped = whole.slice();
      flipped[whole.length - 100_000] = (flipped[whole.length - 100_000] ?? 0) ^ 1;
      for (const bytes of [whole.subarray(0, whole.length - 1_000_000), flipped]) {
        const environment = await home();
        await Deno.writeFile(damaged, bytes, { mode: 0o755 });
        const output = await run(damaged, ["--version"], { ...environment, TMPDIR: environment.HOME });
        assert.equal(output.code, 1);
        assert.match(output.stderr, /its file is damaged/);
        assert.deepEqual(names(`${environment.HOME}/.cache/omcp`), []);
      }
    });

    await t.step("serves a client with the settings' permissions, and leaves no process", async () => {
      const environment = shared;
      const engine = await connectTestEngine();
      const instance = newInstance();
      const audit = `${folder}/audit of it's own`;
      const settings = `${folder}/it's settings.env`;
      await Deno.writeTextFile(settings, "OMCP_DATABASE_URL=none\n");
      const server = await connectCommand({
        command: program,
        args: [],
        env: {
          PATH: "/usr/bin:/bin",
          ...environment,
          DOCKER_HOST: Deno.env.get("DOCKER_HOST") ?? "unix:///var/run/docker.sock",
          OMCP_INSTANCE: instance,
          OMCP_LOG_LEVEL: "error",
          // Its answer about permissions comes at the second question, which may read this file.
          OMCP_ENV_FILE: settings,
          OMCP_AUDIT_FOLDER: audit,
        },
        cwd: folder,
      });
      try {
        const words = commandLine(server.pid);
        // No shell is left in between: the process that the client started is Deno.
        assert.equal(words[0], `${cache(environment)}/deno`);
        assert.ok(
          words.every((word) => !/^(-A|--allow-all|--allow-run.*|--allow-sys.*|--allow-ffi.*)$/.test(word)),
          words.join(" "),
        );
        const read = words.find((word) => word.startsWith("--allow-read="))?.split(",");
        assert.ok(read?.includes(settings), words.join(" "));
        assert.ok(!words.join(" ").includes("postgres/guard"));
        const write = words.find((word) => word.startsWith("--allow-write="));
        assert.ok(write?.endsWith(`,${audit}`), words.join(" "));
        const sandbox_id = await newSandbox(server);
        const cell = await server.call("execute_python_code", { sandbox_id, code: "print(6 * 7)" });
        assert.match(cell.text, /^42$/m);
      } finally {
        await server.close();
      }
      await eventually(() => !isRunning(server.pid), "the server's process has ended");
      const [file = ""] = auditFiles(audit);
      assert.match(await Deno.readTextFile(`${audit}/${file}`), /"tool":"execute_python_code"/);
      await assertNothingLeft(engine, instance);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
