import assert from "node:assert/strict";
import { readConfig, readLogLevel, SETTINGS } from "../../../src/app/config.ts";
import { OmcpError } from "../../../src/errors.ts";

function reader(values: Record<string, string>) {
  return (name: string): string | undefined => values[name];
}

Deno.test("readConfig() fills in the defaults", () => {
  const config = readConfig(reader({}));
  assert.deepEqual(config.database, { kind: "sample" });
  assert.deepEqual([config.waitMs, config.cellTimeoutMs], [45_000, 600_000]);
  assert.equal(config.memoryBytes, 2048 * 1024 * 1024);
  assert.equal(config.cpus, 1);
});

Deno.test("readConfig() caps a result by an eighth of the sandbox's memory", () => {
  const mib = 1024 * 1024;
  assert.equal(readConfig(reader({})).queryResultBytes, 256 * mib);
  assert.equal(readConfig(reader({ OMCP_MEMORY_MIB: "512" })).queryResultBytes, 64 * mib);
  assert.equal(
    readConfig(reader({ OMCP_MEMORY_MIB: "260", OMCP_QUERY_RESULT_MIB: "1024" })).queryResultBytes,
    32.5 * mib,
  );
  assert.equal(readConfig(reader({ OMCP_MEMORY_MIB: "8192" })).queryResultBytes, 256 * mib);
  assert.equal(
    readConfig(reader({ OMCP_MEMORY_MIB: "16384", OMCP_QUERY_RESULT_MIB: "1024" })).queryResultBytes,
    1024 * mib,
  );
});

Deno.test("readConfig() takes an empty variable as absent", () => {
  assert.equal(readConfig(reader({ OMCP_MAX_SANDBOXES: "" })).maxSandboxes, 10);
});

Deno.test("readConfig() detaches sandboxes only where a later server can find them", () => {
  const detach = { OMCP_ON_SHUTDOWN: "detach" };
  assert.equal(readConfig(reader({})).detach, false);
  assert.equal(readConfig(reader({ OMCP_INSTANCE: "one" })).detach, false);
  assert.equal(readConfig(reader({ ...detach, OMCP_INSTANCE: "one" })).detach, true);
  assert.throws(() => readConfig(reader(detach)), {
    code: "config_invalid",
    message: /OMCP_ON_SHUTDOWN=detach needs OMCP_INSTANCE/,
  });
});

Deno.test("readConfig() takes images from the registry by their digests, else from a file, else from a build", () => {
  const [one, other] = ["1".repeat(64), "2".repeat(64)];
  const digests = `python=sha256:${one}, postgres=sha256:${other}`;
  const registry = {
    OMCP_IMAGE_REGISTRY: "registry.example.org:5000/site/omcp",
    OMCP_IMAGE_DIGESTS: digests,
    OMCP_IMAGE_FILE: "/srv/omcp.tar",
  };
  assert.deepEqual(readConfig(reader({})).imageSource, { kind: "build" });
  assert.deepEqual(readConfig(reader({ OMCP_IMAGE_FILE: "/srv/omcp.tar" })).imageSource, {
    kind: "file",
    path: "/srv/omcp.tar",
  });
  assert.deepEqual(readConfig(reader(registry)).imageSource, {
    kind: "registry",
    pinned: {
      python: `registry.example.org:5000/site/omcp/omcp-python@sha256:${one}`,
      postgres: `registry.example.org:5000/site/omcp/omcp-postgres@sha256:${other}`,
    },
  });
  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ ...registry, OMCP_IMAGE_DIGESTS: "" }, /OMCP_IMAGE_DIGESTS must have the images' digests/],
    [{ OMCP_IMAGE_DIGESTS: digests }, /OMCP_IMAGE_REGISTRY must be set/],
    [{ ...registry, OMCP_IMAGE_DIGESTS: `python=sha256:${one}` }, /a digest for each image/],
    [{ ...registry, OMCP_IMAGE_DIGESTS: "python=latest,postgres=latest" }, /a digest for each image/],
    [{ ...registry, OMCP_IMAGE_DIGESTS: `${digests},more=sha256:${one}` }, /a digest for each image/],
    [{ ...registry, OMCP_IMAGE_REGISTRY: "https://registry.example.org" }, /must be a registry/],
    [{ ...registry, OMCP_IMAGE_REGISTRY: "registry.example.org/x@sha256:1" }, /must be a registry/],
    [{ OMCP_IMAGE_FILE: "omcp.tar" }, /absolute path/],
  ];
  for (const [settings, message] of wrong) {
    assert.throws(() => readConfig(reader(settings)), { code: "config_invalid", message });
  }
});

