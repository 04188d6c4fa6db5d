import { type Invitation, type Member, type Organisation, type User, ask } from '../api.ts';
import { Field, Form } from '../components/form.tsx';
import { Avatar, Failure, Loading } from '../components/states.tsx';
import { moment } from '../dates.ts';
import { useAction, useRemote } from '../remote.ts';
import { navigate } from '../router.tsx';

interface Props {
  readonly organisation: Organisation;
  readonly user: User;
  readonly onLeft: () => void;
}

export function MembersPage({ organisation, user, onLeft }: Props) {
  const at = `/organisations/${organisation.id}`;
  const mayInvite = organisation.role !== 'member';
  const members = useRemote(at, async () => (await ask<{ members: Member[] }>('GET', `${at}/members`)).members);
  const invitations = useRemote(`${at} invitations`, async () =>
    mayInvite ? (await ask<{ invitations: Invitation[] }>('GET', `${at}/invitations`)).invitations : [],
  );
  const invite = useAction(async (values: Record<string, string>, form: HTMLFormElement) => {
    await ask('POST', `${at}/invitations`, values);
    form.reset();
    invitations.reload();
  });
  const withdraw = useAction(async (id: string) => {
    await ask('DELETE', `${at}/invitations/${id}`);
    invitations.reload();
  });
  const setRole = useAction(async (id: string, role: string) => {
    await ask('PATCH', `${at}/members/${id}`, { role });
    if (id === user.id) onLeft();
    members.reload();
  });
  const remove = useAction(async (member: Member) => {
    await ask('DELETE', `${at}/members/${member.id}`);
    if (member.id !== user.id) return members.reload();
    onLeft();
    navigate('/');
  });
  const mayRemove = (member: Member): boolean =>
    member.id === user.id || organisation.role === 'owner' || (organisation.role === 'admin' && member.role === 'member');
  const askToRemove = (member: Member): void => {
    const question = member.id === user.id ? `Leave ${organisation.name}?` : `Remove ${member.name} from ${organisation.name}?`;
    if (confirm(question)) void remove.run(member);
  };
  const error = setRole.error ?? remove.error ?? withdraw.error;

  return (
    <div class="page">
      <h1>Members</h1>
      {error && <Failure error={error} retry={members.reload} />}
      {members.value === undefined && (members.error ? <Failure error={members.error} retry={members.reload} /> : <Loading />)}
      <ul class="people">
        {members.value?.map((member) => (
          <li key={member.id}>
            <Avatar person={member} />
            <p class="who">
              <strong>
                {member.name} {member.id === user.id && <span class="pill">You</span>}
              </strong>
              <span>{member.email}</span>
            </p>
            {organisation.role === 'owner' ? (
              <select aria-label={`Role of ${member.name}`} value={member.role} onChange={(event) => void setRole.run(member.id, event.currentTarget.value)}>
                <option value="owner">Owner</option>
                <option value="admin">Admin</option>
                <option value="member">Member</option>
              </select>
            ) : (
              <span class="role">{member.role}</span>
            )}
            {mayRemove(member) && (
              <button type="button" class="quiet" onClick={() => askToRemove(member)} aria-label={member.id === user.id ? undefined : `Remove ${member.name}`}>
                {member.id === user.id ? 'Leave' : 'Remove'}
              </button>
            )}
          </li>
        ))}
      </ul>
      {mayInvite && (
        <section class="card" aria-labelledby="invite-title">
          <h2 id="invite-title">Invite somebody</h2>
          <Form busy={invite.busy} error={invite.error} submit="Send invitation" onSubmit={(values, form) => void invite.run(values, form)} class="inline">
            <Field label="E-mail" name="email" type="email" autoComplete="off" error={invite.error} />
            <div class="field narrow">
              <label for="invite-role">Role</label>
              <select id="invite-role" name="role">
                <option value="member">Member</option>
                <option value="admin">Admin</option>
              </select>
            </div>
          </Form>
          {invitations.value && invitations.value.length > 0 && (
            <>
              <h3>Waiting for an answer</h3>
              <ul class="people">
                {invitations.value.map(({ id, email, role, expiresAt }) => (
                  <li key={id}>
                    <p class="who">
                      <strong>{email}</strong>
                      <span>
                        {role}, until {moment(expiresAt)}
                      </span>
                    </p>
                    <button type="button" class="quiet" aria-label={`Withdraw the invitation of ${email}`} onClick={() => void withdraw.run(id)}>
                      Withdraw
                    </button>
                  </li>
                ))}
              </ul>
            </>
          )}
        </section>
      )}
    </div>
  );
}
