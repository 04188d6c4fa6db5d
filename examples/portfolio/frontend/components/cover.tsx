const palettes = [
  ['#12355b', '#e8c547', '#f4f1e8'],
  ['#3d2645', '#f08a5d', '#f6e7d8'],
  ['#1f4d3a', '#a7d3a6', '#f5f3e7'],
  ['#5b1d2e', '#e7b7a0', '#f7ece4'],
] as const;

/** A picture for a project, made of its slug: the same one every time. */
export function Cover({ slug }: { slug: string }) {
  const bits = fingerprint(slug);
  const [ground, shape, light] = palettes[(bits >>> 9) % palettes.length] ?? palettes[0];
  const tiles = Array.from({ length: 6 * 3 }, (_, index) => ({
    x: (index % 6) * 40,
    y: Math.floor(index / 6) * 40,
    kind: fingerprint(`${slug}${index}`) % 5,
  }));
  return (
    <svg className="cover" viewBox="0 0 240 120" aria-hidden="true" preserveAspectRatio="xMidYMid slice">
      <rect width="240" height="120" fill={ground} />
      {tiles.map(({ x, y, kind }) => (
        <g key={`${x},${y}`} transform={`translate(${x} ${y})`}>
          {kind === 0 && <path d="M0 0h40a40 40 0 0 1-40 40z" fill={shape} />}
          {kind === 1 && <path d="M40 40H0A40 40 0 0 1 40 0z" fill={light} opacity="0.9" />}
          {kind === 2 && <circle cx="20" cy="20" r="12" fill={shape} />}
          {kind === 3 && <path d="M0 40L40 0v40z" fill={light} opacity="0.18" />}
        </g>
      ))}
    </svg>
  );
}

function fingerprint(text: string): number {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  return (hash ^ (hash >>> 15)) >>> 0;
}
