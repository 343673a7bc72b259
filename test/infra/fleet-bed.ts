import { readFileSync } from 'node:fs';
import { addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { createSimulatedHosts } from '../../region/hosts/simulated.ts';
import { fast } from '../../region/pace.ts';
import { createInProcessSandboxes } from '../../region/sandbox-in-process.ts';
import type { StackResource } from '../../region/services/stacks.ts';
import { readTemplate } from '../../region/template.ts';
import { createWorld } from '../../region/world.ts';

type Resource = Omit<StackResource, 'properties'> & {
  // biome-ignore lint/suspicious/noExplicitAny: each type of resource has other properties.
  properties: Record<string, any>;
};

const read = (file: string) => readTemplate(readFileSync(`infra/${file}`, 'utf8'));
const needed = {
  FleetName: 'tokyo',
  VpcId: 'vpc-1',
  SubnetIds: 'subnet-a,subnet-c',
  ClientCidrs: '172.31.0.0/24',
  S3EndpointId: 'none',
};

/** A region in which templates of infra/ are deployed, without an operator: no instance gets into service. */
export function templateRegion() {
  const world = createWorld({
    clock: machineClock,
    pace: fast,
    hosts: createSimulatedHosts(machineClock),
    balancer: { route: async () => {} },
    sandboxes: createInProcessSandboxes(machineClock, {}),
  });
  const unpack = () => ({ directory: '', size: 0, sha256: '' });
  const applications = addApplications(world, { endpoint: 'http://region', unpack });
  const deploy = (name: string, file: string, parameters: Record<string, string>) => {
    const stack = applications.stacks.deploy(name, read(file), parameters);
    const resources = [...stack.resources.values()] as Resource[];
    const ofType = (type: string) => resources.filter((it) => it.type === `AWS::${type}`);
    const output = (key: string) => stack.outputs.find((it) => it.key === key)?.value;
    /** The one resource of this name; throws when there is none. */
    const resource = (id: string) => {
      const found = stack.resources.get(id);
      if (!found) throw new Error(`no ${id}`);
      return found as Resource;
    };
    return { names: [...stack.resources.keys()], ofType, output, resource };
  };
  return {
    world,
    deploy,
    needed,
    deployFleet: (options: Record<string, string> = {}) =>
      deploy('proxy', 'fleet.yml', { ...needed, ...options }),
    async close() {
      await applications.close();
      await world.close();
    },
  };
}
