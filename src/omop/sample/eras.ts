import type { Day } from "./calendar.ts";

/** Records of one concept that are at most this many days apart form one era. */
const GAP = 30;

/** A record that counts towards an era. */
export interface EraInput {
  readonly concept: number;
  readonly start: Day;
  readonly end: Day;
}

/** A continuous span of one concept. */
export interface Era extends EraInput {
  /** Records in it. */
  readonly count: number;
  /** Days in it that no record covers. */
  readonly gapDays: number;
}

/**
 * Joins a person's records into eras, with OHDSI's persistence window of 30 days.
 *
 * @param records The records, in any order.
 * @returns The eras by concept and start.
 */
export function buildEras(records: readonly EraInput[]): readonly Era[] {
  const sorted = records.toSorted((left, right) => left.concept - right.concept || left.start - right.start);
  const eras: Era[] = [];
  for (const { concept, start, end } of sorted) {
    const last = eras.at(-1);
    if (last === undefined || last.concept !== concept || start > last.end + GAP) {
      eras.push({ concept, start, end, count: 1, gapDays: 0 });
      continue;
    }
    eras[eras.length - 1] = {
      concept,
      start: last.start,
      end: Math.max(last.end, end),
      count: last.count + 1,
      gapDays: last.gapDays + Math.max(0, start - last.end - 1),
    };
  }
  return eras;
}
