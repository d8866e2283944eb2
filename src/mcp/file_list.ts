/** A folder's content as text. */
import type { FileEntry, FileList, FileSpace } from "../agent_protocol/messages/mod.ts";
import { counted } from "../lib/counted.ts";
import { readableBytes } from "../lib/text.ts";
import { relativePath } from "./file_path.ts";
import { shownPath } from "../lib/shown_path.ts";

/** The most characters of a link's target. */
const TARGET_CHARACTERS = 200;

/** What {@link fileList} needs besides the folder's content. */
export interface FileListOptions {
  readonly space: FileSpace;
  readonly recursive: boolean;
  /** The most characters of the entries. */
  readonly characters: number;
}

/**
 * Writes a folder's content for a model: totals, a line for each entry, and what is not shown.
 *
 * @param path The folder, as the caller gave it.
 * @param list Its content.
 * @param options See {@link FileListOptions}.
 */
export function fileList(path: string, list: FileList, options: FileListOptions): string {
  const folder = relativePath(path);
  const shown: string[] = [];
  let left = options.characters;
  for (const entry of list.entries) {
    const line = entryLine(folder, entry);
    left -= line.length + 1;
    if (left < 0) break;
    shown.push(line);
  }
  return [totals(folder, list, options.space), ...shown, ...notes(list, shown.length, options)].join("\n");
}

function totals(folder: string, list: FileList, { size, free, names }: FileSpace): string {
  const counts = [
    counted(list.files, "file"),
    counted(list.folders, "folder"),
    ...(list.links > 0 ? [counted(list.links, "symbolic link")] : []),
    ...(list.others > 0 ? [counted(list.others, "special file")] : []),
  ];
  const name = folder === "" ? "/workspace" : `/workspace/${folder}`;
  return `${shownPath(name)}: ${counts.join(", ")}, ${readableBytes(list.bytes)} in the files; ${
    readableBytes(free)
  } of ${readableBytes(size)} in /workspace are free${names === 0 ? ", but it can hold no more files" : ""}`;
}

function entryLine(folder: string, { path, kind, size, modifiedMs, target }: FileEntry): string {
  const whole = folder === "" ? path : `${folder}/${path}`;
  const name = shownPath(kind === "folder" ? `${whole}/` : whole);
  const what = kind === "file" ? readableBytes(size) : kind === "other" ? "special file" : kind;
  const arrow = target === null ? "" : ` -> ${shownTarget(target)}`;
  return `${what.padStart(12)}  ${time(modifiedMs)}  ${name}${arrow}`;
}

/** A long target must not take the place of the other entries. */
function shownTarget(target: string): string {
  if (target.length <= TARGET_CHARACTERS) return shownPath(target);
  return `${shownPath(target.slice(0, TARGET_CHARACTERS))}… (${counted(target.length, "character")})`;
}

/** To the second. Code in the sandbox can set any time; the schema bounds it. */
function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "").replace("T", " ");
}

function notes(list: FileList, shown: number, { recursive }: FileListOptions): string[] {
  const all = list.files + list.folders + list.links + list.others;
  return [
    ...(shown < all
      ? [
        `the first ${shown} of ${all} are shown; ${
          list.folders > 0 ? "list one of its folders, or " : ""
        }use a cell`,
      ]
      : []),
    ...(list.complete ? [] : ["there are more: the count stopped at 100,000"]),
    ...(recursive && list.closedFolders > 0
      ? [
        `the content of ${
          counted(list.closedFolders, "folder")
        } is not counted (hidden, too deep or not readable); to see it, list the folder by its path`,
      ]
      : []),
  ].map((note) => `[${note}]`);
}
