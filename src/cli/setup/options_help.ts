/** Each option of the set-up, and what it does: lines. */
const OPTIONS: readonly (readonly [option: string, ...does: string[]])[] = [
  ["--refresh", "rebuild the images, with the distribution's newest packages"],
  ["--print", "only print the images' names, one per line"],
  [
    "--remove",
    "remove the images of every version, without asking; images that",
    "a container uses, local CDMs, the base image and the engine stay:",
    "it lists these, and docs/removal.md says how to remove them",
  ],
];

/**
 * The options in the help of the task and of the package's command. Apart from both: the command's file loads the rest only when it runs.
 *
 * @param column Where what they do begins.
 */
export function optionsHelp(column: number): string {
  return OPTIONS.map(([option, ...does]) =>
    `  ${option}`.padEnd(column) + does.join(`\n${" ".repeat(column)}`)
  ).join("\n");
}
