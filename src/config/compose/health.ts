import { listOf, textOf, valuesOf } from './shapes.ts';

/** The address that a health check of Compose asks over HTTP on the container itself; undefined: it is of another kind. */
export function httpHealth(value: unknown): { readonly path: string; readonly port: number | undefined } | undefined {
  const { test, disable } = valuesOf(value);
  if (disable === true) return undefined;
  const text = listOf(test)
    .map((one) => textOf(one) ?? '')
    .join(' ');
  const found = /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d{1,5}))?(\/[^\s'"`)|&;#]*)?/.exec(text);
  if (found === null) return undefined;
  const [, port, path = '/'] = found;
  return { path: path.replace(/\\+$/, ''), port: port === undefined ? undefined : Number(port) };
}
