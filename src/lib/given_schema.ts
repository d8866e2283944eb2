import * as z from "zod";

/**
 * The schema of an argument that is given, without what says that it may be absent, or converts it first.
 *
 * @param schema The argument's schema.
 * @returns The schema itself if the argument may not be absent.
 */
export function givenSchema(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return givenSchema(schema.unwrap());
  }
  // What z.preprocess() makes: the converted value is what the second schema gets.
  return schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform
    ? givenSchema(schema.out)
    : schema;
}
