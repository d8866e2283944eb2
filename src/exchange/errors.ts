import { quotedPath } from "../lib/shown_path.ts";
import { OmcpError } from "../errors.ts";
import { systemCode } from "../lib/system_code.ts";

/**
 * The error for a name that is taken by a file that must not be replaced.
 *
 * @param name Its name.
 */
export function fileExists(name: string): OmcpError {
  return new OmcpError("file_exists", `The exchange folder already has a file ${quotedPath(name)}`, {
    next: "Choose another name, or pass overwrite: true.",
  });
}

/**
 * The error for a failed system call on the exchange folder.
 *
 * @param error What was thrown.
 * @param action What failed, such as "read a.csv".
 */
export function folderError(error: unknown, action: string): OmcpError {
  const code = systemCode(error);
  const message = `Cannot ${action} in the exchange folder: ${code ?? "the file system failed"}`;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new OmcpError("exchange_full", message, {
      state: "Nothing was written.",
      next: "Ask the user to make room on the disk of the exchange folder.",
      cause: error,
    });
  }
  return new OmcpError("path_unsuitable", message, {
    state: "Nothing was transferred.",
    next: "This is for the operator: the server's user must be able to read and write the folder's files.",
    cause: error,
  });
}
