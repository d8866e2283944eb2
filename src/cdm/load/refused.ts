import { OmcpError } from "../../errors.ts";

/**
 * The error for a folder, or a file in it, that a load refuses before it loads any row.
 *
 * @param message What is wrong with it, without any value of a row.
 * @param next What to do.
 * @param cause The error that shows it.
 */
export function refused(message: string, next: string, cause?: unknown): OmcpError {
  return new OmcpError("cdm_invalid", message, {
    state: "Nothing was loaded.",
    next,
    ...(cause === undefined ? {} : { cause }),
  });
}
