import type { Finding } from './finding.ts';
import { type Folder, lineAt, type SourceText } from './folder.ts';

const healthPaths = [
  '/health',
  '/healthz',
  '/api/health',
  '/api/healthz',
  '/up',
  '/ready',
  '/readyz',
  '/livez',
  '/healthcheck',
  '/health-check',
];
const starts = /\.listen\s*\(|\bserve\s*\(|createServer|\bFastAPI\s*\(|\bFlask\s*\(|\bStarlette\s*\(/;
const mounts =
  /\.use\(\s*['"`]\/[^'"`]|\bprefix\s*[:=]\s*['"`]\/|basePath\s*\(|\.route\(\s*['"`]\/[^'"`]+['"`]\s*,\s*\w+\s*\)|setGlobalPrefix/;

/**
 * A health route whose full path is certain: on the app itself, in the file that starts the server or in an app without mounted
 * prefixes; or a route file of a framework that routes by file names. A wrong path would fail every deploy.
 */
export function findHealth(folder: Folder, sources: readonly SourceText[]): { path: string; finding: Finding } | undefined {
  const byFile = folder.files.find((file) =>
    /^(?:src\/)?(?:app\/(?:api\/)?health(?:z)?\/route|pages\/api\/healthz?)\.[jt]sx?$/.test(file),
  );
  if (byFile !== undefined) {
    const path = `/${byFile
      .replace(/^src\//, '')
      .replace(/^(?:app|pages)\//, '')
      .replace(/(?:\/route)?\.[jt]sx?$/, '')}`;
    return { path, finding: { kind: 'choice', text: `health check ${path}`, file: folder.fromRoot(byFile) } };
  }
  const mounted = sources.some(({ text }) => mounts.test(text));
  for (const path of healthPaths) {
    const quoted = `['"\`]${path.replaceAll('/', '\\/')}['"\`]`;
    const route = new RegExp(
      `\\b(?:app|server|fastify|api)\\.(?:get|all|use)\\(\\s*${quoted}|@(?:app|server|api)\\.(?:get|route)\\(\\s*${quoted}|(?:url|path|pathname)\\b[^\\n]{0,20}===?\\s*${quoted}|\\bcase\\s+${quoted}`,
    );
    for (const { file, text } of sources) {
      const match = route.exec(text);
      if (match === null || (mounted && !starts.test(text))) continue;
      return {
        path,
        finding: { kind: 'choice', text: `health check ${path}`, file: folder.fromRoot(file), line: lineAt(text, match.index) },
      };
    }
  }
  return undefined;
}

/** A port that stands in the source while PORT is never read. */
export function findFixedPort(folder: Folder, sources: readonly SourceText[]): Finding | undefined {
  if (
    sources.some(({ text }) =>
      /env(?:iron)?(?:\.get)?[.[(]\s*\(?['"`]?(?:\w+_)?PORT\b|\bgetenv\(['"]PORT|\.get\(['"`]PORT/.test(text),
    )
  )
    return undefined;
  for (const { file, text } of sources) {
    const match =
      /\.listen\(\s*(?:\{\s*port:\s*)?(\d{2,5})\b|\b(?:const|let|var)\s+port\s*=\s*(\d{2,5})\b|\.run\([^)\n]*\bport\s*=\s*(\d{2,5})/i.exec(
        text,
      );
    const port = match?.[1] ?? match?.[2] ?? match?.[3];
    if (match !== null && port !== undefined)
      return {
        kind: 'note',
        text: `the port ${port} seems to be fixed in the source; with PORT from the environment two copies can run side by side`,
        file: folder.fromRoot(file),
        line: lineAt(text, match.index),
      };
  }
  return undefined;
}

const writes = [
  /\bdest\s*:\s*['"`]\.?\/?([\w-]+(?:\/[\w-]+)*)\/?['"`]/,
  /\b(?:UPLOAD_FOLDER|uploadDir|UPLOAD_DIR|uploadsDir)['"\]]*\s*[:=]\s*['"`]\.?\/?([\w-]+(?:\/[\w-]+)*)\/?['"`]/,
  /(?:new\s+(?:sqlite3\.)?Database(?:Sync)?|sqlite3\.connect|sqlite3\.Database)\(\s*['"`]\.?\/?([\w-]+(?:\/[\w-]+)*)\/[\w.-]+\.(?:db|sqlite3?)['"`]/,
  /['"`](?:sqlite:\/\/\/|file:)\.?\/?([\w-]+(?:\/[\w-]+)*)\/[\w.-]+\.(?:db|sqlite3?)['"`]/,
];
const looseDatabase =
  /(?:['"`](?:sqlite:\/\/\/|file:)|Database(?:Sync)?\(\s*['"`]|sqlite3\.connect\(\s*['"])\.?\/?([\w-]+\.(?:db|sqlite3?))['"`]/;

/** Folders that the app seems to write and keep. Those with committed content are only noted: they would hide it. */
export function findPersist(folder: Folder, sources: readonly SourceText[]): { persist: string[]; findings: Finding[] } {
  const persist: string[] = [];
  const findings: Finding[] = [];
  for (const { file, text } of sources) {
    const loose = looseDatabase.exec(text);
    if (loose !== null)
      findings.push({
        kind: 'note',
        text: `the database file ${loose[1]} is in the folder of the code, so each release starts without it; put it in a folder and list that under persist`,
        file: folder.fromRoot(file),
        line: lineAt(text, loose.index),
      });
    for (const pattern of writes) {
      const match = pattern.exec(text);
      const target = match?.[1];
      if (
        match === null ||
        target === undefined ||
        /^(?:dist|build|out|node_modules|tmp|src|public|static)$/.test(target) ||
        persist.includes(target)
      )
        continue;
      const place = { file: folder.fromRoot(file), line: lineAt(text, match.index) };
      const committed = folder.files.some((known) => known.startsWith(`${target}/`) && !/\.git(?:keep|ignore)$/.test(known));
      if (committed)
        findings.push({
          kind: 'note',
          text: `the app seems to write to ${target}, which has committed files; decide whether it belongs under persist`,
          ...place,
        });
      else {
        persist.push(target);
        findings.push({ kind: 'choice', text: `${target} is kept over releases, the app writes there`, ...place });
      }
    }
  }
  return { persist, findings };
}
