import { readFileSync } from 'node:fs';
import { Access, type Role } from '../../region/access.ts';
import { fast } from '../../region/pace.ts';
import { arn } from '../../region/service.ts';
import { accessKinds } from '../../region/services/stack-access.ts';
import { kind } from '../../region/services/stack-kind.ts';
import { createStacks } from '../../region/services/stacks.ts';
import { readTemplate } from '../../region/template.ts';
import type { World } from '../../region/world.ts';

const file = new URL('../../.serverless/cloudformation-template-update-stack.json', import.meta.url);
const text = readFileSync(file, 'utf8');

export const functionNames = ['admit', 'drain', 'reconcile'] as const;
export type FunctionName = (typeof functionNames)[number];

export const roleOf = (name: FunctionName): string => `shoal-${name}-ap-northeast-1`;
export const identityOf = (name: FunctionName): string =>
  `arn:aws:sts::000000000000:assumed-role/${roleOf(name)}/shoal-${name}`;

/** Deploys the packaged template's roles, and what they refer to by name alone, in a world without functions. */
export function deployRoles({ access, clock, ids }: Pick<World, 'access' | 'clock' | 'ids'>): void {
  const named = (property: string, service: string, path = '') =>
    kind(undefined, ({ [property]: name }) => ({ id: name, Arn: arn(service, `${path}${name}`) }));
  const kinds = {
    ...accessKinds(access, ids),
    'AWS::SSM::Document': named('Name', 'ssm', 'document/'),
    'AWS::SQS::Queue': named('QueueName', 'sqs'),
    'AWS::Logs::LogGroup': kind(undefined, ({ LogGroupName: name }) => ({
      ...{ id: name, Arn: `${arn('logs', `log-group:${name}`)}:*` },
    })),
  };
  const template = readTemplate(text);
  const known = Object.entries(template.Resources).filter(([, { Type }]) => Type in kinds);
  const part = { ...template, Resources: Object.fromEntries(known), Outputs: {} };
  createStacks({ clock, ids, pace: fast, kinds }).deploy('shoal', part, {});
}

/** What the statements of a role say and nothing has needed: its actions and its resources, as they are written. */
export const unused = ({ statements, used }: Role): string[] =>
  statements.flatMap((statement) =>
    [...statement.actions, ...statement.resources].flatMap(({ text }) =>
      used.get(statement)?.has(text) ? [] : [text],
    ),
  );

/** Every action of the packaged template's roles, each with its function's name. */
export function allActions(): [name: FunctionName, action: string][] {
  const access = new Access();
  const ids = { hex: () => '', uuid: () => '' };
  deployRoles({ access, ids, clock: { now: () => 0, after: () => () => {} } });
  return functionNames.flatMap((name) => {
    const statements = access.roles.get(roleOf(name))?.statements ?? [];
    const actions = statements.flatMap((statement) => statement.actions.map(({ text }) => text));
    return [...new Set(actions)].map((action): [FunctionName, string] => [name, action]);
  });
}

/** As if the role had never had it. */
export function takeAway(role: Role, action: string): void {
  role.statements = role.statements.map((statement) => {
    return { ...statement, actions: statement.actions.filter(({ text }) => text !== action) };
  });
}
