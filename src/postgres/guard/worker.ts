/// <reference lib="deno.worker" />
import "./quiet_console.ts";
import * as z from "zod";
import { loadGrammar } from "./grammar.ts";
import { outlineOf } from "./outline.ts";
import { type PlanContext, planText } from "./plan.ts";
import { DriverStatements } from "./driver_statements.ts";
import { RequestSchema, type WorkerReply } from "./worker_messages.ts";

let context: PlanContext | undefined;

async function answer(data: unknown): Promise<WorkerReply> {
  const request = RequestSchema.parse(data);
  if (request.type === "start") {
    await loadGrammar();
    context = { policy: request.policy, drivers: new DriverStatements() };
    return { type: "ready" };
  }
  if (context === undefined) throw new Error("Cannot plan: the worker was not started");
  if (request.type === "outline") {
    const outline = outlineOf(request.sql) ?? null;
    return { type: "outlined", outline, heapBytes: Deno.memoryUsage().heapTotal };
  }
  const plans = [...planText(request.sql, request.protocol, context)];
  return { type: "planned", plans, heapBytes: Deno.memoryUsage().heapTotal };
}

function reply(message: WorkerReply): void {
  self.postMessage(message);
}

self.onmessage = (event: MessageEvent<unknown>) => {
  answer(event.data).then(reply, (error: unknown) => {
    const reason = error instanceof z.ZodError
      ? "unreadable"
      : error instanceof Error
      ? error.name
      : "unknown";
    reply({ type: "failed", reason });
  });
};
