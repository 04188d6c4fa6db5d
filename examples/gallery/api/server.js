import { serve } from '@hono/node-server'
import { createApp } from './app.js'
import { openStore } from './store.js'

const store = openStore(process.env.DATA_DIR ?? 'data')
const app = createApp({ store, trustProxy: process.env.TRUST_PROXY === '1' })

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3001), hostname: process.env.HOST ?? '127.0.0.1' }, (address) => {
  console.log(`gallery api listening on http://${address.address}:${address.port}`)
})
