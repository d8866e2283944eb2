/** The executions of a sandbox as a notebook. */
import { DEFAULT_CONTEXT } from "../../agent_protocol/messages/mod.ts";
import { counted } from "../../lib/counted.ts";
import type { PastExecution } from "../../sandbox/mod.ts";
import { notebookCell } from "./cells.ts";
import { linesOf, type Notebook, type NotebookCell } from "./format.ts";

/** What a notebook is made of. */
export interface NotebookParts {
  readonly sandboxId: string;
  /** The name of the context; the default is not mentioned. @default "default" */
  readonly context?: string;
  /** Oldest first. */
  readonly history: readonly PastExecution[];
  /** How many executions before these are not kept at all. */
  readonly forgotten: number;
}

/** A notebook, and what an export reports of it. */
export interface WrittenNotebook {
  readonly notebook: Notebook;
  /** How many cells have code. */
  readonly codeCells: number;
  /** How many lack something of their source or output; each says what. */
  readonly incomplete: number;
}

/**
 * Writes a notebook. Pure.
 *
 * @param parts See {@link NotebookParts}.
 * @returns A valid notebook of nbformat 4.5, for a Python 3 kernel.
 */
export function buildNotebook({ sandboxId, context, history, forgotten }: NotebookParts): WrittenNotebook {
  // A call that was refused because too many ran has done nothing.
  const ran = history.filter(({ execution }) => execution?.error?.code !== "sandbox_busy");
  const written = ran.map(notebookCell);
  const cells = [
    header(title(sandboxId, context), ran.length, forgotten),
    ...written.map(({ cell }) => cell),
  ];
  return {
    notebook: {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {
        kernelspec: { name: "python3", display_name: "Python 3", language: "python" },
        language_info: { name: "python", file_extension: ".py", mimetype: "text/x-python" },
      },
      cells,
    },
    codeCells: cells.filter(({ cell_type }) => cell_type === "code").length,
    incomplete: written.filter(({ incomplete }) => incomplete).length,
  };
}

/**
 * Writes a notebook as the content of its file.
 *
 * @param notebook The notebook.
 * @returns UTF-8.
 */
export function notebookBytes(notebook: Notebook): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(notebook, null, 1)}\n`);
}

function title(sandboxId: string, context: string = DEFAULT_CONTEXT): string {
  return context === DEFAULT_CONTEXT ? `Sandbox ${sandboxId}` : `Context ${context} of sandbox ${sandboxId}`;
}

function header(title: string, executions: number, forgotten: number): NotebookCell {
  const earlier = forgotten === 0 ? [] : [
    `${counted(forgotten, "earlier execution")} ${forgotten === 1 ? "is" : "are"} not kept and not in it.`,
  ];
  return {
    cell_type: "markdown",
    id: "header",
    metadata: {},
    source: linesOf([
      `# ${title}`,
      "",
      [`${counted(executions, "execution")}, oldest first.`, ...earlier].join(" "),
      "",
      "To run it again, put the files that it reads beside it and install the packages that it imports. For a database, set the variables of " +
      "libpq (`PGHOST`, `PGUSER`, …): `psycopg.connect()` has no arguments here.",
    ].join("\n")),
  };
}
