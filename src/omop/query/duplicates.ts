import { OmcpError } from "../../errors.ts";

/**
 * Checks that each name occurs once.
 *
 * @param names The names.
 * @param where Where they are, for the error.
 * @param next What to do otherwise. @default "Use each name once."
 * @throws {OmcpError} `invalid_argument` with the first name that occurs twice.
 */
export function refuseDuplicates(
  names: readonly string[],
  where: string,
  next = "Use each name once.",
): void {
  const duplicate = names.find((name, at) => names.indexOf(name) !== at);
  if (duplicate === undefined) return;
  throw new OmcpError("invalid_argument", `Duplicate name ${JSON.stringify(duplicate)} in ${where}`, {
    next,
  });
}
