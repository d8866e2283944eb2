/** What `--remove` does, for the help of the task and of the package's command: lines. */
export const REMOVE_HELP: readonly string[] = [
  "remove the images of every version, without asking; images that",
  "a container uses, local CDMs, the base image and the engine stay:",
  "it lists those that are there, and docs/removal.md removes them",
];
