/** The options of `omcp cdm`, for `parseArgs`. Apart from the command, because the launcher of a package needs them without the rest. */

/** The options that say how to read files. */
export const FILE_OPTIONS = {
  format: { type: "string", multiple: true },
  null: { type: "string", multiple: true },
  truncate: { type: "boolean" },
} as const;

/** All options. */
export const CDM_OPTIONS = {
  into: { type: "string" },
  "database-url": { type: "string" },
  schema: { type: "string", default: "cdm" },
  reader: { type: "string" },
  replace: { type: "boolean", default: false },
  "cdm-version": { type: "string" },
  rejects: { type: "string" },
  ...FILE_OPTIONS,
  persons: { type: "string" },
  seed: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;
