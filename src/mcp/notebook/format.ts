/** The shape of a notebook: nbformat 4.5, as far as we write it (https://nbformat.readthedocs.io/en/latest/format_description.html). */

/** A text as the lines of which it consists; each but the last has its line feed. */
export type Lines = readonly string[];

/** A MIME bundle; values of JSON types are parsed. */
export type MimeData = Readonly<Record<string, unknown>>;

/** An output of a code cell. */
export type NotebookOutput =
  | { readonly output_type: "stream"; readonly name: "stdout" | "stderr"; readonly text: Lines }
  | {
    readonly output_type: "display_data";
    readonly data: MimeData;
    readonly metadata: Readonly<Record<string, unknown>>;
  }
  | {
    readonly output_type: "execute_result";
    readonly data: MimeData;
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly execution_count: number | null;
  }
  | {
    readonly output_type: "error";
    readonly ename: string;
    readonly evalue: string;
    readonly traceback: readonly string[];
  };

/** Ours is under `omcp`; `tags` are Jupyter's. */
export interface CellMetadata {
  readonly tags?: readonly string[];
  readonly omcp?: { readonly tool: string; readonly state: string; readonly created_at: string };
}

/** A cell. Its id has 1 to 64 letters, digits, hyphens and underscores, and no other cell has it. */
export type NotebookCell =
  | {
    readonly cell_type: "markdown";
    readonly id: string;
    readonly metadata: CellMetadata;
    readonly source: Lines;
  }
  | {
    readonly cell_type: "code";
    readonly id: string;
    readonly metadata: CellMetadata;
    readonly execution_count: number | null;
    readonly source: Lines;
    readonly outputs: readonly NotebookOutput[];
  };

/** A notebook. */
export interface Notebook {
  readonly nbformat: 4;
  readonly nbformat_minor: 5;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly cells: readonly NotebookCell[];
}

/** The MIME type of a notebook's file. */
export const NOTEBOOK_TYPE = "application/x-ipynb+json";

/**
 * Splits a text.
 *
 * @param text The text; halves of surrogate pairs are replaced, because Python could not write them to a file.
 */
export function linesOf(text: string): Lines {
  return text.toWellFormed().match(/[^\n]*\n|[^\n]+/g) ?? [];
}
