/** What can be told of a certificate without giving anything away. */
export interface CertificateFacts {
  /** Its files' name without the ending. */
  readonly name: string;
  /** Host names as the certificate spells them, lower-case; `*.example.com` is one level. */
  readonly names: readonly string[];
  /** IP addresses it is made out to. */
  readonly addresses: readonly string[];
  readonly key: KeyKind;
  /** Common name or organisation of who signed it. */
  readonly issuer: string;
  /** Signed by itself: no client trusts it unasked. */
  readonly selfSigned: boolean;
  /** Wall clock, ms. */
  readonly notBefore: number;
  /** Wall clock, ms. */
  readonly notAfter: number;
  /** SHA-256, hexadecimal with colons. */
  readonly fingerprint: string;
}

export type KeyKind = 'ecdsa' | 'rsa' | 'ed25519';

/** Something in the folder that is not served as it is, and what to do about it. */
export interface CertificateProblem {
  readonly code: CertificateProblemCode;
  readonly file: string;
  readonly message: string;
  readonly fix: string;
}

export type CertificateProblemCode =
  | 'CERTIFICATE_UNREADABLE'
  | 'CERTIFICATE_NAMELESS'
  | 'KEY_ENCRYPTED'
  | 'KEY_EXPOSED'
  | 'KEY_MISMATCH'
  | 'KEY_MISSING'
  | 'KEY_UNREADABLE'
  | 'KEY_WEAK';

/** A pair of files that cannot be served. */
export class BadPair extends Error {
  readonly problem: CertificateProblem;
  constructor(problem: CertificateProblem, options?: ErrorOptions) {
    super(problem.message, options);
    this.name = 'BadPair';
    this.problem = problem;
  }
}

/** Begins the common name of every authority that was made here; how its certificates are told from public ones. */
export const localIssuer = 'Signalbox local CA';
