/** Millions of short lists of numbers by key, outside the heap: V8 would stop the server to mark and move an array for each. */

const FIRST = 1_024;

/** Lists that only grow. All values are in one array, and each has the place of the value before it in its list. */
export class NumberLists {
  readonly #last = new Map<number, number>();
  #values = new Float64Array(FIRST);
  /** Places count from 1; 0 is before the first value of a list. */
  #before = new Uint32Array(FIRST);
  #size = 0;

  /** Values of all lists. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a value to a list.
   *
   * @param key The list's key.
   * @param value The value.
   */
  add(key: number, value: number): void {
    if (this.#size === this.#values.length) this.#grow();
    this.#values[this.#size] = value;
    this.#before[this.#size] = this.#last.get(key) ?? 0;
    this.#size += 1;
    this.#last.set(key, this.#size);
  }

  /**
   * A list.
   *
   * @param key Its key.
   * @returns Its values in the order in which they were added; empty for an unknown key.
   */
  of(key: number): readonly number[] {
    const found: number[] = [];
    for (let place = this.#last.get(key) ?? 0; place > 0; place = this.#before[place - 1] ?? 0) {
      found.push(this.#values[place - 1] ?? 0);
    }
    return found.reverse();
  }

  #grow(): void {
    const [values, before] = [this.#values, this.#before];
    this.#values = new Float64Array(2 * this.#size);
    this.#values.set(values);
    this.#before = new Uint32Array(2 * this.#size);
    this.#before.set(before);
  }
}
