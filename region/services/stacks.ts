import { isDeepStrictEqual } from 'node:util';
import * as model from '@aws-sdk/client-cloudformation';
import { page } from '../pages.ts';
import type { Clock } from '../ports.ts';
import { AwsError, account, arn, region, type Service } from '../service.ts';
import {
  checkRules,
  creationOrder,
  evaluateOutputs,
  resolveConditions,
  resolveParameters,
  type Template,
} from '../template.ts';
import { evaluate, type Scope, TemplateError } from '../template-intrinsics.ts';

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
}

export interface StackResource extends CreatedResource {
  type: string;
  properties: Record<string, unknown>;
}

export interface Stack {
  id: string;
  name: string;
  createdAt: number;
  status: 'CREATE_COMPLETE' | 'UPDATE_COMPLETE';
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
   * resource for whatever the region doesn't know; what was created by then stays.
   */
  deploy(name: string, template: Template, parameters: Record<string, string>): Stack;
  /**
   * Brings a stack to other parameters, and to another template if one is given: creates and changes each resource
   * after those it refers to, and removes at last what has gone. Parameters that aren't given have their defaults
   * again. Throws an error that names the resource which the region can't change; what was done by then stays.
   */
  update(name: string, parameters: Record<string, string>, template?: Template): void;
  stack(name: string): Stack | undefined;
}

export interface StacksOptions {
  clock: Clock;
  ids: { uuid(): string; hex(digits: number): string };
  kinds: Record<string, ResourceKind>;
}

const pageSize = 100;

/** CloudFormation: stacks made from templates. */
export function createStacks({ clock, ids, kinds }: StacksOptions): Stacks {
  const stacks = new Map<string, Stack>();

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
    bring(stack);
    stacks.set(name, stack);
    return stack;
  };

  const update: Stacks['update'] = (name, given, template) => {
    const stack = stacks.get(name);
    if (!stack) throw new AwsError('ValidationError', `Stack [${name}] does not exist`);
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

  return {
    deploy,
    update,
    stack: (name) => stacks.get(name),
    service: {
      name: 'cloudformation',
      model,
      client: new model.CloudFormationClient({ region }),
      operations: { DescribeStacks: (input) => describeStacks([...stacks.values()], input) },
      limits: { DescribeStacks: { StackName: { min: 1 }, NextToken: { min: 1, max: 1024 } } },
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

function scopeOf(stack: Stack, others: Stack[]): Omit<Scope, 'condition'> {
  const pseudo: Record<string, unknown> = {
    'AWS::AccountId': account,
    'AWS::Partition': 'aws',
    'AWS::Region': region,
    'AWS::StackId': stack.id,
    'AWS::StackName': stack.name,
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::NotificationARNs': [],
  };
  return {
    ref(name) {
      const value = stack.parameters[name] ?? pseudo[name] ?? stack.resources.get(name)?.id;
      if (value === undefined) throw new TemplateError(`Ref ${name} is unresolved`);
      return value;
    },
    attribute(logicalId, attribute) {
      const value = stack.resources.get(logicalId)?.attributes[attribute];
      if (value === undefined) throw new TemplateError(`Fn::GetAtt ${logicalId}.${attribute} is unresolved`);
      return value;
    },
    exported(name) {
      const output = others.flatMap(({ outputs }) => outputs).find(({ exportName }) => exportName === name);
      if (!output) throw new TemplateError(`No export named ${name} found`);
      return output.value;
    },
  };
}

function holds(conditions: Record<string, boolean>, name: string): boolean {
  const value = conditions[name];
  if (value === undefined) throw new TemplateError(`Unresolved condition ${name}`);
  return value;
}

/** AWS publishes its images as parameters; the region has one image an architecture. */
function storedImage(parameterName: string): string {
  if (parameterName.startsWith('/aws/service/'))
    return `ami-0000000000000000${parameterName.endsWith('x86_64') ? 1 : 0}`;
  throw new TemplateError(`Parameter ${parameterName} is none of AWS's public ones`);
}

function describeStacks(all: Stack[], { StackName, NextToken }: { StackName?: string; NextToken?: string }) {
  const wanted = all.filter(
    ({ name, id }) => StackName === undefined || name === StackName || id === StackName,
  );
  if (StackName !== undefined && wanted.length === 0) {
    throw new AwsError('ValidationError', `Stack with id ${StackName} does not exist`);
  }
  const { items, next } = page(wanted, NextToken, pageSize, 'ValidationError');
  return {
    Stacks: items.map((stack) => ({
      StackId: stack.id,
      StackName: stack.name,
      CreationTime: new Date(stack.createdAt),
      StackStatus: stack.status,
      DisableRollback: false,
      Parameters: Object.entries(stack.parameters).map(([ParameterKey, value]) => ({
        ParameterKey,
        ParameterValue: [value].flat().join(','),
      })),
      Outputs: stack.outputs.map(({ key, value, description, exportName }) => ({
        OutputKey: key,
        OutputValue: value,
        ...(description !== undefined && { Description: description }),
        ...(exportName !== undefined && { ExportName: exportName }),
      })),
      Tags: [],
    })),
    ...(next && { NextToken: next }),
  };
}