Deno.test("readConfig() refuses an exchange folder in which the images' archive is", () => {
  const settings = { OMCP_IMAGE_FILE: "/srv/exchange/omcp.tar", OMCP_EXCHANGE_DIR: "/srv/exchange" };
  assert.throws(() => readConfig(reader(settings)), { code: "config_invalid", message: /OMCP_EXCHANGE_DIR/ });
});

Deno.test("readConfig() caps the idle timeout and the cell timeouts by the lifetime", () => {
  const config = readConfig(reader({
    OMCP_IDLE_SECONDS: "100000",
    OMCP_LIFETIME_SECONDS: "600",
    OMCP_CELL_TIMEOUT_SECONDS: "5000",
    OMCP_CELL_TIMEOUT_MAX_SECONDS: "4000",
  }));
  assert.deepEqual(
    [config.idleMs, config.cellTimeoutMs, config.cellTimeoutMaxMs, config.lifetimeMs],
    [600_000, 600_000, 600_000, 600_000],
  );
});

Deno.test("readConfig() refuses a schema that the sample or a local database cannot have", () => {
  for (const database of ["sample", "local:mine"]) {
    const settings = { OMCP_DATABASE_URL: database, OMCP_DISCLOSURE: "open", OMCP_CDM_SCHEMA: "nope" };
    assert.throws(() => readConfig(reader(settings)), {
      code: "config_invalid",
      message: /OMCP_CDM_SCHEMA must be cdm/,
    });
  }
  const url = { OMCP_DATABASE_URL: "postgres://h/d", OMCP_DISCLOSURE: "open", OMCP_CDM_SCHEMA: "own" };
  assert.equal(readConfig(reader(url)).cdmSchema, "own");
});

Deno.test("readConfig() installs packages only where their names may leave the site", () => {
  const modes = (environment: Record<string, string>) =>
    readConfig((name) => environment[name]).packages.mode;
  const open = { OMCP_DISCLOSURE: "open" };
  assert.equal(modes({}), "any");
  assert.equal(modes({ OMCP_DATABASE_URL: "none" }), "any");
  assert.equal(modes({ ...open, OMCP_DATABASE_URL: "local:x" }), "off");
  assert.equal(modes({ ...open, OMCP_DATABASE_URL: "postgres://u@h/d" }), "off");
  assert.equal(
    modes({ ...open, OMCP_DATABASE_URL: "postgres://u@h/d", OMCP_PACKAGES: "allowlist" }),
    "allowlist",
  );
  assert.equal(modes({ OMCP_PACKAGES: "off" }), "off");
  // They may hold patients' data, too.
  assert.equal(modes({ OMCP_DATASETS: "cohort=/srv/cohort" }), "off");
  assert.equal(modes({ OMCP_EXCHANGE_DIR: "/srv/exchange" }), "off");
  assert.equal(modes({ OMCP_DATASETS: "cohort=/srv/cohort", OMCP_PACKAGES: "any" }), "any");
});

Deno.test("readConfig() normalizes the names of packages", () => {
  const environment: Record<string, string> = {
    OMCP_PACKAGES_ALLOWLIST: "Scikit_Learn, zope.interface  a--b",
  };
  const { packages } = readConfig((name) => environment[name]);
  assert.deepEqual([...packages.allowed], ["scikit-learn", "zope-interface", "a-b"]);
});

