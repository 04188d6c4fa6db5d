import type { AcceptedBody, SteeredBody } from './contract.ts';
import { operations } from './operations.ts';
import type { ApiOptions } from './options.ts';
import { presentPlan, releaseName } from './present-rollout.ts';
import { type Answers, actOf, appOf, askerOf, nameOf, environmentOf, readBody, rolloutOf, verbOf } from './requests.ts';

/** Everything that changes something: each is one command. */
export function answerCommands({ commands, shutdown }: ApiOptions) {
  return {
    plan: async (call) => {
      const body = await readBody(call, operations.plan.request);
      return call.json(
        presentPlan(await commands.plan({ app: appOf(call), environment: environmentOf(call), ...askerOf(call), ...body })),
      );
    },
    deploy: async (call) => {
      const body = await readBody(call, operations.deploy.request);
      const { rolloutId, release } = await commands.deploy({
        app: appOf(call),
        environment: environmentOf(call),
        ...askerOf(call),
        ...body,
      });
      return call.json({ rolloutId, release: releaseName(release) } satisfies AcceptedBody, 202);
    },
    rollback: async (call) => {
      const { to, force = false } = await readBody(call, operations.rollback.request);
      const target = to === undefined ? {} : { to: Number(to.replace(/^v/, '')) };
      const { rolloutId, release } = await commands.rollback({
        app: appOf(call),
        environment: environmentOf(call),
        force,
        ...target,
      });
      return call.json({ rolloutId, release: releaseName(release) } satisfies AcceptedBody, 202);
    },
    steer: async (call) => {
      const target = { app: appOf(call), environment: environmentOf(call) };
      const { rolloutId } = await commands.steer({ target, verb: verbOf(call), ...askerOf(call) });
      return call.json({ rolloutId } satisfies SteeredBody);
    },
    steerById: async (call) => {
      const { rolloutId } = await commands.steer({
        target: { rollout: rolloutOf(call) },
        verb: verbOf(call),
        ...askerOf(call),
      });
      return call.json({ rolloutId } satisfies SteeredBody);
    },
    traffic: async (call) => {
      const body = await readBody(call, operations.traffic.request);
      await commands.traffic({ app: appOf(call), environment: environmentOf(call), ...askerOf(call), ...body });
      return call.body(null, 204);
    },
    accessory: async (call) => {
      const { deleteData = false } = await readBody(call, operations.accessory.request);
      await commands.accessory({
        app: appOf(call),
        environment: environmentOf(call),
        name: nameOf(call),
        act: actOf(call),
        deleteData,
      });
      return call.body(null, 204);
    },
    shutdown: async (call) => {
      const { instances } = await readBody(call, operations.shutdown.request);
      call.env.outgoing.once('close', () => shutdown({ instances }));
      call.header('connection', 'close');
      return call.json({}, 202);
    },
  } satisfies Partial<Answers>;
}
