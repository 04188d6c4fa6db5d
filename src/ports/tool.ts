/** A program that is asked something: no shell, nothing on its standard input, its output bounded. */
export interface ToolCall {
  readonly command: string;
  readonly args: readonly string[];
  /** Absolute. */
  readonly folder: string;
  readonly timeoutMs: number;
  /** Of standard output; more ends the program. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** How it ended, said once. `ended` alone has an output that is whole. */
export type ToolResult =
  | { readonly end: 'ended'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly end: 'missing' }
  | { readonly end: 'timed-out' | 'aborted' | 'too-much' }
  | { readonly end: 'broken'; readonly why: string };

/** Never rejects; returns when the program and its children are gone. */
export type RunTool = (call: ToolCall) => Promise<ToolResult>;
