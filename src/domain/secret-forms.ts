/**
 * The texts under which a secret value may turn up: as it is, line by line, and as the usual encodings write it. Base64 stands for
 * itself wherever the value begins in what was encoded, except for the one character at each edge that it shares with its neighbours.
 */

/** Shorter texts are everywhere: masking them would hide ordinary output and protect nothing. */
export const shortestMasked = 4;
/** Of a value with several lines: shorter lines (`}`, `-----`) say nothing. */
export const shortestLine = 8;
/** Longer texts are looked for in pieces, so that a cut-off one is masked as far as it goes and little has to be held back. */
const longestPiece = 256;
/** Line lengths of programs that break base64 (MIME, PEM). */
const base64Lines = [64, 76];

/** @param value text, or bytes that may be text; what is no UTF-8 is looked for in its encodings alone. */
export function formsOf(value: string | Uint8Array): ReadonlySet<string> {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  const text = typeof value === 'string' ? value : textOf(value);
  const forms = new Set<string>();
  if (bytes.length === 0 || (text ?? 'long').length < shortestMasked) return forms;
  const add = (form: string): void => {
    for (const piece of piecesOf(form)) if (piece.length >= shortestMasked) forms.add(piece);
  };
  for (const unit of unitsOf(text)) for (const form of new Set([unit, ...escapes(unit), ...urlForms(unit)])) add(form);
  if (text === null) for (const form of percented(bytes)) add(form);
  for (const form of [...base64Forms(bytes), hex(bytes), hex(bytes).toUpperCase()]) add(form);
  return forms;
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The whole of it, and of several lines each that says something, with and without the blanks around it. */
function unitsOf(text: string | null): ReadonlySet<string> {
  if (text === null) return new Set();
  const units = new Set([text]);
  if (text.trim().length >= shortestMasked) units.add(text.trim());
  const lines = text.split(/\r?\n/);
  if (lines.length > 1)
    for (const line of lines) for (const one of [line, line.trim()]) if (one.length >= shortestLine) units.add(one);
  return units;
}

/** Pieces of equal length that put together give the text; never between the halves of a surrogate pair. */
function piecesOf(text: string): readonly string[] {
  if (text.length <= longestPiece) return [text];
  const size = Math.ceil(text.length / Math.ceil(text.length / (longestPiece / 2)));
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + size, text.length);
    if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? '')) end += 1;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

/** As JSON writes it, with and without what it may escape and need not, and as HTML does. */
function escapes(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = (upper: boolean): string =>
    json.replaceAll(/[\u007f-\uffff]/g, (c) => {
      const code = c.charCodeAt(0).toString(16).padStart(4, '0');
      return `\\u${upper ? code.toUpperCase() : code}`;
    });
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
  return [
    ...[json, ascii(false), ascii(true)].flatMap((form) => [form, form.replaceAll('/', '\\/')]),
    html,
    html.replaceAll("'", '&#39;'),
    html.replaceAll("'", '&#x27;'),
  ];
}

const codes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hex = (bytes: Uint8Array): string => written(bytes, codes);

const written = (bytes: Uint8Array, table: readonly string[]): string => {
  let out = '';
  for (const byte of bytes) out += table[byte] ?? '';
  return out;
};

/**
 * How encoders of URLs write each byte, by what they leave as it is: encodeURI, encodeURIComponent, RFC 3986, paths, forms, nothing at all.
 */
const urlTables: readonly (readonly string[])[] = ["-_.!~*'();,/?:@&=+$#", "-_.!~*'()", '-_.~', '-_.~/', '-_.*', null].flatMap(
  (signs) =>
    [true, false].map((upper) =>
      codes.map((code, byte) => {
        const character = String.fromCharCode(byte);
        const plain = signs !== null && byte < 128 && (/[A-Za-z0-9]/.test(character) || signs.includes(character));
        return plain ? character : `%${upper ? code.toUpperCase() : code}`;
      }),
    ),
);

const percented = (bytes: Uint8Array): readonly string[] => urlTables.slice(-2).map((table) => written(bytes, table));

function urlForms(text: string): ReadonlySet<string> {
  const bytes = new TextEncoder().encode(text);
  const forms = urlTables.map((table) => written(bytes, table));
  return new Set([...forms, ...forms.map((form) => form.replaceAll('%20', '+'))]);
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function base64Forms(bytes: Uint8Array): readonly string[] {
  const forms = new Set<string>();
  for (const before of [0, 1, 2]) {
    const whole = base64(bytes, before);
    const start = Math.ceil((before * 8) / 6);
    const inside = whole.slice(start, Math.floor(((before + bytes.length) * 8) / 6));
    const atEnd = whole.slice(start);
    const padded = atEnd + '='.repeat((4 - (whole.length % 4)) % 4);
    for (const form of [inside, atEnd, padded]) forms.add(form);
    if (before > 0) continue;
    for (const width of base64Lines)
      for (let at = 0; whole.length > width && at < whole.length; at += width) {
        const line = padded.slice(at, at + width);
        if (line.length >= shortestLine) forms.add(line);
      }
  }
  return [...forms].flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}

/** Without padding. @param before zero bytes in front. */
function base64(bytes: Uint8Array, before: number): string {
  const all = new Uint8Array(before + bytes.length);
  all.set(bytes, before);
  let out = '';
  for (let at = 0; at < all.length; at += 3) {
    const [a = 0, b = 0, c = 0] = all.subarray(at, at + 3);
    const bits = (a << 16) | (b << 8) | c;
    const length = Math.min(4, Math.ceil(((all.length - at) * 8) / 6));
    for (let index = 0; index < length; index += 1) out += alphabet[(bits >> (18 - 6 * index)) & 63] ?? '';
  }
  return out;
}
