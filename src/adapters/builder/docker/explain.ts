import type { BuildResult } from '../../../ports/builder.ts';

type Because = NonNullable<(BuildResult & { ok: false })['because']>;

/** What went wrong in an image build, in words that say what to do; undefined where the message says it all. */
export function explainFailure(
  message: string,
  facts: { service: string; dockerfile: string; step: string | null; tail?: readonly string[] },
): Because {
  const { service, dockerfile, step, tail = [] } = facts;
  const at = step === null ? '' : ` at "${step.length > 160 ? `${step.slice(0, 157)}…` : step}"`;
  const because = (why: string, code: Because['code'] = 'BUILD_FAILED'): Because => ({
    code,
    message: `The image of ${service} was not built${at}: ${why}`,
  });
  const unknown = /unknown flag: ([\w-]+)|unknown instruction: "?(\w+).*here-document/i.exec(message);
  if (unknown !== null || /requires BuildKit|BuildKit is enabled/i.test(message))
    return because(
      `${dockerfile} needs a newer BuildKit than this engine has (${firstLine(message)}). \`# syntax=docker/dockerfile:1\` as its first line fetches one; or build it elsewhere and give the service its \`image\`.`,
    );
  if (/buildkit not supported|invalid version|no builder|unsupported builder/i.test(message))
    return because(
      `${dockerfile} needs BuildKit, which this engine does not have. Take the flag out, or build it elsewhere and give the service its \`image\`.`,
    );
  if (/no active sessions?|failed to (?:resolve source metadata|do request)|pull access denied|load metadata for/i.test(message))
    return because(`an image that ${dockerfile} names cannot be had: ${firstLine(message)}`, 'IMAGE_MISSING');
  const missing = /(?:failed to compute cache key|failed to walk|failed to calculate checksum)[^:]*:(.*)/i.exec(message)?.[1];
  if (missing !== undefined)
    return because(`${missing.trim()}. Only what is committed, below the context and not in .dockerignore can be copied.`);
  if (/forbidden path outside the build context|outside of the build context/i.test(message))
    return because(`${dockerfile} copies from outside its context. Set \`context: .\` to send the whole repository.`);
  if (/COPY failed|ADD failed|no source files were specified|file not found in build context/i.test(message))
    return because(`${firstLine(message)}. Only what is committed, below the context and not in .dockerignore can be copied.`);
  if (step !== null && /^from\s/i.test(step))
    return because(`its base image cannot be had: ${firstLine(message)}`, 'IMAGE_MISSING');
  if (
    /dockerfile parse error|unknown instruction|failed to parse dockerfile|no build stage|cannot locate specified dockerfile|the dockerfile .*cannot be empty|failed to reach build target/i.test(
      message,
    )
  )
    return because(`${dockerfile} has a mistake: ${firstLine(message)}`);
  if (tail.some((line) => noCompiler.test(line)))
    return because(
      `a package has no ready-made binary for this platform, and the base of the build has no compiler. ${dockerfile.startsWith('the ') ? '`buildEnv: { BUILD_BASE: … }` of the service names one that has, such as node:20-bookworm or python:3.12-bookworm' : 'Build in a base that has one'}; the image itself may stay slim.`,
    );
  return because(firstLine(message));
}

const noCompiler =
  /gyp ERR! find Python.*could not be run|Could not find any Python installation|not found: make|(?:gcc|cc|g\+\+|c\+\+|make): (?:command )?not found|No such file or directory: '(?:gcc|cc|g\+\+)|command '(?:\S*gcc|cc)' failed/i;

/** The engine tells a full disk in many ways. */
export const tellsFullDisk = (text: string): boolean =>
  /no space left on device|disk quota exceeded|ENOSPC|not enough space/i.test(text);

/** A layer that the engine had just found in its cache, or made, was removed by somebody before the next stood on it. */
export const tellsTakenAway = (text: string): boolean => /unknown parent image ID|No such image: sha256:/i.test(text);

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';