Deno.test("readConfig() names a wrong list of packages together with other wrong settings", () => {
  assert.throws(() => readConfig(reader({ OMCP_PACKAGES_ALLOWLIST: "git+https://x", OMCP_PIDS: "-1" })), {
    code: "config_invalid",
    message: /^Cannot start: OMCP_PIDS .*; OMCP_PACKAGES_ALLOWLIST must be names of packages/,
  });
});

Deno.test("readLogLevel() reads the level alone", () => {
  assert.equal(readLogLevel(reader({ OMCP_PIDS: "-1" })), "info");
  assert.equal(readLogLevel(reader({ OMCP_LOG_LEVEL: "debug" })), "debug");
  assert.throws(() => readLogLevel(reader({ OMCP_LOG_LEVEL: "loud" })), {
    code: "config_invalid",
    message: "Cannot start: OMCP_LOG_LEVEL must be debug, info, warning or error",
  });
});

Deno.test("readConfig() names every wrong setting, and never its value", () => {
  const wrong = {
    OMCP_PIDS: "-1",
    OMCP_MEMORY_MIB: "NaN",
    OMCP_CPU_PERCENT: "1e309",
    OMCP_IMAGE: "--privileged",
    OMCP_DATABASE_URL: "hunter2",
  };
  assert.throws(() => readConfig(reader(wrong)), (error) => {
    assert.ok(error instanceof OmcpError);
    assert.equal(error.code, "config_invalid");
    for (const name of Object.keys(wrong)) assert.match(error.message, new RegExp(name));
    assert.doesNotMatch(error.message + (error.next ?? ""), /hunter2/);
    return true;
  });
});

Deno.test("readConfig() names a wrong setting once, also one that others depend on", () => {
  for (const name of ["OMCP_MEMORY_MIB", "OMCP_LIFETIME_SECONDS", "OMCP_CELL_TIMEOUT_MAX_SECONDS"]) {
    assert.throws(() => readConfig(reader({ [name]: "NaN" })), {
      message: `Cannot start: ${name} must be an integer`,
    });
  }
});

Deno.test("readConfig() serves any database but the sample in aggregate mode unless its rows may be disclosed", () => {
  for (const OMCP_DATABASE_URL of ["postgres://u:hunter2@h/d", "local:mine"]) {
    const rules = readConfig(reader({ OMCP_DATABASE_URL })).disclosure;
    assert.deepEqual([rules?.preset, rules?.k], ["cms", 11]);
    assert.equal(readConfig(reader({ OMCP_DATABASE_URL, OMCP_DISCLOSURE: "open" })).disclosure, undefined);
  }
  assert.equal(readConfig(reader({})).disclosure, undefined);
  assert.equal(readConfig(reader({ OMCP_DISCLOSURE: "aggregate" })).disclosure?.k, 11);
});

Deno.test("readConfig() raises the fewest persons of a preset, and lowers them only where that is said to be unsafe", () => {
  const k = (settings: Record<string, string>) =>
    readConfig(reader({ OMCP_DISCLOSURE: "aggregate", ...settings })).disclosure?.k;
  assert.equal(k({ OMCP_DISCLOSURE_PRESET: "ohdsi" }), 5);
  assert.equal(k({ OMCP_DISCLOSURE_PRESET: "ohdsi", OMCP_MIN_CELL: "20" }), 20);
  assert.throws(
    () => k({ OMCP_MIN_CELL: "10" }),
    /OMCP_MIN_CELL must be at least 11.*OMCP_DISCLOSURE_UNSAFE/,
  );
  assert.equal(k({ OMCP_MIN_CELL: "10", OMCP_DISCLOSURE_UNSAFE: "min-cell" }), 10);
  assert.throws(() => k({ OMCP_DISCLOSURE_PRESET: "none" }), /must be one of ohdsi, cms, opensafely, acro/);
});

