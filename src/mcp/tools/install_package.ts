import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { MAX_REQUIREMENT_CHARACTERS, MAX_REQUIREMENTS, parseRequirements } from "../../sandbox/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { installInto } from "../install.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type PackageService, type Tool, type ToolServices } from "../tool.ts";
import type { QuotedSettings } from "../variant.ts";

const DEFAULT_SECONDS = 300;
/** Most characters of allowed names in the description, which every conversation contains. */
const LISTED_CHARACTERS = 400;

const requirement = z.string().min(1).max(MAX_REQUIREMENT_CHARACTERS);

/** Installs packages. */
export const tool: Tool = defineTool({
  toolset: "packages",
  define: (_variant, { waitMs, cellTimeoutMaxMs, packages }) => ({
    name: "install_package",
    title: "Install Python packages",
    description:
      "Installs Python packages from the package index into a sandbox, with what they depend on, as wheels only: nothing is built from source. " +
      allowedSentence(packages) +
      "Works while a cell runs. Packages last as long as the sandbox; a package that was imported before needs restart_kernel.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      package: z.union([requirement, z.array(requirement).min(1).max(MAX_REQUIREMENTS)]).describe(
        'One requirement or a list, such as "humanize", "pandas[excel]>=2.2,<3". No URLs, paths or options.',
      ),
      timeout: z.number().min(1).max(cellTimeoutMaxMs / 1000).optional().describe(
        `Seconds, at most ${cellTimeoutMaxMs / 1000}. Default: ${
          Math.min(DEFAULT_SECONDS, cellTimeoutMaxMs / 1000)
        }.`,
      ),
      wait: z.number().min(0).optional().describe(
        `Seconds to wait for the result, at most ${waitMs / 1000}; 0 installs in the background. Default: ${
          waitMs / 1000
        }.`,
      ),
    }),
    renamed: { packages: "package", requirements: "package", name: "package" },
    unknownArgument: (name) =>
      /index|url|option|arg/.test(name) ? "the operator sets the index; options are not possible" : undefined,
  }),
  async handle({ sandbox_id, package: given, timeout, wait }, context) {
    const { sandboxes, limits } = context.services;
    const packages = requirePackages(context.services);
    const timeoutMs = timeout === undefined
      ? Math.min(DEFAULT_SECONDS * 1000, limits.cellTimeoutMaxMs)
      : Math.round(timeout * 1000);
    const requirements = typeof given === "string" ? [given] : given;
    // First, so that nothing is started for a text that is not a requirement, and the audit does not record it.
    const names = parseRequirements(requirements).map(({ name }) => name);
    const sandbox = sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "install_package",
      source: `install_package ${requirements.join(", ")}`,
      timeoutMs,
      packages: names,
      work: async (run) => {
        const { text, bytes } = await installInto(sandbox, packages, requirements, {
          timeoutMs,
          signal: run.signal,
          onProgress: (message) => run.progress(message),
        });
        return { kind: "text", text, bytes };
      },
    }, { wait });
  },
});

/** A sentence and a space; empty if every package is allowed. */
function allowedSentence(packages: QuotedSettings["packages"]): string {
  if (packages?.mode !== "allowlist") return "";
  const names = [...packages.allowed].sort();
  const listed: string[] = [];
  let characters = 0;
  for (const name of names) {
    characters += name.length + 2;
    if (characters > LISTED_CHARACTERS) break;
    listed.push(name);
  }
  const more = names.length - listed.length;
  return `The operator allows only ${listed.join(", ")}${
    more === 0 ? "" : ` and ${more} more`
  }, with what they depend on. `;
}

function requirePackages({ packages }: ToolServices): PackageService {
  if (packages !== undefined) return packages;
  throw new OmcpError("internal", "install_package is offered without a resolver");
}
