/** The head of a CGI program's answer. */
export interface CgiHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What came after the head. */
  readonly rest: Buffer;
}

const longestHead = 16_384;
/** Everything else that git says about the answer is ours to say. */
const passedOn: ReadonlySet<string> = new Set(['content-type', 'expires', 'pragma', 'cache-control']);

/** Takes bytes until the head is whole. */
export class CgiReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** Null: more is needed. @throws Error for what is no CGI answer. */
  take(chunk: Buffer): CgiHead | null {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end === -1) {
      if (this.#bytes.length > longestHead) throw new Error('git has sent no head of an answer.');
      return null;
    }
    let status = 200;
    const headers: Record<string, string> = {};
    for (const line of this.#bytes.toString('latin1', 0, end).split('\r\n')) {
      const [, name = '', value = ''] = /^([A-Za-z-]+): *([\t\x20-\x7e]*)$/.exec(line) ?? [];
      if (name.toLowerCase() === 'status') status = Number(/^\d{3}/.exec(value)?.[0] ?? 500);
      else if (passedOn.has(name.toLowerCase())) headers[name.toLowerCase()] = value;
    }
    return { status, headers, rest: this.#bytes.subarray(end + 4) };
  }
}
