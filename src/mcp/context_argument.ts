/** The argument `context` of tools that run something in one of a sandbox's interpreters. */
import type * as z from "zod";
import { contextSchema } from "../agent_protocol/messages/mod.ts";

/**
 * The argument's schema.
 *
 * @param what What the context is for, in a few words.
 */
export function contextArgument(what: string): z.ZodOptional<z.ZodString> {
  return contextSchema.optional().describe(`${what} Default: default.`);
}

/**
 * The option of an execution that belongs to a context.
 *
 * @param context The context's name; undefined for the default.
 */
export function inContext(context: string | undefined): { readonly context?: string } {
  return context === undefined ? {} : { context };
}
