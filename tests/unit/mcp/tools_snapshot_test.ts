import assert from "node:assert/strict";
import * as z from "zod";
import { README_TOOLS } from "../../../scripts/readme_tools.ts";

const SNAPSHOT = new URL("./snapshots/tools.json", import.meta.url);

/** `OMCP_UPDATE=1 deno test …` writes the snapshot anew: a change of what clients see shows in review. */
Deno.test("the tools are what the snapshot says", async () => {
  const tools = README_TOOLS.map(({ name, title, description, annotations, input }) => ({
    name,
    title,
    description,
    annotations,
    inputSchema: z.toJSONSchema(input, { io: "input" }),
  }));
  const text = `${JSON.stringify(tools, null, 2)}\n`;
  if (Deno.env.get("OMCP_UPDATE") === "1") await Deno.writeTextFile(SNAPSHOT, text);
  assert.equal(text, await Deno.readTextFile(SNAPSHOT));
});

Deno.test("the list of tools takes less than 32 kB of a model's context", () => {
  const listed = README_TOOLS.map(({ name, title, description, annotations, input }) => ({
    name,
    title,
    description,
    annotations,
    inputSchema: z.toJSONSchema(input, { io: "input" }),
  }));
  assert.ok(JSON.stringify(listed).length < 32_000);
});
