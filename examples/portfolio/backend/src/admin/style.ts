export const panelStyle = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --accent: #2952cc; font: 16px/1.5 system-ui, sans-serif }
@media (prefers-color-scheme: dark) { :root { --accent: #8fa8ff } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem }
.narrow { max-width: 30rem; margin: 4rem auto }
header, .row { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem } h3 { font-size: 1rem; margin: 0 }
a { color: var(--accent) }
section { margin-top: 2rem }
table { width: 100%; border-collapse: collapse }
th, td { padding: .5rem .5rem .5rem 0; text-align: left; border-bottom: 1px solid var(--line) }
td form { text-align: right }
article { padding: 1rem; margin-top: 1rem; border: 1px solid var(--line); border-radius: 8px }
label { display: block; margin-top: 1rem }
input, textarea { display: block; width: 100%; padding: .5rem; margin-top: .25rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px }
button, .button { display: inline-block; padding: .5rem 1rem; font: inherit; color: #fff; background: #2952cc; border: 0; border-radius: 6px; text-decoration: none; cursor: pointer }
form > button:not(.quiet) { margin-top: 1.25rem }
.quiet { color: inherit; background: transparent; border: 1px solid var(--line) }
.body { white-space: pre-wrap; overflow-wrap: anywhere }
.soft, time { color: color-mix(in srgb, currentColor 70%, transparent) }
.problem { padding: .75rem 1rem; border-left: 4px solid #c0392b; background: color-mix(in srgb, #c0392b 12%, transparent); list-style-position: inside }
.hidden { position: absolute; clip-path: inset(50%) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
`;
