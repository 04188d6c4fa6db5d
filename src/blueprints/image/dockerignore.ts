import { comment } from './lines.ts';

const always = [
  [
    'What is not source:',
    '.git',
    '**/node_modules',
    '**/.venv',
    '**/venv',
    '**/__pycache__',
    '**/.next',
    '**/.turbo',
    '**/coverage',
    '**/*.log',
    '**/.DS_Store',
  ],
  ['Secrets do not belong into images:', '**/.env', '**/.env.*', '!**/.env.example'],
  [
    'A change of these should not build anything anew:',
    '**/Dockerfile*',
    '**/.dockerignore',
    'compose*.yaml',
    'docker-compose*.yml',
    'signalbox.yaml',
  ],
] as const;

/** The .dockerignore of a folder that is sent to the builder; `kept`: folders that last, relative to it. */
export function dockerignore(kept: readonly string[]): string {
  const parts = always.map(([why, ...patterns]) => [...comment(why), ...patterns]);
  const lasting =
    kept.length === 0
      ? []
      : [[...comment('What the app writes and keeps:'), ...kept.map((folder) => folder.replace(/[*?[\]\\!#]/g, '\\$&'))]];
  return `${[...parts, ...lasting].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
