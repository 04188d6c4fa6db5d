import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'

const PAGE = /^\/(?:[a-z0-9-]+\/)*(?:[a-z0-9-]+(?:\.html)?)?$/

/**
 * The HTTP interface of the counter.
 *
 * @param {object} options
 * @param {ReturnType<import('./store.js').openStore>} options.store
 * @param {boolean} options.trustProxy take the visitor's address from the last X-Forwarded-For entry; only behind a
 *   proxy that sets it
 * @param {() => number} [options.now] milliseconds since 1970
 */
export function createApp({ store, trustProxy, now = Date.now }) {
  const app = new Hono().basePath('/api')

  app.get('/healthz', (context) => {
    try {
      store.check()
      return context.json({ status: 'ok', database: 'up' })
    } catch (error) {
      console.error(error)
      return context.json({ status: 'failing', database: 'down' }, 503)
    }
  })

  app.post('/visits', bodyLimit({ maxSize: 1024 }), async (context) => {
    const body = await context.req.json().catch(() => undefined)
    const page = pageOf(body?.page)
    if (!page) return context.json({ error: 'page must be a path of this site' }, 400)
    const counts = store.visit(now(), page, visitorOf(context, trustProxy))
    return counts ? context.json(counts) : context.json({ error: 'too many different pages today' }, 429)
  })

  app.get('/visits', (context) => {
    const page = pageOf(context.req.query('page'))
    return page ? context.json(store.today(now(), page)) : context.json({ error: 'page must be a path of this site' }, 400)
  })

  app.get('/stats', (context) => context.json(store.stats()))

  app.notFound((context) => context.json({ error: 'not found' }, 404))
  app.onError((error, context) => {
    if (error instanceof HTTPException) return context.json({ error: error.message }, error.status)
    console.error(error)
    return context.json({ error: 'internal error' }, 500)
  })
  return app
}

/** `/` and `/index.html` are one page. */
function pageOf(value) {
  if (typeof value !== 'string' || value.length > 80 || !PAGE.test(value)) return undefined
  return value.replace(/(^|\/)index\.html$/, '$1')
}

function visitorOf(context, trustProxy) {
  if (context.req.header('dnt') === '1' || context.req.header('sec-gpc') === '1') return undefined
  const forwarded = trustProxy ? context.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  return { address: forwarded || getConnInfo(context).remote.address, browser: context.req.header('user-agent') ?? '' }
}
