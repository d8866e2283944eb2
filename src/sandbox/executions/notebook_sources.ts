/** The sources of a sandbox's executions that a notebook can run again. */
import type { NotebookSource } from "./execution_spec.ts";

/** Characters of all sources together; a cell has at most 1 MiB of UTF-8. */
export const MAX_SOURCE_CHARACTERS = 8 * 1024 * 1024;

/** Keeps sources; the oldest make room for newer ones. */
export class NotebookSources {
  /** Oldest first, by the execution's id. A source that made room remains as `gone`, so that a notebook can report it. */
  readonly #sources = new Map<string, NotebookSource | "gone">();
  #characters = 0;

  /**
   * Keeps a source.
   *
   * @param id Its execution's id.
   * @param source The source.
   */
  add(id: string, source: NotebookSource): void {
    this.#sources.set(id, source);
    this.#characters += source.code.length;
    for (const [oldest, kept] of this.#sources) {
      if (this.#characters <= MAX_SOURCE_CHARACTERS) return;
      if (kept !== "gone") {
        this.#characters -= kept.code.length;
        this.#sources.set(oldest, "gone");
      }
    }
  }

  /**
   * Finds a source.
   *
   * @param id Its execution's id.
   * @returns The source; `gone` if it was dropped to make room; undefined if there was none.
   */
  get(id: string): NotebookSource | "gone" | undefined {
    return this.#sources.get(id);
  }

  /**
   * Forgets a source.
   *
   * @param id Its execution's id.
   */
  delete(id: string): void {
    const kept = this.#sources.get(id);
    if (kept !== undefined && kept !== "gone") this.#characters -= kept.code.length;
    this.#sources.delete(id);
  }

  /** Forgets all. */
  clear(): void {
    this.#sources.clear();
    this.#characters = 0;
  }
}
