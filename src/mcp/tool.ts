/** What a tool of this server is. One file a tool stands in `tools/`. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type * as z from "zod";
import { argumentError } from "./argument_error.ts";
import { lenientInput } from "./lenient_input.ts";

/** One call of a tool, besides its input. */
export interface ToolCall {
  /** Aborted when the client cancels or goes away. */
  readonly signal: AbortSignal;
  /** Tells the client that the call goes on; does nothing where it did not ask for that. */
  progress(message: string): void;
  /** Names the call's time, in ms, in every later sign of life. */
  limit(ms: number): void;
}

/** What a client is told about a tool's nature (MCP's tool annotations). */
export interface ToolNature {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** A tool as its file defines it. */
export interface ToolDefinition<Input extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolNature;
  readonly input: Input;
  /** Where to find what an argument that does not exist asks for; the name is in lower case. */
  readonly unknownArgument?: (name: string) => string | undefined;
  /**
   * @param input The validated input.
   * @param call The call's signal and progress.
   * @throws {OmcpError} Becomes a tool error that the model can act on.
   */
  run(input: z.output<Input>, call: ToolCall): Promise<CallToolResult>;
}

/** A tool of the server's list: it validates what it is called with. */
export interface Tool extends Omit<ToolDefinition<z.ZodObject>, "run"> {
  /**
   * @param input The arguments as the client sent them.
   * @param call The call's signal and progress.
   * @throws {OmcpError} `invalid_argument`, or what the tool throws.
   */
  run(input: unknown, call: ToolCall): Promise<CallToolResult>;
}

/**
 * Makes a definition a tool that validates its own input. The protocol's library would do it, but in words that no model
 * can act upon, without a code and without what is allowed.
 *
 * @param definition The tool.
 */
export function defineTool<Input extends z.ZodObject>(definition: ToolDefinition<Input>): Tool {
  const { input: schema } = definition;
  return {
    ...definition,
    run: async (given, call) => {
      const input = lenientInput(schema, given);
      const parsed = schema.safeParse(input);
      if (!parsed.success) throw argumentError(parsed.error, { ...definition, schema, input });
      return await definition.run(parsed.data, call);
    },
  };
}
