const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escape = (text) => String(text).replace(/[&<>"]/g, (character) => escapes[character])

/** The home page; it follows /events and shows when another version has taken over. */
export function page({ message, version }) {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Hello ${escape(version)}</title>
    <link rel="icon" href="data:,">
    <style>
      :root { color-scheme: light dark; font-family: system-ui, sans-serif }
      body { min-height: 100vh; margin: 0; display: grid; place-content: center; text-align: center }
      h1 { font-size: clamp(2rem, 8vw, 4.5rem); margin: 0 }
      p { margin: .75rem 0 0 }
    </style>
  </head>
  <body>
    <main>
      <h1>${escape(message)}</h1>
      <p>Version <strong>${escape(version)}</strong></p>
      <p role="status" id="live">Connecting to the event stream</p>
    </main>
    <script>
      const live = document.getElementById('live')
      const source = new EventSource('/events')
      source.onmessage = (event) => {
        const { sequence, version } = JSON.parse(event.data)
        live.textContent = 'Event ' + sequence + ' from ' + version
      }
      source.onerror = () => { live.textContent = 'Reconnecting' }
    </script>
  </body>
</html>
`
}
