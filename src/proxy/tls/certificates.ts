import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificateProblem, KeyKind } from '../../certificates/facts.ts';
import { isOpenToOthers, readFolder, signatureOf } from '../../certificates/folder.ts';
import type { Pair } from '../../certificates/pair.ts';
import { CertificateSet } from '../../certificates/set.ts';
import { policy } from './policy.ts';

/** Between looks at the folder; a look is a listing and a few stats. */
const lookEveryMs = 2_000;

/**
 * The certificates that this worker serves, read from a folder and read again when its files change. What cannot be served is left
 * out and reported; a pair that was good before it was spoilt goes on being served as it was, until its files are gone.
 */
export class Certificates {
  /** Told when other certificates are served from now on. */
  onChange: () => void = () => {};
  readonly #folder: string | undefined;
  #set = new CertificateSet([]);
  #problems: readonly CertificateProblem[] = [];
  #exposed = false;
  #mixed = false;
  #signature: string | undefined;
  #contexts = new Map<Pair, SecureContext>();
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** @param folder undefined: there are none, ever. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  get set(): CertificateSet {
    return this.#set;
  }

  get problems(): readonly CertificateProblem[] {
    return this.#problems;
  }

  /** Others of the machine may list the folder. */
  get exposed(): boolean {
    return this.#exposed;
  }

  /** Reads the folder now, then whenever it has changed. */
  async open(): Promise<void> {
    if (this.#folder === undefined) return;
    await this.reload();
    const look = (): void => {
      this.#timer = setTimeout(() => void this.#look().finally(look), lookEveryMs);
      this.#timer.unref();
    };
    look();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Reads the folder; connections that are open, or shaking hands, stay as they are. Never rejects. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#read());
    return this.#turn;
  }

  /** There are certificates with different kinds of keys. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** What to show to a client that asks for a host; undefined: nothing. @param avoided kind of key that is shown only if there is no other. */
  contextOf(host: string, avoided: KeyKind): SecureContext | undefined {
    const pairs = this.#set.of(host, Date.now());
    return this.#context(pairs.find(({ facts }) => facts.key !== avoided) ?? pairs[0]);
  }

  /** What to show to a client that names none. */
  nameless(): SecureContextOptions {
    return optionsFor(this.#set.nameless(Date.now()));
  }

  #context(pair: Pair | undefined): SecureContext | undefined {
    if (!pair) return undefined;
    const known = this.#contexts.get(pair);
    if (known) return known;
    const made = contextFor([pair]);
    this.#contexts.set(pair, made);
    return made;
  }

  async #look(): Promise<void> {
    const signature = await signatureOf(this.#folder ?? '').catch(() => undefined);
    if (signature !== this.#signature) await this.reload();
  }

  async #read(): Promise<void> {
    const folder = this.#folder ?? '';
    const signature = await signatureOf(folder).catch(() => undefined);
    try {
      const { pairs, problems, present } = await readFolder(folder);
      const refused: CertificateProblem[] = [];
      const good = pairs.filter((pair) => {
        const refusal = tryOut(pair, folder);
        if (refusal) refused.push(refusal);
        return refusal === undefined;
      });
      const names = new Set(good.map(({ facts }) => facts.name));
      const kept = this.#set.pairs.filter(({ facts }) => present.has(facts.name) && !names.has(facts.name));
      this.#set = new CertificateSet([...good, ...kept]);
      this.#mixed = new Set(this.#set.pairs.map(({ facts }) => facts.key)).size > 1;
      this.#contexts = new Map();
      this.#problems = [...problems, ...refused];
      this.#exposed = good.length > 0 && (await isOpenToOthers(folder));
      this.#signature = signature;
      this.onChange();
    } catch (cause) {
      this.#problems = [
        {
          code: 'CERTIFICATE_UNREADABLE',
          file: folder,
          message: `The folder of certificates cannot be read: ${(cause as Error).message}. What was read before goes on being served.`,
          fix: `Make ${folder} a folder of this user, mode 0700.`,
        },
      ];
    }
  }
}

const optionsFor = (pairs: readonly Pair[]): SecureContextOptions =>
  pairs.length === 0 ? {} : { cert: pairs.map(({ cert }) => cert), key: pairs.map(({ key }) => key) };

const contextFor = (pairs: readonly Pair[]): SecureContext => createSecureContext({ ...policy, ...optionsFor(pairs) });

/** What the TLS library itself has against a pair; its word on keys is not repeated. */
function tryOut(pair: Pair, folder: string): CertificateProblem | undefined {
  try {
    contextFor([pair]);
    return undefined;
  } catch (cause) {
    const { code = 'no reason given' } = cause as NodeJS.ErrnoException;
    return {
      code: 'CERTIFICATE_UNREADABLE',
      file: `${folder}/${pair.facts.name}.crt`,
      message: `The TLS library refuses the certificate ${pair.facts.name} (${code}).`,
      fix: 'Have it issued again with a current kind of key and signature.',
    };
  }
}
