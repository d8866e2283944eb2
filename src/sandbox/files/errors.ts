/** Turns failures of the sandbox's file service into errors for the caller. */
import type * as z from "zod";
import { type FileErrorCode, fileErrorSchema, type FileRequest } from "../../agent_protocol/messages/mod.ts";
import { type ErrorCode, OmcpError } from "../../errors.ts";

/** For each error of the agent: the caller's code, and the next step if it does not depend on the request. */
const CALLER_ERRORS: Readonly<Record<FileErrorCode, { readonly code: ErrorCode; readonly next?: string }>> = {
  not_found: { code: "file_not_found" },
  exists: { code: "file_exists", next: "Choose another path, or pass overwrite: true." },
  not_empty: { code: "path_unsuitable" },
  is_a_folder: { code: "path_unsuitable" },
  not_a_folder: { code: "path_unsuitable" },
  symbolic_link: { code: "path_unsuitable", next: "Use the path that the link points to, below /workspace." },
  special_file: { code: "path_unsuitable", next: "Name a regular file." },
  denied: { code: "path_unsuitable", next: "Change the mode of the file or of its folder in a cell." },
  in_use: { code: "path_unsuitable", next: "End the process that holds it, or use another path." },
  invalid_argument: { code: "invalid_argument" },
  workspace_full: {
    code: "workspace_full",
    next: "Delete files that are not needed with delete_file, or write less.",
  },
  memory_full: {
    code: "workspace_full",
    next:
      "Free memory: delete variables in a cell, or call restart_kernel, or delete files; or use a sandbox with more memory_mb.",
  },
  changed: { code: "file_changed", next: "Wait until nothing writes to it, then try again." },
  incomplete: { code: "file_changed", next: "Try again." },
  busy: { code: "capacity", next: "Wait for a running call about files to end, then try again." },
  internal: { code: "internal", next: "Report this as a defect." },
};

/** For each operation: the state that a failed request leaves behind. */
const STATES: Readonly<Record<FileRequest["op"], string>> = {
  stat: "Nothing was changed.",
  list: "Nothing was changed.",
  read: "Nothing was changed.",
  write: "Nothing was written; a file of that name is unchanged.",
  remove: "What remains is unchanged.",
  move: "Nothing was moved.",
  space: "Nothing was changed.",
};

/**
 * The state that a failed request leaves behind.
 *
 * @param request The request.
 * @returns A sentence.
 */
export function stateAfter(request: FileRequest): string {
  return STATES[request.op];
}

/**
 * The error of a request that the agent refused.
 *
 * @param request The request.
 * @param error The agent's reply.
 */
export function fileError(request: FileRequest, error: z.output<typeof fileErrorSchema>): OmcpError {
  const { code, next = nextStep(request, error.code) } = CALLER_ERRORS[error.code];
  return new OmcpError(code, error.message, {
    state: stateAfter(request),
    ...(next === undefined ? {} : { next }),
    details: { agent_code: error.code },
  });
}

/**
 * Reads an error from the reason of a reset: once a file's bytes are on the stream, the agent can report an error in no other way.
 *
 * @param reason The peer's reason.
 * @returns The error; undefined if the reason does not come from the file service.
 */
export function errorOfReset(reason: string): z.output<typeof fileErrorSchema> | undefined {
  const [, code, message] = /^(\w+): (.*)$/s.exec(reason) ?? [];
  return fileErrorSchema.safeParse({ code, message }).data;
}

function nextStep(request: FileRequest, code: FileErrorCode): string | undefined {
  const { op } = request;
  if (code === "invalid_argument") return elsewhere(request) ?? "Change the path accordingly.";
  if (code === "not_found") return elsewhere(request) ?? "list_files shows which files there are.";
  if (code === "not_a_folder") {
    return op === "list" ? "Read a file with read_file." : "list_files shows which files there are.";
  }
  if (code === "not_empty") {
    return op === "remove" ? "Pass recursive: true to remove it with its content." : "Choose another path.";
  }
  if (code === "is_a_folder") {
    return op === "read" ? "See what is in it with list_files." : "Name a file in it.";
  }
  return undefined;
}

/** The next step for a path that cells can use, but the request cannot. */
function elsewhere(request: FileRequest): string | undefined {
  const paths = [
    ...("path" in request ? [request.path] : []),
    ...("to" in request ? [request.to] : []),
  ];
  const roots = paths.map((path) => /^\/[./]*([^/]+)/.exec(path)?.[1]);
  if (roots.includes("data")) {
    return "Use a dataset in a cell, by its path in /data: the tools for files reach /workspace.";
  }
  if (roots.includes("outputs")) {
    return "Saved output can be read by the path that the cell's result names, /outputs/EXECUTION_ID/stdout or stderr; " +
      "/outputs cannot be listed or changed.";
  }
  return undefined;
}
