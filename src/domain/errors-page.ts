import { type CatalogueEntry, catalogue } from './errors.ts';

/** docs/errors.md: every code of the catalogue, what it means and what to do. */
export function printErrors(): string {
  const entries = Object.entries<CatalogueEntry>(catalogue).sort(([a], [b]) => (a < b ? -1 : 1));
  const sections = entries.map(([code, { title, hint, retryable }]) =>
    [
      `## ${code}`,
      '',
      `${title}.`,
      '',
      `**To do:** ${hint}`,
      ...(retryable ? ['', 'The same call may succeed later.'] : []),
    ].join('\n'),
  );
  return `${[intro, ...sections].join('\n\n')}\n`;
}

const intro = `# Errors

<!-- Printed from src/domain/catalogue by \`npm run docs\`; a test keeps it fresh. -->

Every error that Signalbox shows has a code, a message that says what happened and why, and a hint that says what to do. The command
line prints all three and, with \`--json\`, \`{"error":{"code","message","hint","retryable"}}\`; the API answers with
\`application/problem+json\`. Codes keep their meaning; messages may change.`;
