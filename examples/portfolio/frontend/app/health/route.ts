export const dynamic = 'force-dynamic';

/** This server alone; /api/health speaks for the API and its database. */
export function GET(): Response {
  return Response.json({ status: 'ok' }, { headers: { 'cache-control': 'no-store' } });
}
