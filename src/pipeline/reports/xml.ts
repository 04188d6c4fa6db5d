import { unreadable } from './text.ts';

/** What a document says, in its order. `line` is 1-based. Prefixes of names are left out. */
export type XmlEvent =
  | { readonly type: 'open'; readonly name: string; readonly attributes: Readonly<Record<string, string>>; readonly line: number }
  | { readonly type: 'close'; readonly name: string; readonly line: number }
  | { readonly type: 'text'; readonly text: string };

const maxDepth = 256;
const maxAttributes = 256;
const nameAt = /[A-Za-z_:\u0080-\uFFFF][\w:.\-\u0080-\uFFFF]*/y;
const blank = /[ \t\r\n]*/y;
const predefined: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * Reads XML without types of documents: a DOCTYPE that only names one is passed over and never fetched, one that declares anything
 * is refused, and the five predefined entities are all there are. So nothing grows beyond the bytes that were sent.
 * @throws REPORT_UNREADABLE with the line
 */
export function* readXml(form: string, text: string): Generator<XmlEvent> {
  const open: string[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  /** The line that was counted last and where the next one begins; a document may be one line of megabytes. */
  let seen = { line: 1, from: 0, next: nextLine(text, 0) };
  let roots = 0;

  const lineAt = (place: number): number => {
    if (place < seen.from) seen = { line: 1, from: 0, next: nextLine(text, 0) };
    while (seen.next <= place) seen = { line: seen.line + 1, from: seen.next, next: nextLine(text, seen.next) };
    return seen.line;
  };
  const refuse = (why: string, place = at): Error => unreadable(form, lineAt(place), why);
  const past = (end: string, from: number, what: string): number => {
    const found = text.indexOf(end, from);
    if (found === -1) throw refuse(`${what} does not end`);
    return found + end.length;
  };
  const skipBlank = (): void => {
    blank.lastIndex = at;
    blank.test(text);
    at = blank.lastIndex;
  };
  const readName = (what: string): string => {
    nameAt.lastIndex = at;
    const name = nameAt.exec(text)?.[0];
    if (name === undefined) throw refuse(`${what} has no name`);
    at += name.length;
    return name;
  };
  const decode = (raw: string, place: number): string =>
    raw.includes('&')
      ? raw.replace(/&([^;&\s]{0,32})(;?)/g, (_all, name: string, end: string) => {
          const value = end === ';' ? entity(name) : undefined;
          if (value === undefined) throw refuse(`&${name}${end} is no entity that is known here`, place);
          return value;
        })
      : raw;
  const readAttributes = (): Record<string, string> => {
    const attributes: Record<string, string> = Object.create(null) as Record<string, string>;
    for (let count = 0; ; count += 1) {
      const before = at;
      skipBlank();
      const next = text[at];
      if (next === '>' || next === '/' || next === undefined) return attributes;
      if (before === at) throw refuse('attributes stand without a space between them');
      if (count === maxAttributes) throw refuse(`an element has more than ${maxAttributes} attributes`);
      const name = readName('an attribute');
      skipBlank();
      if (text[at] !== '=') throw refuse(`the attribute ${name} has no value`);
      at += 1;
      skipBlank();
      const quote = text[at] ?? '';
      if (quote !== '"' && quote !== "'") throw refuse(`the value of ${name} stands without quotes`);
      const end = text.indexOf(quote, at + 1);
      if (end === -1) throw refuse(`the value of ${name} does not end`);
      if (name in attributes) throw refuse(`the attribute ${name} stands there twice`);
      const raw = text.slice(at + 1, end);
      if (raw.includes('<')) throw refuse(`the value of ${name} has a "<" in it`);
      attributes[name] = decode(raw, at);
      at = end + 1;
    }
  };
  const close = (name: string): XmlEvent => {
    const expected = open.pop();
    if (expected !== name)
      throw refuse(expected === undefined ? `</${name}> closes nothing` : `</${name}> stands where </${expected}> is due`);
    return { type: 'close', name: local(name), line: lineAt(at) };
  };

  while (at < text.length) {
    const mark = text.indexOf('<', at);
    const stop = mark === -1 ? text.length : mark;
    if (stop > at) {
      const raw = text.slice(at, stop);
      if (open.length > 0) yield { type: 'text', text: decode(raw, at) };
      else if (/[^ \t\r\n]/.test(raw)) throw refuse('text stands outside the root element');
      at = stop;
    }
    if (mark === -1) break;
    if (text.startsWith('<!--', at)) at = past('-->', at + 4, 'a comment');
    else if (text.startsWith('<?', at)) at = past('?>', at + 2, 'a processing instruction');
    else if (text.startsWith('<![CDATA[', at)) {
      if (open.length === 0) throw refuse('text stands outside the root element');
      const end = past(']]>', at + 9, 'a CDATA section');
      yield { type: 'text', text: text.slice(at + 9, end - 3) };
      at = end;
    } else if (text.startsWith('<!DOCTYPE', at)) {
      if (roots > 0) throw refuse('a DOCTYPE stands after the root element');
      const end = past('>', at, 'the DOCTYPE');
      if (text.slice(at, end).includes('[')) throw refuse('its DOCTYPE declares entities or elements, which is refused');
      at = end;
    } else if (text.startsWith('</', at)) {
      at += 2;
      const name = readName('a closing tag');
      skipBlank();
      if (text[at] !== '>') throw refuse(`</${name} does not end`);
      yield close(name);
      at += 1;
    } else {
      const start = at;
      at += 1;
      const name = readName('an element');
      if (open.length === 0 && roots === 1) throw refuse('there is a second root element', start);
      if (open.length === maxDepth) throw refuse(`elements are nested more than ${maxDepth} deep`, start);
      if (open.length === 0) roots += 1;
      open.push(name);
      const attributes = readAttributes();
      const empty = text[at] === '/';
      if (empty) at += 1;
      if (text[at] !== '>') throw refuse(`<${name} does not end`, start);
      yield { type: 'open', name: local(name), attributes, line: lineAt(start) };
      if (empty) yield close(name);
      at += 1;
    }
  }
  if (open.length > 0) throw refuse(`it ends before </${open.at(-1)}>; it may have been cut off`);
  if (roots === 0) throw refuse('it has no element');
}

function nextLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? Number.POSITIVE_INFINITY : end + 1;
}

const local = (name: string): string => name.slice(name.indexOf(':') + 1);

function entity(name: string): string | undefined {
  const code = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
  if (code === null) return Object.hasOwn(predefined, name) ? predefined[name] : undefined;
  const point = code[1] === undefined ? Number(code[2]) : Number.parseInt(code[1], 16);
  return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? String.fromCodePoint(point) : undefined;
}
