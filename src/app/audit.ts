/** The server's audit: where it goes, and the statements of sandboxes in it. */
import type { StatementAudit } from "../cdm/gateway.ts";
import { AuditLog } from "../observability/audit.ts";
import { FolderSink, LOG_SINK } from "../observability/audit_sink.ts";
import type { AuditEntry } from "../postgres/mod.ts";
import { VERSION } from "../version.ts";
import type { Config } from "./config.ts";

/**
 * Opens the audit, and writes its first line.
 *
 * @param config Folder, instance, and whether the source is kept.
 * @throws {OmcpError} `config_invalid` if the folder cannot be written.
 */
export function openAudit(config: Config): AuditLog {
  const sink = config.auditFolder === undefined ? LOG_SINK : new FolderSink(config.auditFolder);
  const log = new AuditLog(sink, config.auditSource);
  log.start({ version: VERSION, instance: config.instance });
  return log;
}

/**
 * Audits the statements of sandboxes.
 *
 * @param log The audit.
 * @param principal Who owns the sandboxes.
 */
export function statementAudit(log: AuditLog, principal: string): StatementAudit {
  return {
    keepsSource: log.keepsSource,
    ready: () => log.ready(),
    record: (entry) =>
      log.statement({
        principal,
        sandbox: entry.sandboxId,
        status: statusOf(entry),
        sqlstate: entry.sqlstate ?? null,
        command: entry.command ?? null,
        digest: entry.source,
        normalized: entry.normalizedSql,
        source: entry.source?.text,
        rows: entry.rows,
        bytes: entry.bytes,
        durationMs: entry.elapsedMs,
      }),
  };
}

function statusOf({ decision, sqlstate }: AuditEntry): "ok" | "error" | "refused" {
  if (decision === "refuse") return "refused";
  return sqlstate === undefined ? "ok" : "error";
}
