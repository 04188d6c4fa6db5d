import type { AppName, EnvironmentName } from '../domain/values.ts';

/** One secret per accessory and environment, made when it is first asked for and the same from then on. In no store, event or log. */
export interface Passwords {
  of(owner: PasswordOwner): Promise<string>;
  forget(owner: PasswordOwner): Promise<void>;
}

export interface PasswordOwner {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly accessory: string;
}
