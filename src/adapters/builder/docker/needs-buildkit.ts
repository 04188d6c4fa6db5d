import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageRecipe } from '../../../domain/release.ts';
import type { BuildRequest } from '../../../ports/builder.ts';
import type { Source } from '../../../ports/source.ts';
import { layoutPrefix } from './context.ts';

/** What a Dockerfile asks of the engine's BuildKit, which the classic builder does not have. */
export interface KitNeeds {
  /** As it stands there: `RUN --mount`, `COPY --link`, a here-document, `TARGETARCH`. */
  readonly why: string;
  /** Images that it names, the one of its `# syntax` line included: BuildKit could log in nowhere to fetch them. */
  readonly images: readonly string[];
}

/** Flags stand before everything else. */
const flags =
  /^(RUN|COPY|ADD)\s+(?:--[\w-]+(?:=\S*)?\s+)*?(--(?:mount|network|security|device|link|chmod|parents|exclude|checksum|keep-git-dir))(?=[=\s])/i;
const hereDocument = /^(?:RUN|COPY|ADD)\b.*\s\d*<<-?["']?[A-Za-z_]\w*/is;
/** Variables that BuildKit alone fills in. */
const platform = /\b(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT)\b/;

/** Undefined: the classic builder, which keeps a build within its bounds, can do it. `args` fill in variables of image names. */
export function kitNeeds(text: string, args: Readonly<Record<string, string>>): KitNeeds | undefined {
  const said = instructions(text);
  for (const instruction of said) {
    const flag = flags.exec(instruction);
    const why =
      flag !== null
        ? `${flag[1]?.toUpperCase()} ${flag[2]}`
        : hereDocument.test(instruction)
          ? 'a here-document'
          : platform.exec(instruction)?.[0];
    if (why !== undefined) return { why, images: imagesIn(text, said, args) };
  }
  return undefined;
}

/** Instructions without comments, continued lines joined. */
function instructions(text: string): string[] {
  const escape = /^#\s*escape\s*=\s*`/im.test(text.split(/^[^#\s]/m)[0] ?? '') ? '`' : '\\';
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  const found: string[] = [];
  let open = '';
  for (const line of lines) {
    const goesOn = line.trimEnd().endsWith(escape);
    open += goesOn ? `${line.trimEnd().slice(0, -1)} ` : line;
    if (goesOn) continue;
    if (open.trim() !== '') found.push(open.trim());
    open = '';
  }
  if (open.trim() !== '') found.push(open.trim());
  return found;
}

function imagesIn(text: string, said: readonly string[], args: Readonly<Record<string, string>>): string[] {
  const values = new Map<string, string>();
  const stages = new Set<string>(['scratch']);
  const found = new Set<string>();
  const syntax = /^(?:\s*#[^\n]*\n)*?#\s*syntax\s*=\s*(\S+)/i.exec(text)?.[1];
  if (syntax !== undefined) found.add(syntax);
  const add = (name: string): void => {
    const plain = name.replace(
      /\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))/g,
      (_, braced?: string, preset?: string, bare?: string) => values.get(braced ?? bare ?? '') ?? preset ?? '\0',
    );
    if (plain !== '' && !plain.includes('\0') && !stages.has(plain.toLowerCase()) && !/^\d+$/.test(plain)) found.add(plain);
  };
  for (const instruction of said) {
    const [, arg, preset] = /^ARG\s+(\w+)(?:=["']?([^"'\s]*)["']?)?/i.exec(instruction) ?? [];
    if (arg !== undefined) {
      const value = args[arg] ?? preset;
      if (value !== undefined) values.set(arg, value);
    }
    const [, from, stage] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(instruction) ?? [];
    if (from !== undefined) add(from);
    if (stage !== undefined) stages.add(stage.toLowerCase());
    if (/^(?:COPY|RUN)\s/i.test(instruction))
      for (const [, other = ''] of instruction.matchAll(/\s--(?:from=|mount=\S*?\bfrom=)([^\s,]+)/g)) add(other);
  }
  return [...found];
}

/** The Dockerfile of a recipe as it is in the commit; null when it is not there. */
export async function dockerfileText(
  request: Pick<BuildRequest, 'app' | 'sha'>,
  { dockerfile }: ImageRecipe,
  from: { readonly source: Pick<Source, 'checkout'>; readonly incoming: string },
): Promise<string | null> {
  if ('text' in dockerfile) return dockerfile.text;
  const folder = await mkdtemp(join(from.incoming, layoutPrefix));
  try {
    await from.source.checkout(request.app, request.sha, [dockerfile.path], folder);
    return await readFile(join(folder, dockerfile.path), 'utf8').catch(() => null);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
