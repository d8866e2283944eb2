import pythonDockerfile from "../../images/python/Dockerfile" with { type: "text" };
import finish from "../../images/python/finish.py" with { type: "text" };
import requirements from "../../images/python/requirements.txt" with { type: "text" };
import postgresDockerfile from "../../images/postgres/Dockerfile" with { type: "text" };
import makeClusters from "../../images/postgres/make_clusters.sh" with { type: "text" };
import access from "../../images/postgres/pg_hba.conf" with { type: "text" };
import pickFiles from "../../images/postgres/pick_files.sh" with { type: "text" };
import settings from "../../images/postgres/postgresql.conf" with { type: "text" };
import rights from "../../images/postgres/rights.sql" with { type: "text" };
import type { ImageKind } from "./kinds.ts";

/** A text that goes into a build as a file. */
export interface TextFile {
  /** Relative to the build's context. */
  readonly path: string;
  /** Its content. */
  readonly text: string;
}

const FILES = {
  python: [
    { path: "Dockerfile", text: pythonDockerfile },
    { path: "finish.py", text: finish },
    { path: "requirements.txt", text: requirements },
  ],
  postgres: [
    { path: "Dockerfile", text: postgresDockerfile },
    { path: "make_clusters.sh", text: makeClusters },
    { path: "pg_hba.conf", text: access },
    { path: "pick_files.sh", text: pickFiles },
    { path: "postgresql.conf", text: settings },
    { path: "rights.sql", text: rights },
  ],
} as const satisfies Record<ImageKind, readonly TextFile[]>;

/**
 * The files under `images/` that an image is built from, embedded in the program.
 *
 * @param kind Which image.
 * @returns The files, in a fixed order.
 */
export function imageFiles(kind: ImageKind): readonly TextFile[] {
  return FILES[kind];
}
