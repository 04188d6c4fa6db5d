/** One control plane's life. Its calls are counted; when it is killed, nothing it still waits for ever comes back. */
export class Life {
  dead = false;
  calls = 0;
  /** Called before and after each call; throws to make the call fail, calls `kill` to end this life there. */
  interfere: (call: PortCall) => void = () => undefined;

  kill(): void {
    this.dead = true;
  }
}

export interface PortCall {
  readonly name: string;
  readonly number: number;
  /** The same before and after. */
  readonly key: object;
  readonly when: 'before' | 'after';
}

const never = (): Promise<never> => new Promise(() => undefined);

/** The port as a mortal sees it: every asynchronous call is a moment to die or to fail, before or after its effect. */
export function mortal<Port extends object>(name: string, port: Port, life: Life, passive: readonly string[] = []): Port {
  return new Proxy(port, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      if (passive.includes(key)) {
        return (...args: unknown[]): unknown =>
          member.apply(
            target,
            args.map((a) => whileAlive(a, life)),
          );
      }
      return async (...args: unknown[]): Promise<unknown> => {
        if (life.dead) return never();
        life.calls += 1;
        const call = { name: `${name}.${key}`, number: life.calls, key: {} };
        life.interfere({ ...call, when: 'before' });
        if (life.dead) return never();
        try {
          const answer: unknown = await member.apply(target, args);
          if (!life.dead) life.interfere({ ...call, when: 'after' });
          return life.dead ? await never() : answer;
        } catch (error) {
          if (life.dead) return never();
          throw error;
        }
      };
    },
  });
}

const whileAlive = (argument: unknown, life: Life): unknown =>
  typeof argument === 'function'
    ? (...args: unknown[]): unknown => (life.dead ? undefined : (argument as (...a: unknown[]) => unknown)(...args))
    : argument;
