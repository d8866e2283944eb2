import * as z from "zod";

/**
 * The schema of an argument that is given, without what says that it may be absent.
 *
 * @param schema The argument's schema.
 * @returns The schema itself if the argument may not be absent.
 */
export function givenSchema(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? givenSchema(schema.unwrap())
    : schema;
}
