import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SignalboxError } from '../domain/errors.ts';
import type { SourceBody } from './contract.ts';
import { operations } from './operations.ts';
import { type ApiOptions, defaultLimits } from './options.ts';
import { type Answers, appOf, readQuery } from './requests.ts';

/** Takes a bundle of any allowed size in constant memory, through a file that is gone when the answer is. */
export function answerSource({ commands, incoming, limits }: ApiOptions) {
  const most = limits?.sourceBytes ?? defaultLimits.sourceBytes;
  return {
    source: async (call) => {
      const { ref } = readQuery(call, operations.source.query);
      const app = appOf(call);
      const announced = Number(call.req.header('content-length') ?? 0);
      if (announced > most) throw tooLarge(most);
      const file = join(incoming, `${randomUUID()}.bundle`);
      try {
        await receive(call.env.incoming, { file, most });
        const { sha, subject } = await commands.receiveSource({ app, file, ref });
        return call.json({ sha, subject } satisfies SourceBody);
      } finally {
        await rm(file, { force: true });
      }
    },
  } satisfies Partial<Answers>;
}

/** @throws TOO_LARGE, BAD_BUNDLE when the client went away in the middle, STORE_FULL. */
async function receive(request: IncomingMessage, into: { readonly file: string; readonly most: number }): Promise<void> {
  let size = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > into.most) done(tooLarge(into.most));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(request, bounded, createWriteStream(into.file, { flags: 'wx', mode: 0o600 }), { end: true });
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new SignalboxError('STORE_FULL', 'There is no room on disk to take the source.', { cause });
    if (request.errored !== null || !request.complete)
      throw new SignalboxError('BAD_BUNDLE', 'The source did not arrive completely.', { cause, hint: 'Send it again.' });
    throw cause;
  }
  if (size === 0) throw new SignalboxError('BAD_BUNDLE', 'The request carries no source.');
}

const tooLarge = (most: number): SignalboxError =>
  new SignalboxError('TOO_LARGE', `The source is larger than ${Math.floor(most / 1024 ** 2)} MiB.`);
