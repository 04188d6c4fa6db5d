import { apiUrl } from '@/lib/api';

const FIELDS = ['name', 'email', 'message', 'website'];

/** Passes the form on to the API. Answers JSON to the script, and a redirect to a browser without one. */
export async function POST(request: Request): Promise<Response> {
  const outcome = await deliver(request);
  if (request.headers.get('accept')?.includes('application/json')) {
    return Response.json(outcome.reasons ? { reasons: outcome.reasons } : {}, { status: outcome.status });
  }
  return new Response(null, { status: 303, headers: { location: outcome.reasons ? '/contact?problem' : '/contact?sent' } });
}

async function deliver(request: Request): Promise<{ status: number; reasons?: string[] }> {
  const form = await request.formData().catch(() => undefined);
  if (!form) return { status: 400, reasons: ['That is not the form.'] };
  const fields = Object.fromEntries(FIELDS.flatMap((name) => (typeof form.get(name) === 'string' ? [[name, form.get(name)]] : [])));
  try {
    const response = await fetch(apiUrl('/api/contact'), {
      method: 'POST',
      // The API counts messages per visitor, not per web server.
      headers: { 'content-type': 'application/json', 'x-forwarded-for': request.headers.get('x-forwarded-for') ?? '' },
      body: JSON.stringify(fields),
      signal: AbortSignal.timeout(5000),
    });
    if (response.ok) return { status: 200 };
    const { message } = (await response.json()) as { message?: string | string[] };
    if (response.status < 500 && message) return { status: response.status, reasons: [message].flat() };
    throw new Error(`the API answered ${response.status} to /api/contact`);
  } catch (error) {
    console.error('contact message not delivered:', error);
    return { status: 502, reasons: ['The message could not be delivered. Please try again in a moment.'] };
  }
}
