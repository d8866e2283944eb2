import type { Disclosure, DisclosureFacts } from "../cdm/disclosure/mod.ts";
import { OmcpError } from "../errors.ts";
import type { MoreFacts } from "../observability/audit.ts";
import type { CdmService } from "./tool.ts";

/**
 * What may leave the database, for tools that are offered in aggregate mode only.
 *
 * @param cdm The CDM.
 * @throws {OmcpError} `internal` in the other mode.
 */
export function disclosureOf({ disclosure }: CdmService): Disclosure {
  if (disclosure !== undefined) return disclosure;
  throw new OmcpError("internal", "The tool is offered where rows may be read");
}

/** What the audit records of an answer. @param facts The answer's facts. @returns Fields of the line. */
export function releasedFacts(facts: DisclosureFacts): MoreFacts {
  return { decision: facts.rows > 0 ? "released" : "withheld", ...facts };
}
