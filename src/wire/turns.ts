/** Makes the calls of one key one after the other, whatever became of the one before. */
export function turns(): (key: string, call: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return (key, call) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(call, call);
    const quiet = mine.catch(() => {});
    last.set(key, quiet);
    void quiet.then(() => {
      if (last.get(key) === quiet) last.delete(key);
    });
    return mine;
  };
}
