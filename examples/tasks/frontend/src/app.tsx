import { useEffect, useState } from 'preact/hooks';
import { type Organisation, type User, ask, useCsrfToken, whenSignedOut } from './api.ts';
import { Failure, Loading } from './components/states.tsx';
import { Header } from './components/header.tsx';
import { InvitationPage, invitationToken, rememberInvitation } from './pages/invitation.tsx';
import { MembersPage } from './pages/members.tsx';
import { NewOrganisationPage } from './pages/new-organisation.tsx';
import { SignInPage, SignUpPage } from './pages/sign-in.tsx';
import { TasksPage } from './pages/tasks.tsx';
import { useRemote } from './remote.ts';
import { navigate, usePath } from './router.tsx';

interface Session {
  readonly user: User | null;
  readonly csrfToken?: string;
}

/** Asks who is signed in, and shows the page of the address. */
export function App() {
  const path = usePath();
  const session = useRemote('session', async () => {
    const answer = await ask<Session>('GET', '/session');
    useCsrfToken(answer.csrfToken ?? '');
    return answer;
  });
  const { reload, set } = session;
  const signedOut = () => {
    useCsrfToken('');
    set({ user: null });
  };
  useEffect(() => whenSignedOut(reload), [reload]);
  rememberInvitation();

  if (session.value === undefined) return session.error ? <Failure error={session.error} retry={reload} /> : <Loading />;
  const { user } = session.value;
  if (user !== null) return <SignedIn key={user.id} user={user} path={path} onSignedOut={signedOut} />;
  return path === '/sign-up' ? <SignUpPage onSignedIn={reload} /> : <SignInPage onSignedIn={reload} />;
}

interface SignedInProps {
  readonly user: User;
  readonly path: string;
  readonly onSignedOut: () => void;
}

function SignedIn({ user, path, onSignedOut }: SignedInProps) {
  const organisations = useRemote('organisations', async () => (await ask<{ organisations: Organisation[] }>('GET', '/organisations')).organisations);
  const [, kind, id = '', page, number] = path.split('/');
  const list = organisations.value;
  const first = list?.[0]?.id;
  const current = kind === 'o' ? list?.find((one) => one.id === id) : undefined;
  const isHome = path === '/' || path === '/sign-in' || path === '/sign-up';

  useEffect(() => {
    if (!isHome || list === undefined) return;
    const home = first === undefined ? '/new' : `/o/${first}`;
    navigate(invitationToken() === undefined ? home : '/join', { replace: true });
  }, [isHome, list, first]);
  const [announced, announce] = useState('');
  useEffect(() => {
    document.title = current ? `${current.name} – Tasks` : 'Tasks';
    announce(document.title);
  }, [current, page]);

  const content = () => {
    if (list === undefined) return organisations.error ? <Failure error={organisations.error} retry={organisations.reload} /> : <Loading />;
    if (kind === 'join') return <InvitationPage user={user} onAccepted={organisations.reload} onSignedOut={onSignedOut} />;
    if (kind === 'new') return <NewOrganisationPage isFirst={list.length === 0} onCreated={organisations.reload} />;
    if (isHome) return <Loading />;
    if (current === undefined) return <Nowhere />;
    if (page === 'members') return <MembersPage key={id} organisation={current} user={user} onLeft={organisations.reload} />;
    return <TasksPage key={id} organisation={current} user={user} selected={page === 'tasks' ? Number(number) : undefined} />;
  };
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header user={user} organisations={list ?? []} current={current} page={page} onSignedOut={onSignedOut} />
      <p class="unseen" aria-live="polite">
        {announced}
      </p>
      <main id="main" tabIndex={-1}>
        {content()}
      </main>
    </>
  );
}

const Nowhere = () => (
  <section class="empty">
    <h1>There is nothing here</h1>
    <p>The address is wrong, or you are not a member of this organisation.</p>
    <p>
      <a class="button" href="/">
        Go to your tasks
      </a>
    </p>
  </section>
);
