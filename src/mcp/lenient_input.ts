/**
 * Converts arguments whose meaning is clear into what a schema takes: `null` for an optional argument, `"60"` for a
 * number, `"true"` for a boolean, one item for a list, a concept set in the form of another argument, a choice in another case. Other values
 * stay as they are, and the schema refuses them.
 */
import * as z from "zod";
import { isRecord } from "../lib/is_record.ts";
import { givenSchema } from "../lib/given_schema.ts";
import { SET_NAMES } from "../omop/concepts/mod.ts";

const NUMBER = /^[+-]?\d{1,20}(?:\.\d{1,20})?$/;

/**
 * @param schema The schema the value will be parsed with.
 * @param value The value as received; it is not changed.
 * @returns The value to parse.
 */
export function lenientInput(schema: z.core.$ZodType, value: unknown): unknown {
  const inner = givenSchema(schema);
  if (inner !== schema) return value === null ? undefined : lenientInput(inner, value);
  if (schema instanceof z.ZodObject) return lenientObject(schema, value);
  if (schema instanceof z.ZodArray) return lenientList(schema, value);
  if (schema instanceof z.ZodUnion) return lenientUnion(schema, value);
  return typeof value === "string" ? lenientText(schema, value) : value;
}

/**
 * Replaces earlier names of arguments by the current ones.
 *
 * @param given The arguments as received; they are not changed.
 * @param renamed Old name → name.
 * @returns The arguments; one given under both names keeps both, and the schema refuses the old one.
 */
export function renamedArguments(given: unknown, renamed: Readonly<Record<string, string>>): unknown {
  if (!isRecord(given)) return given;
  const names = new Map(Object.entries(renamed));
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const current = names.get(name);
      return [current === undefined || Object.hasOwn(given, current) ? name : current, value];
    }),
  );
}

function lenientText(schema: z.core.$ZodType, value: string): unknown {
  const trimmed = value.trim();
  if (schema instanceof z.ZodNumber) return NUMBER.test(trimmed) ? Number(trimmed) : value;
  const lower = trimmed.toLowerCase();
  if (schema instanceof z.ZodBoolean) return lower === "true" ? true : lower === "false" ? false : value;
  if (schema instanceof z.ZodEnum) {
    return schema.options.find((option) => String(option).toLowerCase() === lower) ?? value;
  }
  return value;
}

function lenientObject(schema: z.ZodObject, value: unknown): unknown {
  if (!isRecord(value)) return value;
  const fields: ReadonlyMap<string, z.core.$ZodType> = new Map(Object.entries(schema.shape));
  const known = SET_NAMES.find((name) => fields.has(name));
  const named = known === undefined ? value : renamedArguments(
    value,
    Object.fromEntries(SET_NAMES.filter((name) => !fields.has(name)).map((name) => [name, known])),
  );
  if (!isRecord(named)) return named;
  return Object.fromEntries(
    Object.entries(named).map(function lenientField([name, given]) {
      const field = fields.get(name);
      return [name, field === undefined ? given : lenientInput(field, given)];
    }),
  );
}

function lenientList(schema: z.ZodArray, value: unknown): unknown {
  const list = typeof value === "string"
    ? (listFromJson(value) ?? [value])
    : isRecord(value)
    ? (itemsOf(schema, value) ?? [value])
    : value;
  return Array.isArray(list) ? list.map((item) => lenientInput(schema.element, item)) : value;
}

/** The list of a concept set, which is an object in some arguments and a list in others. */
function itemsOf({ element }: z.ZodArray, value: Readonly<Record<string, unknown>>): unknown[] | undefined {
  const { items, ...others } = value;
  const own = element instanceof z.ZodObject && Object.hasOwn(element.shape, "items");
  return Array.isArray(items) && Object.keys(others).length === 0 && !own ? items : undefined;
}

/** Converts only objects in a union, and a list of objects where a concept set is one: a string may be meant as a string. */
function lenientUnion(schema: z.ZodUnion, value: unknown): unknown {
  const object = schema.options.find((option) => option instanceof z.ZodObject);
  if (object === undefined) return value;
  if (isRecord(value)) return lenientInput(object, value);
  const isSet = Array.isArray(value) && value.every(isRecord) && Object.hasOwn(object.shape, "items");
  return isSet ? lenientInput(object, { items: value }) : value;
}

/** A list written as JSON inside a string. */
function listFromJson(text: string): unknown[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}
