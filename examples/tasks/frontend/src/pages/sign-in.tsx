import { ask } from '../api.ts';
import { Field, Form } from '../components/form.tsx';
import { useAction } from '../remote.ts';
import { Link } from '../router.tsx';
import { invitationToken } from './invitation.tsx';

interface Props {
  readonly onSignedIn: () => void;
}

const Frame = ({ title, children }: { title: string; children: preact.ComponentChildren }) => (
  <main class="door">
    <p class="brand">
      <img src="/icon.svg" alt="" width={32} height={32} />
      <span>Tasks</span>
    </p>
    <section class="card">
      <h1>{title}</h1>
      {invitationToken() !== undefined && <p class="note">You have been invited. Use the address that the invitation was sent to.</p>}
      {children}
    </section>
  </main>
);

export function SignInPage({ onSignedIn }: Props) {
  const action = useAction(async (values: Record<string, string>) => {
    await ask('POST', '/auth/sign-in', { email: values.email, password: values.password });
    onSignedIn();
  });
  return (
    <Frame title="Sign in">
      <Form {...action} submit="Sign in" onSubmit={action.run}>
        <Field label="E-mail" name="email" type="email" autoComplete="username" autoFocus error={action.error} />
        <Field label="Password" name="password" type="password" autoComplete="current-password" error={action.error} />
      </Form>
      <p class="other">
        No account yet? <Link href="/sign-up">Sign up</Link>
      </p>
    </Frame>
  );
}

export function SignUpPage({ onSignedIn }: Props) {
  const action = useAction(async (values: Record<string, string>) => {
    await ask('POST', '/auth/sign-up', values);
    onSignedIn();
  });
  return (
    <Frame title="Create an account">
      <Form {...action} submit="Sign up" onSubmit={action.run}>
        <Field label="Name" name="name" autoComplete="name" autoFocus error={action.error} />
        <Field label="E-mail" name="email" type="email" autoComplete="username" error={action.error} />
        <Field label="Password" name="password" type="password" autoComplete="new-password" hint="At least 10 characters." error={action.error} />
      </Form>
      <p class="other">
        You have an account? <Link href="/sign-in">Sign in</Link>
      </p>
    </Frame>
  );
}
