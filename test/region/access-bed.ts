import { iamArn, sessionArn } from '../../region/access.ts';
import { addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { requestHandler } from '../../region/http.ts';
import { createInProcessSandboxes } from '../../region/sandbox-in-process.ts';
import { createBed } from './bed.ts';

export const identity = sessionArn('deployed', 'shoal-work');

type ClientClass = new (options: object) => { send(command: object): Promise<unknown> };

export const allow = (Action: string | string[], Resource = '*', Condition: object = {}) => ({
  ...{ Effect: 'Allow', Action, Resource, Condition },
});

/** A world in which roles can be made and called with. */
export function createAccessBed() {
  const bed = createBed();
  const { world } = bed;
  const applications = addApplications(
    { ...world, sandboxes: createInProcessSandboxes(machineClock, {}) },
    { endpoint: 'http://region', unpack: () => ({ directory: '/', size: 1, sha256: '' }) },
  );
  return {
    ...bed,
    access: world.access,
    stacks: applications.stacks,
    /** Makes the role anew, with these statements and no others. */
    give(statements: object[], { bounds, role = 'deployed' }: { bounds?: object[]; role?: string } = {}) {
      const boundary = bounds && iamArn('policy/boundary');
      if (boundary) world.access.setPolicy(boundary, { Statement: bounds });
      world.access.setRole(role, { documents: [{ Statement: statements }], managed: [], boundary });
    },
    /** Calls as a session of a role. `service` is the SDK's module. */
    call(service: object, operation: string, input: object, as = identity): Promise<unknown> {
      world.wire.identities.set('ASIA', as);
      const classes = Object.entries(service) as [string, ClientClass][];
      const [, Client] = classes.find(([name]) => /^(?!_).+Client$/.test(name)) ?? [];
      const [, Command] = classes.find(([name]) => name === `${operation}Command`) ?? [];
      const client = new Client!({
        ...{ endpoint: 'http://region', region: 'ap-northeast-1', maxAttempts: 1 },
        requestHandler: requestHandler(world.wire),
        credentials: { accessKeyId: 'ASIA', secretAccessKey: 'x' },
      });
      return client.send(new Command!(input));
    },
    async close() {
      await applications.close();
      await world.close();
    },
  };
}

export type AccessBed = ReturnType<typeof createAccessBed>;
