/** `omcp audit verify`: checks that an audit is whole. */
import { parseArgs } from "node:util";
import { OmcpError } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { errorMessage } from "../lib/error_message.ts";
import { ownCommand } from "../lib/own_command.ts";
import { type AuditProblem, type AuditReport, verifyAudit } from "../observability/verify_audit.ts";
import { AUDIT_OPTIONS } from "./audit_options.ts";
import type { Command, Print } from "./command.ts";

const USAGE = "audit verify FOLDER... [--from FILE] [--holds HASH]";

/** `omcp audit`. */
export const command: Command = {
  usage: [[USAGE, "check that no line of an audit was changed, removed or moved"]],
  help:
    `Checks the files of an OMCP_AUDIT_FOLDER: each line has the hash of the one before, and each file names the last lines of those
before it. Exits 1 if a line was changed, removed, inserted or moved, or a file was cut or is missing. Name the folders with
archived files, too.
  --from FILE                      the oldest file that must be there
  --holds HASH                     the hash of a line that must be there, as an earlier check printed it; repeatable`,
  async run({ args, print }) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: AUDIT_OPTIONS,
    });
    const [verb, ...folders] = positionals;
    if (verb !== "verify" || folders.length === 0) {
      throw new OmcpError("invalid_argument", "Pass the folders of the audit", {
        next: `Usage: ${ownCommand(USAGE)}`,
      });
    }
    return printReport(await checked(folders, values), print);
  },
};

async function checked(
  folders: readonly string[],
  values: { readonly from?: string | undefined; readonly holds?: readonly string[] | undefined },
): Promise<AuditReport> {
  try {
    return await verifyAudit({ folders, ...values });
  } catch (cause) {
    throw new OmcpError("invalid_argument", `Cannot read the audit: ${errorMessage(cause)}`, {
      state: "The audit was not checked.",
      next: "Pass folders that this user may read.",
      cause,
    });
  }
}

function printReport(report: AuditReport, print: Print): number {
  const { problems, furtherProblems, absent, notes, files, lines, ends } = report;
  for (const problem of problems) print(`FAIL  ${described(problem)}`);
  if (furtherProblems > 0) print(`FAIL  ${counted(furtherProblems, "further problem")} in the same files`);
  for (const hash of absent) print(`FAIL  no line has the hash ${hash}`);
  for (const note of notes) print(`note  ${described(note)}`);
  for (const { file, hash } of ends) print(`end   ${file}: ${hash}`);
  const isWhole = problems.length === 0 && absent.length === 0;
  print(
    `${isWhole ? "The audit is whole" : "The audit is not whole"}: ${counted(files, "file")}, ${
      counted(lines, "line")
    }.`,
  );
  if (ends.length > 0) {
    print(
      "Keep these ends elsewhere, and pass them as --holds later: lines after them can be cut unnoticed.",
    );
  }
  return isWhole ? 0 : 1;
}

function described({ file, line, problem }: AuditProblem): string {
  return line === undefined ? `${file} ${problem}` : `${file}, line ${line} ${problem}`;
}
