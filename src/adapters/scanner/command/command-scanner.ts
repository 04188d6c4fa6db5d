import { notChecked, type ScanKind, type ScanVerdict } from '../../../domain/scan.ts';
import type { Scanner, ScannerPresence, ScanTarget } from '../../../ports/scanner.ts';
import type { RunTool, ToolResult } from '../../../ports/tool.ts';
import { type Fields, firstText, isFields, parseJson } from './fields.ts';

/** A program that prints its findings as JSON. */
export interface ScanTool {
  /** As people know it. */
  readonly name: string;
  readonly kind: ScanKind;
  readonly command: string;
  readonly versionArgs: readonly string[];
  /** How to get it. */
  readonly enable: string;
  /** Ends of the program that come with a whole output; any other code is a failure of the tool. */
  readonly codes: readonly number[];
  readonly timeoutMs: number;
  /** What to run, or why there is nothing to look at. */
  args(target: ScanTarget, version: string): Promise<readonly string[] | ScanVerdict>;
  /** Undefined where the output is not of the documented form: never taken for clean. */
  read(output: unknown, target: ScanTarget): ScanVerdict | undefined;
  /** Other ends that mean something: "no supported project". */
  explain?(code: number): ScanVerdict | undefined;
}

/** 32 MiB of JSON are some hundred thousand findings. */
const maxBytes = 32 * 1024 * 1024;

export function commandScanner(tool: ScanTool, run: RunTool): Scanner {
  const version = async (folder: string, signal: AbortSignal): Promise<ScannerPresence> => {
    const answer = await run({
      command: tool.command,
      args: tool.versionArgs,
      folder,
      timeoutMs: 20_000,
      maxBytes: 65_536,
      signal,
    });
    if (answer.end === 'ended' && answer.code === 0) {
      const found = /\d+\.\d+(?:\.\d+)?/.exec(answer.stdout)?.[0];
      if (found !== undefined) return { available: true, version: found };
    }
    const why =
      answer.end === 'missing'
        ? `${tool.command} is not installed`
        : `${tool.command} ${tool.versionArgs.join(' ')} ${endOf(answer)}`;
    return { available: false, why: `${why}.`, enable: tool.enable };
  };
  return {
    name: tool.name,
    kind: tool.kind,
    available: (signal) => version('/', signal),
    async scan(target, signal) {
      const presence = await version(target.folder, signal);
      if (!presence.available) return notChecked(presence.why, presence.enable);
      const args = await tool.args(target, presence.version);
      if ('verdict' in args) return args;
      const { folder } = target;
      return judge(tool, target, await run({ command: tool.command, args, folder, timeoutMs: tool.timeoutMs, maxBytes, signal }));
    },
  };
}

function judge(tool: ScanTool, target: ScanTarget, result: ToolResult): ScanVerdict {
  if (result.end !== 'ended') return notChecked(`${tool.name} ${endOf(result)}.`, again);
  const output = parseJson(result.stdout);
  const explained = tool.explain?.(result.code);
  if (explained !== undefined) return explained;
  if (!tool.codes.includes(result.code))
    return notChecked(`${tool.name} failed with exit code ${result.code}: ${reasonOf(output, result.stderr)}`, tool.enable);
  const verdict = output === undefined ? undefined : tool.read(output, target);
  return (
    verdict ?? notChecked(`The output of ${tool.name} cannot be understood: ${reasonOf(output, result.stderr)}`, tool.enable)
  );
}

const again = 'Run it again; by hand it shows more.';

function endOf(result: ToolResult): string {
  switch (result.end) {
    case 'ended':
      return `ended with exit code ${result.code}`;
    case 'missing':
      return 'is not installed';
    case 'timed-out':
      return 'took too long';
    case 'aborted':
      return 'was stopped before its end';
    case 'too-much':
      return 'printed more than is read';
    case 'broken':
      return `could not be run: ${result.why}`;
  }
}

/** The tool's own words, the first line of them. */
function reasonOf(output: unknown, stderr: string): string {
  const fields: Fields = isFields(output) ? output : {};
  const inner = isFields(fields['error']) ? fields['error'] : {};
  const said =
    firstText(inner['detail'], inner['summary'], fields['message'], fields['error']) ??
    firstText(...stderr.split('\n').filter((line) => !/^npm warn/i.test(line)));
  return said === undefined ? 'it says nothing about why.' : `${said.slice(0, 200).replace(/\.$/, '')}.`;
}
