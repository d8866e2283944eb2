import { OmcpError } from "../errors.ts";

/**
 * Converts the error for arguments that `parseArgs` of `node:util` refuses.
 *
 * @param error What a command threw.
 * @param next How to call it.
 * @returns `invalid_argument`; any other error unchanged.
 */
export function usageError(error: unknown, next: string): unknown {
  if (!(error instanceof TypeError) || !("code" in error)) return error;
  if (!String(error.code).startsWith("ERR_PARSE_ARGS_")) return error;
  // The rest is advice about positional arguments that begin with "-".
  const [message = error.message] = error.message.split(/\. |\n/);
  return new OmcpError("invalid_argument", message, { state: "Nothing was done.", next });
}
