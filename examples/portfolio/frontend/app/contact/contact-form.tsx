'use client';

import { type FormEvent, useState } from 'react';

type State = { kind: 'empty' | 'sending' | 'sent' } | { kind: 'refused'; reasons: string[] };

const checkFields = ['Please check the fields: a name, an email address, and at least ten characters of message.'];

/** Works as a plain form too: without script the browser posts it and comes back with `sent` or `problem`. */
export function ContactForm({ sent, problem }: { sent: boolean; problem: boolean }) {
  const [state, setState] = useState<State>(sent ? { kind: 'sent' } : problem ? { kind: 'refused', reasons: checkFields } : { kind: 'empty' });

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const body = new FormData(event.currentTarget);
    setState({ kind: 'sending' });
    try {
      const response = await fetch('/contact/send', { method: 'POST', headers: { accept: 'application/json' }, body });
      const { reasons } = (await response.json()) as { reasons?: string[] };
      setState(response.ok ? { kind: 'sent' } : { kind: 'refused', reasons: reasons ?? checkFields });
    } catch {
      setState({ kind: 'refused', reasons: ['The message could not be sent. Please try again in a moment.'] });
    }
  }

  if (state.kind === 'sent') {
    return (
      <p className="notice" role="status">
        Thank you, your message has arrived.
      </p>
    );
  }
  return (
    <form method="post" action="/contact/send" onSubmit={submit}>
      {state.kind === 'refused' && (
        <div className="notice problem" role="alert">
          {state.reasons.map((reason) => (
            <p key={reason}>{reason}</p>
          ))}
        </div>
      )}
      <label>
        Name
        <input name="name" autoComplete="name" maxLength={120} required />
      </label>
      <label>
        Email
        <input name="email" type="email" autoComplete="email" maxLength={254} required />
      </label>
      <label>
        Message
        <textarea name="message" rows={7} minLength={10} maxLength={5000} required />
      </label>
      <label className="trap" aria-hidden="true">
        Website
        <input name="website" tabIndex={-1} autoComplete="off" />
      </label>
      <button disabled={state.kind === 'sending'}>{state.kind === 'sending' ? 'Sending' : 'Send'}</button>
    </form>
  );
}
