// A browser for the tests: Chromium, told what to do over a pipe (the DevTools protocol).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Returns `{ skip: reason }`, or `{ open, stop }`; `open(url)` is a page of its own. */
export async function findBrowser() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const program = process.env.BROWSER_TEST ?? names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (program === undefined) return { skip: 'no browser here: set BROWSER_TEST to a Chromium, or install one (Debian: apt-get install chromium)' };
  const profile = mkdtempSync(join(tmpdir(), 'tasks-browser-'));
  const words = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${profile}`];
  const browser = spawn(program, [...words, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const exited = once(browser, 'exit');
  const send = connect(browser.stdio[3], browser.stdio[4], exited);
  return {
    open: (url) => openPage(send, url),
    stop: async () => {
      await Promise.race([send('Browser.close').catch(() => undefined), exited]);
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** Messages are JSON, each ended by a zero byte. */
function connect(input, output, exited) {
  const waiting = new Map();
  let last = 0;
  let rest = '';
  output.setEncoding('utf8');
  output.on('data', (chunk) => {
    const messages = (rest + chunk).split('\0');
    rest = messages.pop();
    for (const text of messages) {
      const { id, result, error } = JSON.parse(text);
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    }
  });
  input.on('error', () => undefined);
  output.on('error', () => undefined);
  exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the browser has ended'));
  });
  return (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      input.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
    });
}

async function openPage(send, url) {
  // Nothing is shared with other pages, cookies included.
  const { browserContextId } = await send('Target.createBrowserContext');
  const { targetId } = await send('Target.createTarget', { url: 'about:blank', browserContextId });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const run = async (expression) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const until = async (expression) => {
    for (const deadline = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      // While a page is left for the next there is nothing to ask.
      const value = await run(expression).catch(() => undefined);
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`never true: ${expression}\n${await run('document.body.innerText')}`);
    }
  };
  const press = async (key, text) => {
    const code = { Enter: 13, Escape: 27 }[key] ?? 0;
    await send('Input.dispatchKeyEvent', { type: 'keyDown', key, text, windowsVirtualKeyCode: code }, sessionId);
    await send('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode: code }, sessionId);
  };
  await send('Page.enable', {}, sessionId);
  await send('Page.navigate', { url }, sessionId);
  return {
    run,
    until,
    press,
    /** Types into the field with this label. */
    type: async (label, text) => {
      await until(`(() => {
        const label = [...document.querySelectorAll('label')].find((one) => one.textContent.trim() === ${JSON.stringify(label)});
        const field = label && document.getElementById(label.htmlFor);
        field?.focus();
        field?.select?.();
        return Boolean(field);
      })()`);
      await send('Input.insertText', { text }, sessionId);
    },
    /** Clicks on what is called so. */
    click: (name) =>
      until(`(() => {
        const found = [...document.querySelectorAll('a, button, summary')].find(
          (one) => (one.getAttribute('aria-label') ?? one.textContent).trim() === ${JSON.stringify(name)},
        );
        found?.click();
        return Boolean(found);
      })()`),
    reads: (text) => until(`document.body.innerText.includes(${JSON.stringify(text)})`),
    close: () => send('Target.disposeBrowserContext', { browserContextId }),
  };
}
