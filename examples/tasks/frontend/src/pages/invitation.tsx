import { useEffect } from 'preact/hooks';
import { type Organisation, type User, ask } from '../api.ts';
import { Failure, Loading } from '../components/states.tsx';
import { useAction } from '../remote.ts';
import { navigate } from '../router.tsx';

const KEPT = 'invitation';

/** The token of the invitation that this tab was opened with. */
export const invitationToken = (): string | undefined => sessionStorage.getItem(KEPT) ?? undefined;

/**
 * Keeps the token of /join#token until somebody is signed in who can accept it. It comes behind the #, which
 * browsers do not send: it is in no log on the way.
 */
export function rememberInvitation(): void {
  if (location.pathname !== '/join' || location.hash.length < 2) return;
  sessionStorage.setItem(KEPT, location.hash.slice(1));
  history.replaceState(null, '', '/join');
}

interface Props {
  readonly user: User;
  readonly onAccepted: () => void;
  readonly onSignedOut: () => void;
}

export function InvitationPage({ user, onAccepted, onSignedOut }: Props) {
  const token = invitationToken();
  const accept = useAction(async () => {
    const organisation = await ask<Organisation>('POST', '/invitations/accept', { token });
    sessionStorage.removeItem(KEPT);
    onAccepted();
    navigate(`/o/${organisation.id}`, { replace: true });
  });
  const switchAccount = useAction(async () => {
    await ask('POST', '/auth/sign-out');
    onSignedOut();
  });
  const error = accept.error ?? switchAccount.error;
  const skip = () => {
    sessionStorage.removeItem(KEPT);
    navigate('/');
  };
  useEffect(() => {
    if (token === undefined) navigate('/', { replace: true });
  }, [token]);
  if (token === undefined) return <Loading />;
  return (
    <section class="card middle">
      <h1>You have been invited</h1>
      <p>
        Join as <strong>{user.name}</strong> ({user.email}).
      </p>
      {error && <Failure error={error} />}
      <div class="actions">
        <button type="button" class="primary" aria-busy={accept.busy} onClick={() => void accept.run()}>
          Accept the invitation
        </button>
        <button type="button" class="quiet" onClick={() => void switchAccount.run()}>
          Use another account
        </button>
        <button type="button" class="quiet" onClick={skip}>
          Not now
        </button>
      </div>
    </section>
  );
}
