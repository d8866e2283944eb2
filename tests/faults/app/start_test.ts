/** Starts that fail, each a case of a table, which takes the file beyond 300 lines. */
import assert from "node:assert/strict";
import { permissionFlags, serverArguments } from "../../../src/app/launch.ts";
import { withPublicFolder } from "../../fixtures/dataset_folder.ts";
import { LAUNCH, PROJECT } from "../../fixtures/server.ts";

/** Starts the server with wrong settings or flags; it must end by itself although its client stays, with nothing on stdout. */
async function failedStart(
  env: Record<string, string>,
  args = serverArguments(LAUNCH),
): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(30_000),
  }).spawn();
  const output = await child.output();
  await child.stdin.close().catch(() => {});
  assert.equal(output.code, 1);
  assert.equal(output.stdout.length, 0);
  return new TextDecoder().decode(output.stderr);
}

const WRONG: Readonly<Record<string, { readonly env: Record<string, string>; readonly says: RegExp }>> = {
  "an engine that is not there": {
    env: { DOCKER_HOST: "unix:///var/run/docker.sock.absent" },
    says: /config_invalid[^]*--allow-net=unix:\/var\/run\/docker\.sock\.absent/,
  },
  "memory too little for the file systems": {
    env: { OMCP_MEMORY_MIB: "512" },
    says: /config_invalid[^]*512 MiB[^]*OMCP_MEMORY_MIB to at least \d+/,
  },
  "more processors than there are": {
    env: { OMCP_CPU_PERCENT: "12800" },
    says: /config_invalid[^]*OMCP_CPU_PERCENT/,
  },
  "more memory than there is": {
    env: { OMCP_MEMORY_MIB: "1048576" },
    says: /config_invalid[^]*OMCP_MEMORY_MIB is 1048576, and the engine's machine has \d+ MiB/,
  },
  "an OCI runtime that the engine does not have": {
    env: { OMCP_OCI_RUNTIME: "no-such-runtime" },
    says: /config_invalid[^]*OMCP_OCI_RUNTIME is no-such-runtime, and the engine has [\w., ]*runc/,
  },
  "a schema that the sample does not have": {
    env: { OMCP_CDM_SCHEMA: "nope" },
    says: /config_invalid[^]*OMCP_CDM_SCHEMA must be cdm/,
  },
  "fewer persons than the rules of a preset allow": {
    env: { OMCP_DATABASE_URL: "postgres://u:hunter2@127.0.0.1/d", OMCP_MIN_CELL: "3" },
    says: /config_invalid[^]*OMCP_MIN_CELL must be at least 11/,
  },
  "an audit folder that the flags do not allow": {
    env: { OMCP_AUDIT_FOLDER: "/var/log/omcp" },
    says: /config_invalid[^]*--allow-read=\/var\/log\/omcp --allow-write=\/var\/log\/omcp/,
  },
  "an exchange folder that the flags do not allow": {
    env: { OMCP_EXCHANGE_DIR: "/srv/exchange" },
    says: /config_invalid[^]*--allow-read=\/srv\/exchange --allow-write=\/srv\/exchange/,
  },
  "an exchange folder with the machine's secrets": {
    env: { OMCP_EXCHANGE_DIR: "/etc" },
    says: /config_invalid[^]*OMCP_EXCHANGE_DIR must not be, contain or lie in \/etc/,
  },
  "an audit folder that is not an absolute path": {
    env: { OMCP_AUDIT_FOLDER: "audit" },
    says: /config_invalid[^]*OMCP_AUDIT_FOLDER must be an absolute path/,
  },
  "an empty list of packages": {
    env: { OMCP_PACKAGES: "allowlist" },
    says: /config_invalid[^]*OMCP_PACKAGES_ALLOWLIST is empty/,
  },
  "a wrong mode, index and network of packages": {
    env: { OMCP_PACKAGES: "on", OMCP_PACKAGES_INDEX: "ftp://hunter2", OMCP_PACKAGES_NETWORK: "--privileged" },
    says:
      /OMCP_PACKAGES must be off, allowlist or any; OMCP_PACKAGES_INDEX must be an http[^]*OMCP_PACKAGES_NETWORK must be/,
  },
  "constraints that the flags do not allow": {
    env: { OMCP_PACKAGES_CONSTRAINTS: "/srv/constraints.txt" },
    says: /config_invalid[^]*--allow-read=\/srv\/constraints\.txt/,
  },
  "a database that the flags do not allow": {
    env: { OMCP_DATABASE_URL: "postgres://u:hunter2@127.0.0.1:5999/d", OMCP_DISCLOSURE: "open" },
    says: /config_invalid[^]*--allow-net=127\.0\.0\.1:5999/,
  },
};

