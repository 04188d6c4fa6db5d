import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';

export interface Remote<Value> {
  /** Undefined until the first answer. The last one is kept while the next is on its way. */
  readonly value: Value | undefined;
  readonly error: ApiError | undefined;
  readonly reload: () => void;
  readonly set: (value: Value) => void;
}

/** What `load` brings, again whenever `key` changes; an answer that comes after a newer question is dropped. */
export function useRemote<Value>(key: string, load: () => Promise<Value>): Remote<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; error?: ApiError }>({ key });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    let current = true;
    latest.current().then(
      (value) => current && setState({ key, value }),
      (error: unknown) => current && setState((before) => ({ ...before, key, error: asApiError(error) })),
    );
    return () => {
      current = false;
    };
  }, [key, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  const set = useCallback((value: Value) => setState({ key, value }), [key]);
  return { value: state.value, error: state.error, reload, set };
}

/** A change that is sent: `run` sends it, `busy` while it is on its way, `error` what the last one came to. */
export function useAction<Input extends unknown[]>(act: (...input: Input) => Promise<void>) {
  const [state, setState] = useState<{ busy: boolean; error?: ApiError }>({ busy: false });
  const run = async (...input: Input): Promise<boolean> => {
    setState({ busy: true });
    try {
      await act(...input);
      setState({ busy: false });
      return true;
    } catch (error) {
      setState({ busy: false, error: asApiError(error) });
      return false;
    }
  };
  return { ...state, run };
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  console.error(error);
  return new ApiError(0, 'Something went wrong in this page. Load it again.');
}
