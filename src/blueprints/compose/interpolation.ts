import type { AccessorySpec } from '../../domain/accessories.ts';

/** Text that Compose leaves as it is: it would replace what follows a dollar sign. */
export const literal = (text: string): string => text.replaceAll('$', '$$$$');

/** The value of a variable of `.env` or of the terminal, or what is taken without it. */
export const orElse = (name: string, preset: string | number): string => `\${${name}:-${preset}}`;

/** `db` -> `DB_PASSWORD`. */
export const passwordName = ({ name }: Pick<AccessorySpec, 'name'>): string => `${upper(name)}_PASSWORD`;
export const portName = (name: string): string => `${upper(name)}_PORT`;

/** Password of accessories on this machine alone. Nothing but loopback reaches them. */
export const localPassword = 'local-only';

const upper = (name: string): string => name.toUpperCase().replaceAll('-', '_');