const MISSPELT =
  /Cannot start: OMCP_MAX_SANDBOX is not a setting of this program; did you mean OMCP_MAX_SANDBOXES\?/;

for (const [name, { env, says }] of Object.entries(WRONG)) {
  Deno.test(`the server does not start with ${name}, and says why`, async () => {
    const stderr = await failedStart(env);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /hunter2/);
  });
}

Deno.test("the server refuses a misspelt setting, and names other wrong settings with it", async () => {
  const stderr = await failedStart({ OMCP_MAX_SANDBOX: "3", OMCP_PIDS: "hunter2" });
  assert.match(stderr, MISSPELT);
  assert.match(stderr, /; OMCP_PIDS must be/);
  assert.doesNotMatch(stderr, /hunter2/);
});

Deno.test("the server without --allow-env names the flag", async () => {
  const flags = permissionFlags(LAUNCH).filter((flag) => !flag.startsWith("--allow-env"));
  const stderr = await failedStart({}, ["run", ...flags, `${PROJECT}/src/main.ts`]);
  assert.match(
    stderr,
    /^config_invalid: Cannot read \w+: Deno's permissions lack --allow-env=DOCKER_HOST,DOCKER_TLS_VERIFY,DOCKER_CERT_PATH,OMCP_\*/,
  );
  assert.doesNotMatch(stderr, /internal|NotCapable|\n +at /);
});

Deno.test("every command takes its settings from a file, which is not run, and of which nothing is shown", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/.env`;
  try {
    await Deno.writeTextFile(
      file,
      "OMCP_PIDS=hunter2\nOMCP_DATABSE_URL='postgres://u:hunter2@h/d'\nOTHER=1\n",
    );
    for (const args of [["serve"], ["doctor"], ["cdm", "list"]]) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", `${PROJECT}/src/main.ts`, ...args, "--settings", file],
        stdin: "null",
      }).output();
      // The doctor reports it on stdout, among what else it checks.
      const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
      assert.equal(code, 1, said);
      assert.match(
        said,
        /OMCP_DATABSE_URL is not a setting of this program; did you mean OMCP_DATABASE_URL\?/,
      );
      if (args[0] !== "cdm") assert.match(said, /OMCP_PIDS must be an integer/);
      assert.doesNotMatch(said, /hunter2|OTHER/);
    }
    const flags = serverArguments({ ...LAUNCH, envFile: file });
    // The environment comes first.
    const stderr = await failedStart({ OMCP_ENV_FILE: file, OMCP_PIDS: "0" }, flags);
    assert.match(stderr, /OMCP_PIDS must be from 32/);
    const lacking = await failedStart({ OMCP_ENV_FILE: file });
    assert.match(
      lacking,
      /config_invalid: Cannot read the settings in \S+\.env: Deno's permissions lack --allow-read=/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("doctor reports a misspelt setting, although another setting is wrong", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${PROJECT}/src/main.ts`, "doctor"],
    env: { OMCP_MAX_SANDBOX: "3", OMCP_ADMIN_URL: "postgres://h/d", OMCP_PIDS: "-1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout);
  assert.equal(code, 1);
  assert.match(said, MISSPELT);
  assert.doesNotMatch(said, /OMCP_ADMIN_URL/);
  assert.match(said, /; OMCP_PIDS must be/);
});

Deno.test("the server does not start without its permissions, and names the flags", async () => {
  const flags = permissionFlags(LAUNCH).filter((flag) => !/allow-(?:read|write)/.test(flag));
  const stderr = await failedStart({}, ["run", ...flags, `${PROJECT}/src/main.ts`]);
  assert.match(
    stderr,
    /config_invalid[^]*--allow-read=\S+\.sock[^]*src\/postgres\/guard[^]*--allow-write=/,
  );
});

Deno.test("the server does not start with an audit folder that it cannot write to, and says why", async () => {
  const auditFolder = "/absent/omcp-audit";
  const stderr = await failedStart(
    { OMCP_AUDIT_FOLDER: auditFolder },
    serverArguments({ ...LAUNCH, auditFolder }),
  );
  assert.match(
    stderr,
    /config_invalid: Cannot write to the audit folder \/absent\/omcp-audit: [^]*OMCP_AUDIT_FOLDER/,
  );
});

/** What a folder must not be: how it is made, and what the server says about it. */
const UNUSABLE: Readonly<
  Record<string, { readonly make: (folder: string) => void | Disposable; readonly says: RegExp }>
