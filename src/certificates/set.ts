import { covers } from './names.ts';
import type { Pair } from './pair.ts';

/** What a client may be shown when it names no host, or one that it connects to by address. */
export const defaultName = 'default';

/** The certificates that are served, by the names inside them. Never changed; replaced as a whole. */
export class CertificateSet {
  readonly pairs: readonly Pair[];
  readonly #exact = new Map<string, Pair[]>();
  /** By what follows the star, dot included. */
  readonly #wildcard = new Map<string, Pair[]>();

  constructor(pairs: readonly Pair[]) {
    this.pairs = pairs;
    for (const pair of pairs) {
      for (const name of pair.facts.names) {
        const [map, key] = name.startsWith('*.') ? [this.#wildcard, name.slice(1)] : [this.#exact, name];
        const list = map.get(key);
        if (list) list.push(pair);
        else map.set(key, [pair]);
      }
    }
  }

  /**
   * The pairs to show for a host: made out to the very name, else to one level by a wildcard, else the pair called `default`; of
   * each kind of key the best. Empty: there is none.
   */
  of(host: string, now: number): readonly Pair[] {
    const dot = host.indexOf('.');
    const found =
      this.#exact.get(host) ?? (dot > 0 ? this.#wildcard.get(host.slice(dot)) : undefined) ?? this.pairs.filter(isDefault);
    return found.length < 2 ? found : bestOfEachKind(found, now);
  }

  /** The pairs for a client that names no host: `default`, else those made out to addresses. */
  nameless(now: number): readonly Pair[] {
    const defaults = this.pairs.filter(isDefault);
    const found = defaults.length > 0 ? defaults : this.pairs.filter(({ facts }) => facts.addresses.length > 0);
    return bestOfEachKind(found, now);
  }

  /** Whether a client that connects to the host now will find what it needs to trust the connection (as far as dates and names go). */
  secures(host: string, now: number): boolean {
    return this.of(host, now).some(({ facts }) => isCurrent(facts, now) && facts.names.some((name) => covers(name, host)));
  }
}

const isDefault = ({ facts }: Pair): boolean => facts.name === defaultName;

export const isCurrent = ({ notBefore, notAfter }: Pair['facts'], now: number): boolean => notBefore <= now && now <= notAfter;

/** One pair per kind of key: a current one before one that is not, then the one that lasts longest. */
function bestOfEachKind(pairs: readonly Pair[], now: number): readonly Pair[] {
  const best = new Map<string, Pair>();
  for (const pair of pairs) {
    const { facts } = pair;
    const former = best.get(facts.key)?.facts;
    const better =
      !former ||
      (isCurrent(facts, now) === isCurrent(former, now)
        ? facts.notAfter > former.notAfter
        : isCurrent(facts, now) && !isCurrent(former, now));
    if (better) best.set(facts.key, pair);
  }
  // A stale one of the other kind must not be shown to clients that happen to prefer it.
  const all = [...best.values()];
  const current = all.filter(({ facts }) => isCurrent(facts, now));
  return current.length > 0 ? current : all;
}
