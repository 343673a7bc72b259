import { basename } from 'node:path';
import { account, arn, region } from '../service.ts';
import { TemplateError } from '../template-intrinsics.ts';
import type { World } from '../world.ts';
import type { Events } from './events.ts';
import type { Functions } from './functions.ts';
import type { QueueStatement, Queues } from './queues.ts';
import { fleetKinds } from './stack-fleet.ts';
import { kind, type Properties } from './stack-kind.ts';
import { recordedKinds } from './stack-recorded.ts';
import type { ResourceKind } from './stacks.ts';

export interface KindsOptions {
  world: World;
  functions: Functions;
  events: Events;
  queues: Queues;
  /** What a function's AWS_ENDPOINT_URL says. */
  endpoint: string;
  /** Unpacks a function's code, by the file name of its zip, and answers where it is now. */
  unpack(zipName: string, functionName: string): { directory: string; size: number; sha256: string };
}

/** Every resource type that a template may hold, by its name. */
export function resourceKinds(options: KindsOptions): Record<string, ResourceKind> {
  return {
    ...recordedKinds(options.world.ids),
    ...functionKinds(options),
    ...eventKinds(options),
    ...systemsManagerKinds(options),
    ...fleetKinds(options.world),
  };
}

function functionKinds({ world, functions, endpoint, unpack }: KindsOptions): Record<string, ResourceKind> {
  /** Each function calls with credentials of its own, as the role's session that Lambda makes for it. */
  const credentials = (role: string, name: string): Record<string, string> => {
    const accessKeyId = `ASIA${world.ids.hex(16).toUpperCase()}`;
    const session = `assumed-role/${role.split('/').at(-1)}/${name}`;
    world.wire.identities.set(accessKeyId, `arn:aws:sts::${account}:${session}`);
    return {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.ids.hex(40),
      AWS_SESSION_TOKEN: world.ids.hex(64),
    };
  };
  return {
    'AWS::Lambda::Function': kind(
      'FunctionName Description Handler Runtime MemorySize Timeout Architectures Tags Environment Role Code ReservedConcurrentExecutions',
      (p, { generatedName }) => {
        const name = p.FunctionName ?? generatedName;
        if (!p.Code?.S3Key)
          throw new TemplateError('the region takes code from a package alone (Code.S3Key)');
        const code = unpack(basename(p.Code.S3Key), name);
        const functionArn = arn('lambda', `function:${name}`);
        functions.create({
          name,
          arn: functionArn,
          role: p.Role,
          runtime: p.Runtime,
          handler: p.Handler,
          description: p.Description ?? '',
          architectures: p.Architectures ?? ['x86_64'],
          timeoutSeconds: Number(p.Timeout ?? 3),
          memoryMegabytes: Number(p.MemorySize ?? 128),
          directory: code.directory,
          codeSize: code.size,
          codeSha256: code.sha256,
          environment: {
            AWS_REGION: region,
            AWS_DEFAULT_REGION: region,
            AWS_ENDPOINT_URL: endpoint,
            ...credentials(p.Role, name),
            ...p.Environment?.Variables,
          },
          ...(p.ReservedConcurrentExecutions !== undefined && {
            reservedConcurrency: Number(p.ReservedConcurrentExecutions),
          }),
        });
        return { id: name, Arn: functionArn };
      },
    ),
    'AWS::Lambda::Permission': kind(
      'Action FunctionName Principal SourceArn SourceAccount',
      (p, { generatedName }) => {
        if (p.Action !== 'lambda:InvokeFunction')
          throw new TemplateError(`Action ${p.Action} is not known to the region`);
        functions.permit({
          functionName: p.FunctionName,
          principal: p.Principal,
          ...(p.SourceArn !== undefined && { sourceArn: p.SourceArn }),
        });
        return { id: generatedName };
      },
    ),
    'AWS::Lambda::EventInvokeConfig': kind(
      'FunctionName Qualifier DestinationConfig MaximumRetryAttempts MaximumEventAgeInSeconds',
      (p, { generatedName }) => {
        const { OnFailure, ...others } = p.DestinationConfig ?? {};
        if (Object.keys(others).length > 0)
          throw new TemplateError('only OnFailure destinations are known to the region');
        functions.configureAsync(p.FunctionName, {
          maximumRetryAttempts: Number(p.MaximumRetryAttempts ?? 2),
          maximumEventAgeSeconds: Number(p.MaximumEventAgeInSeconds ?? 21_600),
          ...(OnFailure && { onFailure: queueArn(OnFailure.Destination) }),
        });
        return { id: generatedName };
      },
    ),
  };
}

function eventKinds({ events, queues }: KindsOptions): Record<string, ResourceKind> {
  return {
    'AWS::Events::Rule': kind(
      'Name Description EventBusName EventPattern ScheduleExpression State Targets',
      (p, { generatedName }) => {
        const name = p.Name ?? generatedName;
        if ((p.EventBusName ?? 'default') !== 'default')
          throw new TemplateError('the region has the default bus alone');
        const ruleArn = events.createRule({
          name,
          pattern: p.EventPattern,
          schedule: p.ScheduleExpression,
          enabled: p.State !== 'DISABLED',
          targets: (p.Targets ?? []).map(ruleTarget),
        });
        return { id: name, Arn: ruleArn };
      },
    ),
    'AWS::SQS::Queue': kind(
      'QueueName MessageRetentionPeriod SqsManagedSseEnabled KmsMasterKeyId VisibilityTimeout Tags',
      (p, { generatedName }) => {
        const name = p.QueueName ?? generatedName;
        const queue = queues.create(name);
        return { id: queue.url, Arn: queue.arn, QueueName: name, QueueUrl: queue.url };
      },
    ),
    'AWS::SQS::QueuePolicy': kind('Queues PolicyDocument', (p, { generatedName }) => {
      for (const url of p.Queues)
        queues.setPolicy(url, [p.PolicyDocument.Statement].flat() as QueueStatement[]);
      return { id: generatedName };
    }),
  };
}

function ruleTarget({ Id, Arn, DeadLetterConfig, RetryPolicy, ...others }: Properties) {
  const [unknown] = Object.keys(others); // Input and InputTransformer among them.
  if (unknown) throw new TemplateError(`target ${Id}: ${unknown} is not known to the region`);
  if (!String(Arn).startsWith('arn:aws:lambda:'))
    throw new TemplateError(`target ${Id} is no Lambda function`);
  return { arn: Arn, ...(DeadLetterConfig && { deadLetterQueue: queueArn(DeadLetterConfig.Arn) }) };
}

function queueArn(value: string): string {
  if (value.startsWith('arn:aws:sqs:')) return value;
  throw new TemplateError(`${value} is no queue; other destinations are not known to the region`);
}

function systemsManagerKinds({ world }: KindsOptions): Record<string, ResourceKind> {
  return {
    'AWS::SSM::Document': kind(
      'Name Content DocumentType DocumentFormat TargetType UpdateMethod Tags',
      (p, { generatedName }) => {
        const name = p.Name ?? generatedName;
        if (p.DocumentType !== 'Command')
          throw new TemplateError('only Command documents are known to the region');
        world.commands.putDocument(
          name,
          typeof p.Content === 'string' ? p.Content : JSON.stringify(p.Content),
        );
        return { id: name };
      },
    ),
    'AWS::SSM::Parameter': kind('Name Type Value', (p, { generatedName }) => {
      const name = p.Name ?? generatedName;
      world.parameters.put({ Name: name, Type: p.Type, Value: String(p.Value) });
      return { id: name, Type: p.Type, Value: String(p.Value) };
    }),
  };
}
