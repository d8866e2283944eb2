/** The setting `OMCP_DATASETS`: its form, and which folders it may name. */
import * as z from "zod";
import type { Dataset } from "../sandbox/mod.ts";

const MAX_DATASETS = 32;
const NAME = /^[a-z][a-z0-9_-]{0,31}$/;
// deno-lint-ignore no-control-regex
const PATH = /^(?:\/[^/\u0000-\u001f\u007f]+)+$/;

/**
 * Folders with the machine's own secrets, devices or sockets, or with the data of all containers. No dataset may be one of them, lie in
 * one of them or contain one of them.
 */
const FORBIDDEN = [
  "/boot",
  "/dev",
  "/etc",
  "/proc",
  "/run",
  "/sys",
  "/var/lib/containerd",
  "/var/lib/containers",
  "/var/lib/docker",
  "/var/run",
] as const;
/** Folders with everybody's files: a folder inside them may be a dataset. */
const TOO_WIDE: ReadonlySet<string> = new Set(["/home", "/root"]);

/** `name=path`, separated by commas; becomes a list of datasets. */
export const datasetsSchema = z.string().transform((text, context): Dataset[] => {
  const items = text.split(",").map((item) => item.trim()).filter((item) => item !== "");
  const datasets = items.flatMap((item, at) => {
    const dataset = parseDataset(item);
    if (typeof dataset === "object") return [dataset];
    context.addIssue(`must be name=/path, separated by commas: in item ${at + 1} ${dataset}`);
    return [];
  });
  const twice = datasets.find(({ name }, at) => datasets.findIndex((other) => other.name === name) < at);
  if (twice !== undefined) context.addIssue(`has two datasets with the name ${twice.name}`);
  if (items.length > MAX_DATASETS) {
    context.addIssue(`must have at most ${MAX_DATASETS} datasets: received ${items.length}`);
  }
  return datasets;
});

/** Returns what is wrong, where something is. */
function parseDataset(item: string): Dataset | string {
  const equals = item.indexOf("=");
  const [name, path] = [item.slice(0, equals).trim(), item.slice(equals + 1).trim()];
  if (equals < 1 || !NAME.test(name)) {
    return "the name must be 1 to 32 of a-z, 0-9, _ and -, beginning with a letter";
  }
  const folder = path.length > 1 ? path.replace(/\/$/, "") : path;
  if (folder === "/") return "the path must not be the whole machine";
  if (!PATH.test(folder) || folder.split("/").some((part) => part === "." || part === "..")) {
    return "the path must be absolute, without //, . and ..";
  }
  return { name, folder };
}

/**
 * Finds the datasets that no sandbox may see.
 *
 * @param datasets The datasets.
 * @param secrets Files and folders of the server besides, such as the engine's socket.
 * @returns A phrase for each.
 */
export function datasetProblems(
  datasets: readonly Dataset[],
  secrets: readonly (string | undefined)[],
): string[] {
  const forbidden = [...FORBIDDEN, ...secrets.filter((path) => path !== undefined && path !== "")];
  return datasets.flatMap(({ name, folder }) => {
    if (TOO_WIDE.has(folder)) {
      return [`OMCP_DATASETS: dataset ${name} has everybody's files: name a folder inside ${folder}`];
    }
    const clash = forbidden.find((path) => path !== undefined && overlap(path, folder));
    return clash === undefined
      ? []
      : [`OMCP_DATASETS: dataset ${name} must not be, contain or lie in ${clash}`];
  });
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}
