/** Set-up: an engine that answers, and the images of this program in it. */
export {
  contentHash,
  IMAGE_KINDS,
  imageReference,
  LABEL_CONTENT,
  LABEL_IMAGE,
  LABEL_SAMPLE,
} from "../../images/identity.ts";
export type { ImageKind } from "../../images/identity.ts";
export { stderrProgress } from "./progress.ts";
export type { Progress } from "./progress.ts";
export { setUp } from "./setup.ts";
export type { SetUpOptions, SetUpResult } from "./setup.ts";