Deno.test("readConfig() takes no maximum below the default size", () => {
  const config = readConfig(reader({ OMCP_MEMORY_MAX_MIB: "4096", OMCP_CPU_MAX_PERCENT: "250" }));
  assert.deepEqual([config.memoryMaxBytes, config.cpusMax], [4096 * 1024 * 1024, 2.5]);
  assert.deepEqual([readConfig(reader({})).memoryMaxBytes, readConfig(reader({})).cpusMax], [
    undefined,
    undefined,
  ]);
  for (
    const [name, value, least] of [
      ["OMCP_MEMORY_MAX_MIB", "2047", "OMCP_MEMORY_MIB"],
      ["OMCP_CPU_MAX_PERCENT", "99", "OMCP_CPU_PERCENT"],
    ] as const
  ) {
    assert.throws(() => readConfig(reader({ [name]: value })), {
      code: "config_invalid",
      message: new RegExp(`${name} must be at least ${least}$`),
    });
  }
  // One problem, not a second one that follows from it.
  assert.throws(() => readConfig(reader({ OMCP_MEMORY_MIB: "much", OMCP_MEMORY_MAX_MIB: "512" })), {
    message: "Cannot start: OMCP_MEMORY_MIB must be an integer",
  });
});

Deno.test("readConfig() reads a list of images, and requires digests where they are to be pinned", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  assert.deepEqual(readConfig(reader({})).images, []);
  const list = "site/a:1, registry.local:5000/b , site/a:1,";
  assert.deepEqual(readConfig(reader({ OMCP_IMAGES: list })).images, ["site/a:1", "registry.local:5000/b"]);
  assert.deepEqual(readConfig(reader({ OMCP_IMAGES: "a,b", OMCP_IMAGE: "b" })).images, ["a"]);
  for (const wrong of ["--privileged", "a,-v /:/x", "a b", Array(21).fill("a").join(",")]) {
    assert.throws(() => readConfig(reader({ OMCP_IMAGES: wrong })), {
      code: "config_invalid",
      message: "Cannot start: OMCP_IMAGES must be at most 20 image references, separated by commas",
    });
  }
  const pinned = { OMCP_IMAGES_PINNED: "on", OMCP_IMAGES: `a@${digest},b:1@${digest}` };
  assert.equal(readConfig(reader(pinned)).images.length, 2);
  for (
    const loose of [{ OMCP_IMAGE: "a:1" }, { OMCP_IMAGES: `a@${digest},b` }, { OMCP_IMAGES: "a@sha256:1" }]
  ) {
    assert.throws(() => readConfig(reader({ ...pinned, ...loose })), {
      code: "config_invalid",
      message: /must be name@sha256:… each/,
    });
  }
});

Deno.test("no message about a setting is zod's own, or holds the value", () => {
  const bad = [
    "\u0000hunter2",
    `hunter2${"x".repeat(30_000)}`,
    "-1",
    "1e999",
    "9".repeat(20),
    "hunter2 \n;",
    "://",
    "ſ",
  ];
  for (const name of Object.keys(SETTINGS)) {
    for (const value of bad) {
      try {
        readConfig((each) => each === name ? value : undefined);
      } catch (error) {
        assert.ok(error instanceof OmcpError);
        assert.doesNotMatch(
          error.message,
          /hunter2|expected|Invalid|Too (?:big|small)|received/,
          `${name}=${value.slice(0, 30)}`,
        );
      }
    }
  }
});

Deno.test("a number out of its range is refused with the range's unit, an engine elsewhere with what is not supported", () => {
  assert.throws(() => readConfig(reader({ OMCP_MEMORY_MIB: "1" })), {
    message: "Cannot start: OMCP_MEMORY_MIB must be from 256 to 1048576, in MiB",
  });
  assert.throws(() => readConfig(reader({ DOCKER_HOST: "ssh://10.0.0.1" })), {
    message:
      /DOCKER_HOST must be unix:\/\/\/path\/of\/socket or tcp:\/\/host:port; ssh:\/\/ is not supported$/,
  });
});
