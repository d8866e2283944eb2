import * as z from "zod";

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

/** An object whose keys are camelCase instead of snake_case. */
export type CamelKeys<Value> = { [Key in keyof Value as Key extends string ? Camel<Key> : Key]: Value[Key] };

/**
 * Makes the schema of a message's object: snake_case on the wire, camelCase for its readers.
 *
 * @param shape The fields by their names on the wire; their values are not renamed.
 * @returns The schema. Unknown fields are dropped.
 */
export function wireObject<Shape extends z.core.$ZodLooseShape>(shape: Shape): WireObject<Shape> {
  return z.object(shape).transform(camelKeys);
}

type WireObject<Shape extends z.core.$ZodLooseShape> = z.ZodPipe<
  z.ZodObject<Shape>,
  z.ZodTransform<CamelKeys<z.output<z.ZodObject<Shape>>>, z.output<z.ZodObject<Shape>>>
>;

function camelKeys<Value extends object>(value: Value): CamelKeys<Value> {
  const renamed = Object.entries(value).map(([name, each]) => [camelCase(name), each] as const);
  // The type repeats what camelCase() does; the values were checked before.
  return Object.fromEntries(renamed) as CamelKeys<Value>;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
