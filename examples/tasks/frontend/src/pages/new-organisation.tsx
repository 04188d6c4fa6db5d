import { type Organisation, ask } from '../api.ts';
import { Field, Form } from '../components/form.tsx';
import { useAction } from '../remote.ts';
import { navigate } from '../router.tsx';

interface Props {
  readonly isFirst: boolean;
  readonly onCreated: () => void;
}

export function NewOrganisationPage({ isFirst, onCreated }: Props) {
  const action = useAction(async ({ name }: Record<string, string>) => {
    const { id } = await ask<Organisation>('POST', '/organisations', { name });
    onCreated();
    navigate(`/o/${id}`);
  });
  return (
    <section class="card middle">
      <h1>{isFirst ? 'Where do your tasks belong?' : 'New organisation'}</h1>
      <p class="hint">An organisation is a team with its own tasks. Nobody else sees them. You can invite people afterwards.</p>
      <Form {...action} submit="Create" onSubmit={action.run}>
        <Field label="Name" name="name" autoFocus autoComplete="organization" placeholder="Paper & Thread" error={action.error} />
      </Form>
    </section>
  );
}
