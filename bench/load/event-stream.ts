import { refusalOf, type StreamProtocol } from './stream.ts';

/** Server-sent events whose ids are numbers in sequence; resumes after `last`. */
export function eventStream(path: string, hostHeader: string, last: number, onNumber: (number: number) => void): StreamProtocol {
  let pending = '';
  const resume = last > 0 ? `last-event-id: ${last}\r\n` : '';
  return {
    request: Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${hostHeader}\r\naccept: text/event-stream\r\n${resume}\r\n`),
    refuse: (head) => {
      if (head.status !== 200) return refusalOf(head, '200');
      if (!(head.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
        return { drop: 'wrong-answer', detail: `content-type ${head.headers.get('content-type')}` };
      }
      return undefined;
    },
    data: (chunk) => {
      const events = (pending + chunk.toString('latin1')).split('\n\n');
      pending = events.pop() ?? '';
      for (const event of events) {
        const id = /^id: ?(.*)$/m.exec(event)?.[1];
        if (id !== undefined) onNumber(Number(id));
      }
      return undefined;
    },
    framingEnded: () =>
      pending === '' ? { kind: 'clean' } : { kind: 'drop', drop: 'stream-cut', detail: 'ended inside an event' },
    // Without chunks or a length an end cannot be told from a cut, so it counts as one.
    closed: () => ({ kind: 'drop', drop: 'stream-cut', detail: 'closed without an end of the stream' }),
  };
}