> = {
  "is not there": {
    make: (folder) => Deno.removeSync(folder),
    says:
      /config_invalid: Cannot use the datasets[^]*: dataset x \(\S+\) does not exist on the engine's machine(?!: )[^]*OMCP_DATASETS/,
  },
  "is a file": {
    make: (folder) => {
      Deno.removeSync(folder);
      Deno.writeTextFileSync(folder, "a,b\n");
    },
    says: /config_invalid[^]*dataset x \(\S+\) is not a folder(?![^]*chmod)[^]*Name the folder that holds/,
  },
  "no sandbox can list": {
    make: (folder) => Deno.chmodSync(folder, 0o700),
    says:
      /config_invalid[^]*dataset x \(\S+\) cannot be read by sandboxes: Permission denied[^]*chmod -R o\+rX/,
  },
  "is a link to the machine's settings": {
    make: (folder) => {
      Deno.removeSync(folder);
      Deno.symlinkSync("/etc/ssl", folder);
    },
    says:
      /config_invalid[^]*dataset x \(\S+\) is the folder \/etc\/ssl, which must not be, contain or lie in \/etc/,
  },
  "is a link to the machine's processes": {
    make: (folder) => {
      Deno.removeSync(folder);
      Deno.symlinkSync("/proc/sys/kernel", folder);
    },
    says: /config_invalid[^]*dataset x \(\S+\) is the machine's proc, not a folder with data/,
  },
  "has no file that a sandbox can read": {
    make: (folder) => {
      Deno.writeTextFileSync(`${folder}/a.csv`, "a,b\n");
      Deno.chmodSync(`${folder}/a.csv`, 0o600);
    },
    says: /config_invalid[^]*none of the 1 file of dataset x[^]*chmod -R o\+rX/,
  },
  "has a socket that sandboxes could connect to": {
    make: (folder) => {
      const path = `${folder}/engine.sock`;
      const listener = Deno.listen({ transport: "unix", path });
      Deno.chmodSync(path, 0o777);
      return listener;
    },
    says: /config_invalid[^]*dataset x \(\S+\) has 1 socket, FIFO or device that sandboxes could write to/,
  },
};

for (const [name, { make, says }] of Object.entries(UNUSABLE)) {
  Deno.test(`the server does not start with a dataset that ${name}, and says why`, async () => {
    await withPublicFolder(async (parent) => {
      const folder = `${parent}/x`;
      Deno.mkdirSync(folder);
      Deno.chmodSync(folder, 0o755);
      using _made = make(folder) ?? undefined;
      assert.match(await failedStart({ OMCP_DATABASE_URL: "none", OMCP_DATASETS: `x=${folder}` }), says);
    });
  });
}

Deno.test("doctor shows the datasets, and the server warns about what sandboxes cannot read in them", async () => {
  await withPublicFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, "a,b\n");
    await Deno.mkdir(`${folder}/lost+found`, { mode: 0o700 });
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${PROJECT}/src/main.ts`, "doctor"],
      env: { OMCP_DATABASE_URL: "none", OMCP_DATASETS: `x=${folder}` },
      stdin: "null",
    }).output();
    const printed = new TextDecoder().decode(stdout);
    assert.match(
      printed,
      /ok {4}datasets: \/data\/x is \S+, read-only: 1 file, and 1 file or folder that sandboxes cannot read/,
      new TextDecoder().decode(stderr),
    );
  });
});

/** What is at the path of the exchange folder, and what the server says about it. */
const NO_EXCHANGE: Readonly<
  Record<string, { readonly make: (path: string) => void; readonly says: RegExp }>
> = {
  "is not there": {
    make: () => {},
    says: /config_invalid: Cannot use the folder of OMCP_EXCHANGE_DIR, \S+: /,
  },
  "is a file": {
    make: (path) => Deno.writeTextFileSync(path, ""),
    says: /config_invalid[^]*: it is not a folder/,
  },
  "is a symbolic link": {
    make: (path) => {
      Deno.mkdirSync(`${path}.real`);
      Deno.symlinkSync(`${path}.real`, path);
    },
    says: /config_invalid[^]*: it is, or lies behind, a symbolic link to \S+\.real/,
  },
};

for (const [name, { make, says }] of Object.entries(NO_EXCHANGE)) {
  Deno.test(`the server does not start with an exchange folder that ${name}, and says why`, async () => {
    await withPublicFolder(async (parent) => {
      const exchangeFolder = `${parent}/x`;
      make(exchangeFolder);
      const env = { OMCP_DATABASE_URL: "none", OMCP_EXCHANGE_DIR: exchangeFolder };
      assert.match(await failedStart(env, serverArguments({ ...LAUNCH, exchangeFolder })), says);
    });
  });
}
