/** What a tool of this server is. One file a tool stands in `tools/`. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type * as z from "zod";

/** One call of a tool, besides its input. */
export interface ToolCall {
  /** Aborted when the client cancels or goes away. */
  readonly signal: AbortSignal;
  /** Tells the client that the call goes on; does nothing where it did not ask for that. */
  progress(message: string): void;
}

/** What a client is told about a tool's nature (MCP's tool annotations). */
export interface ToolNature {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** A tool: its description for the client and what it does. */
export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolNature;
  readonly input: Input;
  /**
   * @param input The validated input.
   * @param call The call's signal and progress.
   * @throws {OmcpError} Becomes a tool error that the model can act on.
   */
  run(input: z.output<Input>, call: ToolCall): Promise<CallToolResult>;
}

/**
 * Gives a tool the type that the server's list takes, after its own input type was checked.
 *
 * @param tool The tool.
 */
export function defineTool<Input extends z.ZodObject>(tool: Tool<Input>): Tool {
  return {
    ...tool,
    run: async (input, call) => await tool.run(tool.input.parse(input), call),
  };
}
