/** Runs the work of one repository one after the other, whatever became of the one before. */
export type Turns = <Result>(app: string, work: () => Promise<Result>) => Promise<Result>;

export function openTurns(): Turns {
  const queues = new Map<string, Promise<unknown>>();
  return async (app, work) => {
    const before = queues.get(app);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return work();
    })();
    queues.set(app, turn);
    try {
      return await turn;
    } finally {
      if (queues.get(app) === turn) queues.delete(app);
    }
  };
}
