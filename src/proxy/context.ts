import type { Counters } from './counts.ts';
import type { Rates } from './edge/rules.ts';
import type { Holds } from './hold.ts';
import type { Pools } from './pools.ts';
import type { HandshakeCounts, ProxyLimits } from './protocol.ts';
import type { Router } from './routing.ts';
import type { ChallengeAnswers } from './tls/challenges.ts';
import type { Certificates } from './tls/certificates.ts';
import type { TrustedPeers } from './trust.ts';
import type { Uploads } from './upload.ts';

/** What everything in a worker shares; made once by the server. */
export interface ProxyContext {
  readonly limits: ProxyLimits;
  readonly router: Router;
  readonly pools: Pools;
  readonly counters: Counters;
  readonly rates: Rates;
  readonly holds: Holds;
  readonly uploads: Uploads;
  readonly trusted: TrustedPeers;
  readonly certificates: Certificates;
  /** Of the listener for HTTPS; undefined without one. */
  handshakes: HandshakeCounts | undefined;
  /** Port that clients reach HTTPS by. */
  readonly httpsPort: number;
  /** Nobody yet: where the proof towards a certificate authority plugs in. */
  readonly challenges?: ChallengeAnswers;
  /** A worker on its way out asks clients to come back over a new connection. */
  finishing: boolean;
}
