import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/**
 * What is spoken: TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3. Clients older than some ten years are left
 * out. The order is ours; ChaCha20 comes last, as ordinary servers have AES in hardware.
 */
export const policy: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  ecdhCurve: 'X25519:P-256:P-384',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
};

/** Protocols above TLS, the preferred one first. */
export const applicationProtocols = ['h2', 'http/1.1'];

export const ticketKeyBytes = 48;
/** How long the key of session tickets is used. Tickets of an older key, or of another worker, mean a full handshake. */
export const ticketKeyMs = 12 * 3_600_000;

const alert = (description: number): Buffer => Buffer.from([21, 3, 3, 0, 2, 2, description]);

/** What a client is told whose host no certificate is made out to. A whole record: no handshake has begun. */
export const unrecognizedName = alert(112);
