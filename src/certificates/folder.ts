import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BadPair, type CertificateProblem, type CertificateProblemCode } from './facts.ts';
import { type Pair, readPair } from './pair.ts';

/** What a folder of certificates holds. */
export interface FolderContents {
  readonly pairs: readonly Pair[];
  /** What is not served, each with its reason. One bad pair takes nothing from the others. */
  readonly problems: readonly CertificateProblem[];
  /** Names of pairs whose files are there, readable or not. */
  readonly present: ReadonlySet<string>;
}

const certificateEndings = ['.crt', '.pem', '.cer'] as const;
/** More than any chain needs. */
const mostBytes = 1024 * 1024;

/**
 * Reads the pairs `<name>.crt` (or .pem, .cer) and `<name>.key` of a folder; a `.pem` may hold both. Links are followed, so that
 * files that somebody else renews can stay where they are. A folder that is not there is empty.
 * @throws what the system says when the folder itself cannot be read.
 */
export async function readFolder(folder: string): Promise<FolderContents> {
  const files = new Set(await filesOf(folder));
  const pairs: Pair[] = [];
  const problems: CertificateProblem[] = [];
  const present = new Set<string>();
  const attempt = async (name: string, read: () => Promise<Pair>): Promise<void> => {
    present.add(name);
    try {
      pairs.push(await read());
    } catch (cause) {
      if (!(cause instanceof BadPair)) throw cause;
      problems.push(cause.problem);
    }
  };
  for (const file of files) {
    const ending = certificateEndings.find((candidate) => file.endsWith(candidate));
    if (ending === undefined) continue;
    const name = file.slice(0, -ending.length);
    if (present.has(name)) continue;
    const keyFile = files.has(`${name}.key`) ? `${name}.key` : file;
    await attempt(name, () => readFiles({ name, certFile: join(folder, file), keyFile: join(folder, keyFile) }));
  }
  for (const file of files) {
    const name = file.slice(0, -'.key'.length);
    if (!file.endsWith('.key') || present.has(name)) continue;
    present.add(name);
    problems.push({
      code: 'CERTIFICATE_UNREADABLE',
      file: join(folder, file),
      message: `There is a key ${file} but no certificate ${name}.crt.`,
      fix: `Put the certificate with its chain beside it as ${name}.crt, or remove the key.`,
    });
  }
  return { pairs, problems, present };
}

/**
 * Reads one pair of files.
 * @throws BadPair when it cannot be served.
 */
export async function readFiles(files: {
  readonly name: string;
  readonly certFile: string;
  readonly keyFile: string;
}): Promise<Pair> {
  const { name, certFile, keyFile } = files;
  const cert = await readText(certFile, 'CERTIFICATE_UNREADABLE');
  const together = keyFile === certFile;
  if (together && !cert.includes('PRIVATE KEY-----')) {
    throw new BadPair({
      code: 'KEY_MISSING',
      file: certFile,
      message: `There is no key for the certificate ${certFile}.`,
      fix: `Put its private key beside it as ${name}.key, mode 0600.`,
    });
  }
  const key = await readText(keyFile, 'KEY_UNREADABLE', refuseExposed);
  return readPair({ name, certFile, cert, keyFile, key });
}

/** Changes whenever something in the folder may have: names, sizes, times and identities of the files that links lead to. */
export async function signatureOf(folder: string): Promise<string> {
  const facts = await Promise.all(
    (await filesOf(folder)).map(async (file) => {
      const found = await stat(join(folder, file)).catch(() => null);
      return [file, found && [found.size, found.mtimeMs, found.ino, found.mode]];
    }),
  );
  return JSON.stringify(facts);
}

/** Others of this machine may look into the folder; keys are refused one by one, this only deserves a word. */
export async function isOpenToOthers(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => null);
  return found !== null && (found.mode & 0o007) !== 0;
}

async function filesOf(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((file) => !file.startsWith('.')).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}

async function readText(
  file: string,
  code: CertificateProblemCode,
  check: (file: string, mode: number) => void = () => {},
): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    // A pipe would be waited for without end.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await handle.stat();
    if (!facts.isFile() || facts.size > mostBytes) throw new Error('it is not a file of a certificate’s size');
    // Of the file that is open: nobody can exchange it in between.
    check(file, facts.mode);
    return await handle.readFile('utf8');
  } catch (cause) {
    if (cause instanceof BadPair) throw cause;
    throw new BadPair(
      {
        code,
        file,
        message: `${file} cannot be read: ${(cause as Error).message}.`,
        fix: 'Make it a file that the user of Signalbox can read.',
      },
      { cause },
    );
  } finally {
    await handle?.close();
  }
}

function refuseExposed(file: string, mode: number): void {
  if ((mode & 0o077) === 0) return;
  throw new BadPair({
    code: 'KEY_EXPOSED',
    file,
    message: `The key ${file} can be read by other users of this machine (mode ${(mode & 0o777).toString(8)}).`,
    fix: `chmod 600 ${file}`,
  });
}
