/** The requests of the agent's file service and its replies (FILES.md): lines of JSON on a stream of the service `files`. */
import * as z from "zod";
import { wireObject } from "./camel_case.ts";

/** The service's name in OPEN. */
export const FILES_SERVICE = "files";
/** The most entries in the reply to `list`. */
export const MAX_LISTED = 2000;
/** The most levels of folders that `list` descends. */
export const MAX_LIST_DEPTH = 32;
/** The longest line of a reply, in bytes: names in a list are written in ASCII, and escaped. */
export const MAX_REPLY_LINE_BYTES = 16 * 1024 * 1024;

/** A request, in the form of its header line. */
export type FileRequest =
  | { readonly op: "stat"; readonly path: string }
  | { readonly op: "list"; readonly path: string; readonly depth: number; readonly limit: number }
  | { readonly op: "read"; readonly path: string; readonly offset: number; readonly limit: number }
  | { readonly op: "write"; readonly path: string; readonly overwrite: boolean; readonly size: number | null }
  | { readonly op: "remove"; readonly path: string; readonly recursive: boolean }
  | { readonly op: "move"; readonly path: string; readonly to: string; readonly overwrite: boolean }
  | { readonly op: "space" };

/** Why a request failed. */
export const FILE_ERROR_CODES = [
  "not_found",
  "exists",
  "not_empty",
  "is_a_folder",
  "not_a_folder",
  "symbolic_link",
  "special_file",
  "denied",
  "in_use",
  "invalid_argument",
  "workspace_full",
  "memory_full",
  "changed",
  "incomplete",
  "busy",
  "internal",
] as const;

/** Why a request failed: one of {@link FILE_ERROR_CODES}. */
export type FileErrorCode = (typeof FILE_ERROR_CODES)[number];

const count = z.int().nonnegative();
const kind = z.enum(["file", "folder", "link", "other"]);

/** A reply that is an error; the code decides what the caller gets. */
export const fileErrorSchema = z.object({ code: z.enum(FILE_ERROR_CODES), message: z.string().max(2000) });

/** JavaScript's dates reach this far from the epoch, in ms; code in the sandbox can set a file's time to any. */
const MAX_TIME_MS = 8_640_000_000_000_000;
const time = z.int().min(-MAX_TIME_MS).max(MAX_TIME_MS);
/** Bytes, allocated bytes, and when it was changed. */
const facts = { size: count, allocated: count, modified_ms: time };

const entrySchema = wireObject({
  path: z.string(),
  kind,
  size: count,
  modified_ms: time,
  target: z.string().nullable(),
});

/** The result of each request. `write` has two: the first says that the bytes may be sent. */
export const FILE_RESULTS = {
  stat: wireObject({ kind, ...facts }),
  list: wireObject({
    entries: z.array(entrySchema).max(MAX_LISTED),
    files: count,
    folders: count,
    links: count,
    others: count,
    bytes: count,
    closed_folders: count,
    complete: z.boolean(),
  }),
  read: wireObject({ ...facts, offset: count, length: count }).refine(({ size, offset, length }) =>
    offset + length <= size
  ),
  readEnd: z.object({ changed: z.boolean() }),
  writeBegin: z.object({}),
  write: z.object({ size: count, replaced: z.boolean() }),
  remove: z.object({ removed: count }),
  move: z.object({ replaced: z.boolean() }),
  space: z.object({ size: count, free: count, names: count }),
} as const;

/** The metadata of a file, or of a link itself. */
export type FileStat = z.output<(typeof FILE_RESULTS)["stat"]>;
/** A folder's content. */
export type FileList = z.output<(typeof FILE_RESULTS)["list"]>;
/** One name in a {@link FileList}. */
export type FileEntry = FileList["entries"][number];
/** The size of the workspace, and how much is free. `names`: how many more files and folders it can hold. */
export type FileSpace = z.output<(typeof FILE_RESULTS)["space"]>;
