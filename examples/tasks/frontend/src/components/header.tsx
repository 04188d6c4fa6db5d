import { useEffect, useRef } from 'preact/hooks';
import { type Organisation, type User, ask } from '../api.ts';
import { useAction } from '../remote.ts';
import { Link, navigate } from '../router.tsx';
import { Avatar, Failure } from './states.tsx';

interface HeaderProps {
  readonly user: User;
  readonly organisations: readonly Organisation[];
  readonly current: Organisation | undefined;
  readonly page: string | undefined;
  readonly onSignedOut: () => void;
}

export function Header({ user, organisations, current, page, onSignedOut }: HeaderProps) {
  const signOut = useAction(async () => {
    await ask('POST', '/auth/sign-out');
    onSignedOut();
    navigate('/sign-in');
  });
  return (
    <header class="top">
      <Link href="/" class="brand">
        <img src="/icon.svg" alt="" width={24} height={24} />
        <span>Tasks</span>
      </Link>
      {current && (
        <>
          <Menu label={current.name} name="Organisation">
            {organisations.map((one) => (
              <Link key={one.id} href={`/o/${one.id}`} current={one.id === current.id}>
                {one.name}
              </Link>
            ))}
            <hr />
            <Link href="/new">New organisation</Link>
          </Menu>
          <nav aria-label="Organisation">
            <Link href={`/o/${current.id}`} current={page !== 'members'}>
              Tasks
            </Link>
            <Link href={`/o/${current.id}/members`} current={page === 'members'}>
              Members
            </Link>
          </nav>
        </>
      )}
      <div class="spring" />
      <Menu label={<Avatar person={user} />} name={`Account of ${user.name}`} side="end">
        <p class="who">
          <strong>{user.name}</strong>
          <span>{user.email}</span>
        </p>
        <hr />
        <button type="button" onClick={() => void signOut.run()}>
          Sign out
        </button>
      </Menu>
      {signOut.error && <Failure error={signOut.error} />}
    </header>
  );
}

interface MenuProps {
  readonly label: preact.ComponentChildren;
  readonly name: string;
  readonly side?: 'start' | 'end';
  readonly children: preact.ComponentChildren;
}

/** Opens below its button; closed by Escape, a choice, or a click elsewhere. */
function Menu({ label, name, side = 'start', children }: MenuProps) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const open = details.current;
      if (!open?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        open.querySelector('summary')?.focus();
      } else if (event.target instanceof Node && open.contains(event.target) && !(event.target instanceof Element && event.target.closest('a, button'))) return;
      open.open = false;
    };
    document.addEventListener('click', close);
    document.addEventListener('keydown', close, true);
    return () => {
      document.removeEventListener('click', close);
      document.removeEventListener('keydown', close, true);
    };
  }, []);
  return (
    <details class={`menu ${side}`} ref={details}>
      <summary aria-label={typeof label === 'string' ? `${name}: ${label}` : name}>{typeof label === 'string' ? <span>{label}</span> : label}</summary>
      <div>{children}</div>
    </details>
  );
}
