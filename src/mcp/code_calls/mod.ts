export { CodeCalls } from "./code_calls.ts";
