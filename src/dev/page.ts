/** Why a service does not answer. */
export interface Trouble {
  readonly service: string;
  /** One sentence. */
  readonly what: string;
  /** Last lines of its output. */
  readonly lines: readonly string[];
}

/** Marks the answers that are not the app's. */
export const troubleHeader = 'x-signalbox-dev';

/** A page that says what happened and goes away by itself when the service is back. Only ever shown at the desk. */
export function troublePage({ service, what, lines }: Trouble): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(service)} does not run</title><style>
:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;margin:0 auto;max-width:64rem;padding:2rem}h1{font-size:1.4rem}
pre{font:13px/1.5 ui-monospace,monospace;background:color-mix(in srgb,CanvasText 8%,Canvas);padding:1rem;overflow:auto;white-space:pre-wrap;border-radius:.5rem}p.wait{opacity:.7;font-size:.9rem}
</style></head><body><h1>${escaped(service)} does not run</h1><p>${escaped(what)}</p>${
    lines.length === 0 ? '' : `<pre>${escaped(lines.join('\n'))}</pre>`
  }<p class="wait">This page reloads as soon as it is mended.</p><script>
(async function look(){for(;;){await new Promise(r=>setTimeout(r,700));try{const a=await fetch(location.href,{cache:'no-store',headers:{accept:'text/html'}});
if(!a.headers.get('${troubleHeader}')){location.reload();return}const t=await a.text();const d=new DOMParser().parseFromString(t,'text/html');
if(d.body.querySelector('pre')?.textContent!==document.querySelector('pre')?.textContent){location.reload();return}}catch{}}})()
</script></body></html>`;
}

export const troubleProblem = ({ service, what, lines }: Trouble): string =>
  JSON.stringify({
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    code: 'DEV_SERVICE_DOWN',
    service,
    detail: what,
    lines,
  });

/** What plain `localhost` shows where several hosts share it. */
export function indexPage(app: string, urls: readonly string[]): string {
  const items = urls.map((url) => `<li><a href="${escaped(url)}">${escaped(url)}</a></li>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(app)}</title><style>:root{color-scheme:light dark}body{font:16px/1.8 system-ui,sans-serif;margin:0 auto;max-width:40rem;padding:2rem}</style></head><body><h1>${escaped(app)}</h1><ul>${items}</ul></body></html>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
