export interface PythonDevelopment {
  readonly run: string;
  readonly says: string;
  readonly because: string;
  readonly reloads: boolean;
}

const inVenv = 'export PATH="$PWD/.venv/bin:$PATH";';

/**
 * The development server behind a production command of Python; undefined when it names no framework that is known.
 * uvicorn is started without `--reload` and restarted by us: its reloader keeps the port open while the app cannot be loaded, and
 * every request would hang instead of meeting the reason.
 */
export function developmentPython(run: string): PythonDevelopment | undefined {
  if (/\bmanage\.py\s+runserver\b/.test(run) || /gunicorn\b.*\bwsgi(?:\.py)?(?::|\b)/.test(run))
    return /\bmanage\.py\b/.test(run)
      ? {
          run: `${inVenv} exec python3 manage.py runserver "$HOST:$PORT"`,
          says: 'python3 manage.py runserver',
          because: "Django's development server",
          reloads: true,
        }
      : gunicorn(run);
  const flask = /\bflask\s+--app\s+(?:'([^']+)'|"([^"]+)"|(\S+))/.exec(run);
  const target = flask?.[1] ?? flask?.[2] ?? flask?.[3];
  if (target !== undefined)
    return {
      run: `${inVenv} exec python3 -m flask --app '${target}' run --debug --host "$HOST" --port "$PORT"`,
      says: `flask --app ${target} run --debug`,
      because: "Flask's development server",
      reloads: true,
    };
  const asgi = /\buvicorn\s+((?:-\S+\s+)*)([\w.]+:[\w.]+)/.exec(run);
  if (asgi?.[2] !== undefined)
    return {
      run: `${inVenv} exec python3 -m uvicorn ${asgi[2]} --host "$HOST" --port "$PORT"${/--factory\b/.test(run) ? ' --factory' : ''}`,
      says: `uvicorn ${asgi[2]}`,
      because: 'restarted when a file changes',
      reloads: false,
    };
  return gunicorn(run);
}

function gunicorn(run: string): PythonDevelopment | undefined {
  const words = /(?:^|exec\s+|\s)gunicorn\s+([^&|;<>]+)$/.exec(run)?.[1]?.trim();
  if (words === undefined) return undefined;
  return {
    run: `${inVenv} exec gunicorn ${words}`,
    says: `gunicorn ${words}`,
    because: 'restarted when a file changes',
    reloads: false,
  };
}
