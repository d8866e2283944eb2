import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { LEDGER_FILE, LedgerFile } from "../../../../src/cdm/disclosure/ledger_file.ts";
import type { LoadLedgers } from "../../../../src/cdm/disclosure/ledger_store.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { inFolder } from "../../../fixtures/empty_folder.ts";
import { finished, People, randomNumbers } from "./people.ts";

const RULES = PRESETS.cms;
const CDM = { name: "local:clinic", load: "1" };

/** A ledger for made-up persons, with what a file has of them. */
function ledgerOf(people: People, ledgers: LoadLedgers, principal = "local"): Ledger {
  return new Ledger(RULES, people.count(() => true), randomNumbers(1), ledgers.read(principal));
}

Deno.test("a ledger of a file gives the same decisions after a restart as before", async () => {
  await inFolder((folder) => {
    const random = randomNumbers(31);
    const people = new People(1_000, random);
    // Sets of all kinds: exact, derived, small, and withheld because too much was revealed.
    const sets = Array.from({ length: 60 }, (_, at) => {
      const end = at < 40 ? 60 : 1_000;
      const has = Array.from({ length: 1_000 }, (_, person) => person < end && random() < 0.5);
      return (person: number) => has[person] === true;
    });
    const [half = () => false] = sets.slice(-1);
    const asked = [...sets, (person: number) => !half(person)];
    const first = new LedgerFile(folder);
    const ledgers = first.open(CDM);
    const ledger = ledgerOf(people, ledgers);
    const before = asked.map((has) => finished(ledger.decide(people.count(has))));
    assert.equal(new Set(before.map((each) => each.kind === "answer" ? each.derived : "withheld")).size, 3);
    ledgers.append("local", ledger.unrecorded);
    ledger.recorded();
    assert.deepEqual(ledger.unrecorded, []);
    first.close();

    const second = new LedgerFile(folder);
    const again = second.open(CDM);
    assert.equal(again.seed, ledgers.seed);
    const restored = ledgerOf(people, again);
    assert.equal(restored.remaining, ledger.remaining);
    assert.deepEqual(asked.map((has) => finished(restored.decide(people.count(has)))), before);
    // What was revealed counts for new questions, too.
    const other = asked.slice(0, 20).map((has) => people.count((person) => has(person) || person === 99));
    const loaded = people.count((person) => person < 60 && person % 2 === 0);
    for (const statistic of [...other, loaded]) {
      assert.deepEqual(finished(restored.decide(statistic)), finished(ledger.decide(statistic)));
    }
    assert.equal(ledgerOf(people, again, "somebody else").remaining, RULES.budget);
    second.close();
    assert.equal((Deno.statSync(`${folder}/${LEDGER_FILE}`).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("after a restart, a question at an edge gets the answer that it got before; so does a sum of few persons, near nobody", async () => {
  await inFolder((folder) => {
    const people = new People(1_000, randomNumbers(33));
    const file = new LedgerFile(folder);
    const ledgers = file.open(CDM);
    const ledger = ledgerOf(people, ledgers);
    const all = people.statistic((person) => person < 30 ? 1 : 0);
    // Nearer to nobody than to the sum of all; but whether enough contribute was decided about their persons.
    const { value, sketch } = people.statistic((person) => person < 14 ? 1 : 0);
    const ask = (asked: Ledger) => [all, { value, sketch }].map((one) => finished(asked.decide(one)));
    const before = ask(ledger);
    assert.deepEqual(before.map(({ kind }) => kind), ["answer", "answer"]);
    assert.deepEqual(ledger.unrecorded.map(({ echoOf }) => echoOf), [undefined, 1]);
    ledgers.append("local", ledger.unrecorded);
    const restored = ledgerOf(people, ledgers);
    assert.deepEqual(restored.unrecorded, []);
    assert.deepEqual(ask(restored), before);
    file.close();
  });
});

Deno.test("a new load of a CDM begins a new ledger with a new seed; another CDM has its own", async () => {
  await inFolder((folder) => {
    const people = new People(500, randomNumbers(32));
    const file = new LedgerFile(folder);
    const ledgers = file.open(CDM);
    const ledger = ledgerOf(people, ledgers);
    finished(ledger.decide(people.count((person) => person < 200)));
    ledgers.append("local", ledger.unrecorded);
    const other = file.open({ name: "local:other", load: "1" });
    assert.notEqual(other.seed, ledgers.seed);
    assert.equal(file.open(CDM).read("local").length, 1);
    const loadedAgain = file.open({ ...CDM, load: "2" });
    assert.notEqual(loadedAgain.seed, ledgers.seed);
    assert.deepEqual(loadedAgain.read("local"), []);
    // The first load's decisions are gone.
    assert.deepEqual(file.open(CDM).read("local"), []);
    file.close();
  });
});

Deno.test("a second server on a folder is refused, also while the first one writes, and not after it was killed", async () => {
  await inFolder(async (folder) => {
    const source = `
      import { LedgerFile } from "${
      new URL("../../../../src/cdm/disclosure/ledger_file.ts", import.meta.url).href
    }";
      const ledgers = new LedgerFile(Deno.args[0]).open({ name: "local:clinic", load: "1" });
      const sketch = new Float64Array(1024).map(() => Math.random());
      for (let at = 0; ; at += 1) {
        ledgers.append("local", Array.from({ length: 7 }, () => ({ sketch, decision: { kind: "answer", answer: at, derived: false } })));
        if (at === 3) console.log("writing");
      }`;
    const writer = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", "--ext=ts", "-", folder],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const input = writer.stdin.getWriter();
    await input.write(new TextEncoder().encode(source));
    await input.close();
    const output = writer.stdout.getReader();
    await output.read();
    assert.throws(() => new LedgerFile(folder), {
      code: "config_invalid",
      message: `Another server uses the ledger in ${folder}`,
    });
    writer.kill("SIGKILL");
    await writer.status;
    await output.cancel();
    const file = new LedgerFile(folder);
    // Whole tables only.
    const decisions = file.open(CDM).read("local");
    assert.ok(decisions.length >= 21 && decisions.length % 7 === 0, String(decisions.length));
    file.close();
  });
});

Deno.test("a ledger that is damaged, or of another version, is refused and left as it is", async () => {
  await inFolder((folder) => {
    const path = `${folder}/${LEDGER_FILE}`;
    new LedgerFile(folder).close();
    const database = new DatabaseSync(path);
    database.exec("pragma user_version = 7");
    database.close();
    assert.throws(() => new LedgerFile(folder), { code: "config_invalid", message: /has format 7/ });
    Deno.writeTextFileSync(path, "no database, but long enough to be taken for one".repeat(20));
    assert.throws(() => new LedgerFile(folder), { code: "config_invalid", message: /not a database/ });
    assert.throws(() => new LedgerFile(`${folder}/absent`), { code: "config_invalid" });
  });
});

Deno.test("where a ledger cannot be written, nothing is released, and what was decided is written later", async () => {
  await inFolder((folder) => {
    const people = new People(500, randomNumbers(33));
    const file = new LedgerFile(folder);
    const ledgers = file.open(CDM);
    const ledger = ledgerOf(people, ledgers);
    finished(ledger.decide(people.count((person) => person < 200)));
    for (let at = 0; at < 100; at += 1) ledgers.append(`caller ${at}`, ledger.unrecorded);
    assert.throws(() => ledgers.append("local", ledger.unrecorded), {
      code: "capacity",
      message: /^Cannot record what is released: .*100 other callers/,
    });
    assert.equal(ledger.unrecorded.length, 1);
    assert.deepEqual(ledgers.read("local"), []);
    ledgers.append("caller 7", ledger.unrecorded);
    file.close();
  });
});
