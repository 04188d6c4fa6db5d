import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { ApiError } from '../api.ts';

interface FieldProps extends JSX.InputHTMLAttributes {
  readonly label: string;
  readonly name: string;
  readonly error?: ApiError | undefined;
  readonly hint?: string;
}

/** A labelled input; says below it what the API found wrong with it. */
export function Field({ label, name, error, hint, ...rest }: FieldProps) {
  const id = useId();
  const wrong = error?.fields[name];
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...rest} id={id} name={name} aria-invalid={wrong !== undefined} aria-describedby={wrong || hint ? `${id}-note` : undefined} />
      {(wrong || hint) && (
        <p id={`${id}-note`} class={wrong ? 'wrong' : 'hint'}>
          {wrong ? `${label} ${wrong}.` : hint}
        </p>
      )}
    </div>
  );
}

interface FormProps {
  readonly error?: ApiError | undefined;
  readonly busy: boolean;
  readonly submit: string;
  readonly onSubmit: (values: Record<string, string>, form: HTMLFormElement) => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}

/** Hands over the values by name. What is wrong with no field in particular is said above the button; the first wrong field is focused. */
export function Form({ error, busy, submit, onSubmit, children, class: extra = '' }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [error]);
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    if (busy || form.current === null) return;
    const values = [...new FormData(form.current)].map(([name, value]) => [name, String(value)]);
    onSubmit(Object.fromEntries(values) as Record<string, string>, form.current);
  };
  return (
    <form ref={form} class={extra} onSubmit={send} noValidate>
      {children}
      {error && Object.keys(error.fields).length === 0 && (
        <p class="failure" role="alert">
          {error.message}
        </p>
      )}
      <button type="submit" class="primary" aria-busy={busy}>
        {submit}
      </button>
    </form>
  );
}
