import { isDeepStrictEqual } from 'node:util';
import * as model from '@aws-sdk/client-cloudformation';
import type { Pace } from '../pace.ts';
import type { Clock } from '../ports.ts';
import { AwsError, arn, region, type Service } from '../service.ts';
import {
  checkRules,
  creationOrder,
  evaluateOutputs,
  resolveConditions,
  resolveParameters,
  type Template,
} from '../template.ts';
import { evaluate, type Scope, TemplateError } from '../template-intrinsics.ts';
import { creationLimits, inAwsWords, readCreation } from './stack-creation.ts';
import { type Take, takeAway } from './stack-deletion.ts';
import { holds, scopeOf } from './stack-scope.ts';
import { describeStacks } from './stacks-described.ts';

/** One resource to create, its properties evaluated. */
export interface ResourceRequest {
  /** The name CloudFormation makes up where the template gives none: stack, logical id and chance. */
  generatedName: string;
  properties: Record<string, unknown>;
}

/** What Ref and Fn::GetAtt answer for a resource. */
export interface CreatedResource {
  id: string;
  attributes: Record<string, unknown>;
}

export interface ResourceKind {
  /** The properties it takes; any other one is refused. Without it, every property is only recorded. */
  properties?: readonly string[];
  create(request: ResourceRequest): CreatedResource;
  /** Changes what was created under this id. What can't be changed is replaced: removed, and created anew. */
  update?(id: string, properties: Record<string, unknown>): void;
  /** Without it, only what is merely recorded can be replaced and removed. */
  remove?(id: string, properties: Record<string, unknown>): void;
  /** An update of its stack can't change it: the region doesn't replace what instances hang on. */
  fixed?: true;
  /** Whether what was removed is gone by now; without it, it goes at once. */
  isGone?(id: string): boolean;
}

export interface StackResource extends CreatedResource {
  type: string;
  properties: Record<string, unknown>;
}

export interface Stack {
  id: string;
  name: string;
  createdAt: number;
  status:
    | 'CREATE_COMPLETE'
    | 'CREATE_FAILED'
    | 'UPDATE_COMPLETE'
    | 'DELETE_IN_PROGRESS'
    | 'DELETE_FAILED'
    | 'DELETE_COMPLETE';
  /** Why it is in this status, where that needs saying. */
  reason?: string;
  deletedAt?: number;
  template: Template;
  parameters: Record<string, string | string[]>;
  outputs: ReturnType<typeof evaluateOutputs>;
  /** By logical id. */
  resources: Map<string, StackResource>;
}

export interface Stacks {
  service: Service;
  /**
   * Creates a stack and all its resources, each after those it refers to. Throws an error that names the
   * resource for whatever the region doesn't know; what was created by then stays, in CREATE_FAILED.
   */
  deploy(name: string, template: Template, parameters: Record<string, string>): Stack;
  /**
   * Brings a stack to other parameters, and to another template if one is given: creates and changes each resource
   * after those it refers to, and removes at last what has gone. Parameters that aren't given have their defaults
   * again. Throws an error that names the resource which the region can't change; what was done by then stays.
   */
  update(name: string, parameters: Record<string, string>, template?: Template): void;
  /** Begins to take a stack and its resources away, as DeleteStack does; success when there is none. */
  delete(nameOrId: string): void;
  stack(name: string): Stack | undefined;
}

export interface StacksOptions {
  clock: Clock;
  pace: Pace;
  ids: { uuid(): string; hex(digits: number): string };
  kinds: Record<string, ResourceKind>;
}

