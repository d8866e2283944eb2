/** Turns uv's message about a failure into an error with its reason and the next step. */
import { type ErrorCode, OmcpError } from "../../errors.ts";
import { showable } from "../../lib/text.ts";

/** Most characters of uv's explanation in a message: it can list every version of a package. */
const MAX_CHARACTERS = 1500;

interface Kind {
  readonly pattern: RegExp;
  readonly code: Extract<ErrorCode, `package_${string}` | "timeout" | "workspace_full">;
  readonly what: string;
  readonly next: string;
}

/** In this order: the first that matches decides. */
const KINDS: readonly Kind[] = [
  {
    pattern: /^timed out$/,
    code: "timeout",
    what: "Resolving and downloading took too long",
    next: "Try again with a longer timeout, or with fewer packages.",
  },
  {
    pattern: /no space left|os error 28/i,
    code: "workspace_full",
    what: "The packages are larger than a sandbox's /workspace",
    next: "Install fewer or smaller packages, or ask the operator for a larger OMCP_WORKSPACE_MIB.",
  },
  {
    pattern: /invalid peer certificate|certificate verify/i,
    code: "package_index_unreachable",
    what: "The package index's certificate is not trusted",
    next:
      "This is for the operator: the server's SSL_CERT_FILE must name a bundle with the certificate authority, and Deno's flags must allow to read it.",
  },
  {
    pattern:
      /error sending request|request failed after|failed to fetch|dns error|\b(?:401|403|407|429|5\d\d) /i,
    code: "package_index_unreachable",
    what: "The package index is out of reach",
    next:
      "Use what the image has. This is for the operator: check OMCP_PACKAGES_INDEX, OMCP_PACKAGES_NETWORK and the proxy.",
  },
  {
    pattern:
      /was not found in the (?:package registry|provided)|no version of|there (?:is|are) no versions? of/i,
    code: "package_not_found",
    what: "The package index has no such package or version",
    next:
      "Check the name: a module's name can differ from its package's, as in import sklearn and scikit-learn.",
  },
  {
    pattern: /no usable wheels|no wheels|building from source is disabled/i,
    code: "package_no_wheel",
    what: "There is no wheel for the sandbox's Python and platform, and nothing is built from source",
    next:
      "Choose another version or another package. A module's name can differ from its package's, as in import sklearn and scikit-learn, which may be there already.",
  },
  {
    pattern: /no solution found|unsatisfiable|conflict/i,
    code: "package_conflict",
    what:
      "The requirements contradict each other, earlier installed ones, the operator's constraints or what the kernel needs",
    next: "Ask for other versions, or install into a new sandbox.",
  },
];

/**
 * The error for a failed resolution.
 *
 * @param failed Which step, and uv's message.
 */
export function resolverError({ text }: { readonly step: string; readonly text: string }): OmcpError {
  const words = showable(text).replace(/^error: (?:No solution found[^\n]*\n\s*cause: )?/, "").trim();
  const kind = KINDS.find(({ pattern }) => pattern.test(text.trim()));
  if (kind === undefined) {
    return new OmcpError("package_failed", `Packages could not be resolved or downloaded: ${short(words)}`, {
      state: "Nothing was installed.",
      next: "Try again, or with other packages.",
    });
  }
  const { code, what, next } = kind;
  return new OmcpError(code, code === "timeout" ? what : `${what}: ${short(words)}`, {
    state: "Nothing was installed.",
    next,
  });
}

function short(words: string): string {
  const line = words.replace(/\s+/g, " ");
  if (line.length <= MAX_CHARACTERS) return line;
  const half = MAX_CHARACTERS / 2;
  return `${line.slice(0, half)} [… ${line.length - MAX_CHARACTERS} characters …] ${line.slice(-half)}`;
}
