/** A start tag in a page. */
export interface Tag {
  /** In lower case. */
  readonly name: string;
  /** Offset of its `<`. */
  readonly from: number;
  /** Offset behind its `>`. */
  readonly to: number;
}

const nameAt = /[a-z][^\s/>]*/iy;
/** What follows such a tag is no markup until its end tag. */
const rawText = new Set(['script', 'style']);

/**
 * Start tags of a page, in order; none from comments and from the text of scripts and styles. Each byte is looked at a fixed number
 * of times, however broken the page is: a worker carries everybody's traffic meanwhile.
 */
export function* startTags(html: string): Iterable<Tag> {
  for (let at = html.indexOf('<'); at !== -1; at = html.indexOf('<', at)) {
    if (html.startsWith('<!--', at)) {
      at = behind(html, '-->', at + 4);
      continue;
    }
    nameAt.lastIndex = at + 1;
    const name = nameAt.exec(html)?.[0].toLowerCase();
    if (name === undefined) {
      at += 1;
      continue;
    }
    const to = endOfTag(html, at + 1 + name.length);
    // Not closed before the page ends: browsers show nothing of it either.
    if (to === -1) return;
    yield { name, from: at, to };
    at = rawText.has(name) ? endOfRawText(html, name, to) : to;
  }
}

function behind(html: string, mark: string, from: number): number {
  const at = html.indexOf(mark, from);
  return at === -1 ? html.length : at + mark.length;
}

function endOfRawText(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}`, 'gi');
  end.lastIndex = from;
  return end.exec(html)?.index ?? html.length;
}

/** Offset behind the first `>` that stands in no quotes; -1 when there is none. */
function endOfTag(html: string, from: number): number {
  for (let at = from; at < html.length; at += 1) {
    const character = html[at];
    if (character === '>') return at + 1;
    if (character !== '"' && character !== "'") continue;
    at = html.indexOf(character, at + 1);
    if (at === -1) return -1;
  }
  return -1;
}