/** CloudFormation: stacks made from templates. */
export function createStacks({ clock, pace, ids, kinds }: StacksOptions): Stacks {
  const stacks = new Map<string, Stack>();
  const deleted: Stack[] = [];

  const deploy: Stacks['deploy'] = (name, template, given) => {
    if (stacks.has(name)) throw new AwsError('AlreadyExistsException', `Stack [${name}] already exists`);
    const stack: Stack = {
      id: arn('cloudformation', `stack/${name}/${ids.uuid()}`),
      name,
      createdAt: clock.now(),
      status: 'CREATE_COMPLETE',
      template,
      parameters: resolveParameters(template, given, storedImage),
      outputs: [],
      resources: new Map(),
    };
    stacks.set(name, stack);
    try {
      bring(stack);
    } catch (error) {
      Object.assign(stack, { status: 'CREATE_FAILED', reason: (error as Error).message });
      throw error;
    }
    return stack;
  };

  const update: Stacks['update'] = (name, given, template) => {
    const stack = stacks.get(name);
    if (!stack) throw new AwsError('ValidationError', `Stack [${name}] does not exist`);
    if (stack.status.startsWith('DELETE_')) {
      const state = `is in ${stack.status} state and can not be updated.`;
      throw new AwsError('ValidationError', `Stack:${stack.id} ${state}`);
    }
    const wanted = template ?? stack.template;
    stack.parameters = resolveParameters(wanted, given, storedImage);
    stack.template = wanted;
    bring(stack);
    stack.status = 'UPDATE_COMPLETE';
  };

  /** Makes a stack's resources and outputs what its template and parameters say. */
  const bring = (stack: Stack): void => {
    const { name, template, resources } = stack;
    const scope = scopeOf(stack, [...stacks.values()]);
    checkRules(template, scope);
    const conditions = resolveConditions(template, scope);
    const full: Scope = { ...scope, condition: (condition) => holds(conditions, condition) };
    const order = creationOrder(template, conditions);
    const replaced: StackResource[] = [];
    for (const logicalId of order) {
      const { Type: type, Properties = {} } = template.Resources[logicalId]!;
      naming(stack, logicalId, type, () => {
        const properties = evaluate(Properties, full) as Record<string, unknown>;
        const generatedName = `${name}-${logicalId}-${ids.hex(12).toUpperCase()}`;
        const before = resources.get(logicalId);
        const now = before
          ? change(kinds, before, type, { generatedName, properties }, replaced)
          : create(kinds, type, { generatedName, properties });
        resources.set(logicalId, { ...now, type, properties });
      });
    }
    for (const resource of replaced.reverse()) remove(kinds, resource);
    const gone = [...resources].filter(([logicalId]) => !order.includes(logicalId));
    for (const [logicalId, resource] of gone.reverse()) {
      naming(stack, logicalId, resource.type, () => remove(kinds, resource));
      resources.delete(logicalId);
    }
    stack.outputs = evaluateOutputs(template, full);
  };

  const byNameOrId = (wanted: string) =>
    [...stacks.values()].find(({ name, id }) => name === wanted || id === wanted);

  const deleteStack: Stacks['delete'] = (nameOrId) => {
    const stack = byNameOrId(nameOrId);
    if (!stack || stack.status === 'DELETE_IN_PROGRESS') return;
    stack.status = 'DELETE_IN_PROGRESS';
    delete stack.reason;
    const take: Take = (logicalId, resource) =>
      naming(stack, logicalId, resource.type, () => remove(kinds, resource));
    const isGone = ({ type, id }: StackResource) => kinds[type]?.isGone?.(id) ?? true;
    takeAway(stack, { clock, stepMs: pace.scaleMs, take, isGone }, () => {
      stack.status = 'DELETE_COMPLETE';
      stack.deletedAt = clock.now();
      stack.outputs = [];
      stacks.delete(stack.name);
      deleted.push(stack);
    });
  };

  /** What goes wrong with a resource is said by the stack's status, and not here. */
  const createStack = (input: Parameters<typeof readCreation>[0]) => {
    const { name, template, parameters } = readCreation(input);
    const known = stacks.get(name);
    try {
      inAwsWords(() => deploy(name, template, parameters));
    } catch (error) {
      if (known || !stacks.has(name)) throw error;
    }
    return { StackId: stacks.get(name)?.id };
  };

  return {
    deploy,
    update,
    delete: deleteStack,
    stack: (name) => stacks.get(name),
    service: {
      name: 'cloudformation',
      model,
      client: new model.CloudFormationClient({ region }),
      operations: {
        CreateStack: createStack,
        DescribeStacks: (input) => describeStacks([...stacks.values()], deleted, input),
        DeleteStack: ({ StackName: name }) => deleteStack(name),
      },
      limits: {
        CreateStack: creationLimits,
        DescribeStacks: { StackName: { min: 1 }, NextToken: { min: 1, max: 1024 } },
        DeleteStack: { StackName: { min: 1 }, ClientRequestToken: { min: 1, max: 128 } },
      },
    },
  };
}

/** Of what has a name that is its own, the property that gives it: with another one it is another resource. */
const nameProperties: Record<string, string> = {
  'AWS::Events::Rule': 'Name',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::SSM::Document': 'Name',
  'AWS::SSM::Parameter': 'Name',
};

/** Whatever goes wrong is said with the resource that it is about. */
function naming(stack: Stack, logicalId: string, type: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`stack ${stack.name}, resource ${logicalId} (${type}): ${reason}`, { cause });
  }
}

function change(
  kinds: StacksOptions['kinds'],
  before: StackResource,
  type: string,
  request: ResourceRequest,
  replaced: StackResource[],
): CreatedResource {
  const { properties } = request;
  if (before.type === type && isDeepStrictEqual(before.properties, properties)) return before;
  const kind = kinds[type];
  // What others know it by stays; AWS replaces some of these, and the region records them alone.
  if (before.type === type && kind && !kind.properties) return before;
  const name = nameProperties[type];
  if (before.type === type && name !== undefined && before.properties[name] !== properties[name]) {
    // AWS removes what was replaced at the very end: until then nothing else in the stack can have its name.
    const created = create(kinds, type, request);
    replaced.push(before);
    return created;
  }
  if (before.type === type && kind?.update) {
    refuseUnknown(kind, properties);
    kind.update(before.id, properties);
    return before;
  }
  if (kinds[before.type]?.fixed) throw new TemplateError("the region can't change it");
  remove(kinds, before);
  return create(kinds, type, request);
}

function remove(kinds: StacksOptions['kinds'], { type, id, properties }: StackResource): void {
  const kind = kinds[type];
  if (kind?.properties && !kind.remove) throw new TemplateError("the region can't change or remove it");
  kind?.remove?.(id, properties);
}

function create(kinds: StacksOptions['kinds'], type: string, request: ResourceRequest): CreatedResource {
  const kind = kinds[type];
  if (!kind) throw new TemplateError('this resource type is not known to the region');
  refuseUnknown(kind, request.properties);
  return kind.create(request);
}

function refuseUnknown(kind: ResourceKind, properties: Record<string, unknown>): void {
  const unknown = Object.keys(properties).find((property) => kind.properties?.includes(property) === false);
  if (unknown) throw new TemplateError(`property ${unknown} is not known to the region`);
}

/** AWS publishes its images as parameters; the region has one image an architecture. */
function storedImage(parameterName: string): string {
  if (parameterName.startsWith('/aws/service/'))
    return `ami-0000000000000000${parameterName.endsWith('x86_64') ? 1 : 0}`;
  throw new TemplateError(`Parameter ${parameterName} is none of AWS's public ones`);
}
