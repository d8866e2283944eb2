/** The tools of `tools/`, a file each. */
import { tool as createSandbox } from "./tools/create_sandbox.ts";
import { tool as executePythonCode } from "./tools/execute_python_code.ts";
import { tool as listSandboxes } from "./tools/list_sandboxes.ts";
import { tool as queryOmop } from "./tools/query_omop.ts";
import { tool as removeSandbox } from "./tools/remove_sandbox.ts";
import type { Tool } from "./tool.ts";

/** All tools, in the order of their names. */
export const TOOLS: readonly Tool[] = [
  createSandbox,
  executePythonCode,
  listSandboxes,
  queryOmop,
  removeSandbox,
];
