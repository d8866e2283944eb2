import assert from "node:assert/strict";
import { readConfig } from "../../../src/app/config.ts";

function reader(values: Record<string, string>) {
  return (name: string): string | undefined => values[name];
}

Deno.test("readConfig() takes toolsets by name, and refuses unknown ones with the closest name, not with the value", () => {
  const toolsets = (value: string, more: Record<string, string> = {}) =>
    readConfig(reader({ OMCP_TOOLSETS: value, ...more })).toolsets;
  assert.deepEqual(toolsets(""), []);
  assert.deepEqual(toolsets("core, omop,"), ["core", "omop"]);
  const wrong: readonly (readonly [string, RegExp, Record<string, string>?])[] = [
    [
      "core,omopp",
      /OMCP_TOOLSETS must be names of core, .*packages, .*commas \(did you mean omop\?\)(?!.*omopp)/,
    ],
    ["secret", /OMCP_TOOLSETS must be names of (?!.*secret)(?!.*mean)/],
    ["exchange", /OMCP_TOOLSETS names exchange, which needs OMCP_EXCHANGE_DIR/],
    ["omop", /names omop, which needs OMCP_DATABASE_URL to be another than none/, {
      OMCP_DATABASE_URL: "none",
    }],
    ["packages", /names packages, which needs OMCP_PACKAGES/, { OMCP_PACKAGES: "off" }],
  ];
  for (const [value, message, more] of wrong) {
    assert.throws(() => toolsets(value, more), { code: "config_invalid", message });
  }
});

Deno.test("readConfig() turns off what a toolset that is left out would need", () => {
  const given = { OMCP_TOOLSETS: "core", OMCP_PACKAGES: "any", OMCP_EXCHANGE_DIR: "/srv/exchange" };
  const { packages, exchangeFolder } = readConfig(reader(given));
  assert.deepEqual([packages.mode, exchangeFolder], ["off", undefined]);
});
