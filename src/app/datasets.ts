/** The setting `OMCP_DATASETS`: its form, and which folders it may name. */
import * as z from "zod";
import type { Dataset } from "../sandbox/mod.ts";
import { folderPath, folderProblem } from "./host_folders.ts";

const MAX_DATASETS = 32;
const NAME = /^[a-z][a-z0-9_-]{0,31}$/;

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
    context.addIssue(`must have at most ${MAX_DATASETS} datasets; received ${items.length}`);
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
  const folder = folderPath(path);
  if (folder === undefined) return "the path must be absolute, without //, . and ..";
  return { name, folder };
}

/**
 * Finds the datasets that no sandbox may see.
 *
 * @param datasets The datasets.
 * @param others Files and folders of the server, such as the engine's socket.
 * @returns A phrase for each.
 */
export function datasetProblems(
  datasets: readonly Dataset[],
  others: readonly (string | undefined)[],
): string[] {
  return datasets.flatMap(({ name, folder }) => {
    const problem = folderProblem(folder, others);
    return problem === undefined ? [] : [`OMCP_DATASETS: dataset ${name} ${problem}`];
  });
}

/** Files and folders of the server that links of a dataset's path could lead to. */
export interface LinkTargets {
  readonly auditFolder: string | undefined;
  readonly ledgerFolder: string | undefined;
  readonly exchangeFolder: string | undefined;
}

/**
 * Finds what is wrong with the folder to which the links of a dataset's path led, which only a container can see.
 *
 * @param targets See {@link LinkTargets}.
 * @returns Takes a folder, and returns the end of a sentence about it; undefined if nothing is wrong.
 */
export function linkedFolderProblem(targets: LinkTargets): (folder: string) => string | undefined {
  return (folder) =>
    folderProblem(folder, [targets.auditFolder, targets.ledgerFolder, targets.exchangeFolder]);
}
