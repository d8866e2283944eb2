#!/usr/bin/env node
"use strict";
// Starts the packaged program: asks it for the permissions that its command needs, then runs it in Deno with these and no others.

const { spawn, spawnSync } = require("node:child_process");
const path = require("node:path");
const { ask } = require("./launch.json");

/** Forwarded, because a client may end this process by one. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];
/** Milliseconds; it takes about 100. */
const ASK_DEADLINE_MS = 60_000;
const ANSWER_BYTES = 1024 * 1024;

const deno = findDeno();
const args = process.argv.slice(2);
const started = [...permissions(), path.join(__dirname, "program", "omcp.mjs"), ...args];
const child = spawn(deno, started, { stdio: "inherit" });
child.on("error", fail);
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  // A process that waits for this one sees how the program ended.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

/** The `deno` package's own script for that; it works where npm runs no scripts of packages, too. */
function findDeno() {
  try {
    return require("deno/install_api.cjs").runInstall();
  } catch (error) {
    return fail(error);
  }
}

/** Asks at most twice: the second time, the program may read the file of settings that the first answer names. */
function permissions() {
  const first = answer(ask);
  return (first.again ? answer(first.arguments) : first).arguments;
}

function answer(flags) {
  const program = path.join(__dirname, "program", "permissions.mjs");
  const asked = spawnSync(deno, [...flags, program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    timeout: ASK_DEADLINE_MS,
    maxBuffer: ANSWER_BYTES,
  });
  if (asked.error !== undefined) fail(asked.error);
  if (asked.signal !== null) fail(new Error(`it was ended by ${asked.signal}`));
  if (asked.status !== 0) process.exit(asked.status);
  return JSON.parse(asked.stdout);
}

function fail(error) {
  process.stderr.write(`Cannot start Deno: ${error.message}\n`);
  process.stderr.write(
    "Nothing was started. Install the package again; Deno needs Linux with glibc, or macOS.\n",
  );
  process.exit(1);
}
