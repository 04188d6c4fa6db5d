const escape = '\u001b';
const bell = '\u0007';
/** Escape sequences of terminals: control sequences, operating system commands (whose text goes too), and what is introduced by ESC. */
const escapes = new RegExp(
  [
    `${escape}\\[[0-?]*[ -/]*[@-~]`,
    `${escape}[\\]PX^_][^${bell}${escape}]*(?:${bell}|${escape}\\\\)?`,
    `${escape}[ -/]*[0-~]?`,
  ].join('|'),
  'g',
);

/**
 * Text that an app, a commit or a stranger chose, fit to be shown on a terminal: on one line, without what terminals act on or what
 * turns the direction of writing. @param longest in characters; what is beyond it is cut off and marked. Default 500.
 */
export function plainText(text: string, longest = 500): string {
  const clean = text
    // More than is shown is not worth looking at.
    .slice(0, longest * 8)
    .replaceAll(escapes, '')
    .replaceAll(/\s+/gu, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}]/gu, '')
    .trim();
  return clean.length <= longest ? clean : `${clean.slice(0, Math.max(0, longest - 1)).replace(/[\ud800-\udbff]$/, '')}…`;
}
