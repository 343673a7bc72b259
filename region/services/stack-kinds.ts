import { compileTransformer } from '../input-transformer.ts';
import { readPolicy, type Statement } from '../policy.ts';
import { TemplateError } from '../template-intrinsics.ts';
import { isTopic } from './event-delivery.ts';
import type { QueueSettings } from './queues.ts';
import { accessKinds } from './stack-access.ts';
import { fleetKinds } from './stack-fleet.ts';
import { functionKinds, queueArn } from './stack-functions.ts';
import { type KindsOptions, kind, type Properties } from './stack-kind.ts';
import { recordedKinds } from './stack-recorded.ts';
import type { ResourceKind } from './stacks.ts';

/** Every resource type that a template may hold, by its name. */
export function resourceKinds(options: KindsOptions): Record<string, ResourceKind> {
  return {
    ...recordedKinds(options.world.ids),
    ...accessKinds(options.world.access, options.world.ids),
    ...functionKinds(options),
    ...eventKinds(options),
    ...systemsManagerKinds(options),
    ...fleetKinds(options.world),
  };
}

function eventKinds({ events, queues, topics }: KindsOptions): Record<string, ResourceKind> {
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
      { remove: events.removeRule },
    ),
    'AWS::SQS::Queue': kind(
      'QueueName MessageRetentionPeriod SqsManagedSseEnabled KmsMasterKeyId VisibilityTimeout Tags',
      (p, { generatedName }) => {
        const name = p.QueueName ?? generatedName;
        const queue = queues.create(name, queueSettings(p));
        return { id: queue.url, Arn: queue.arn, QueueName: name, QueueUrl: queue.url };
      },
      { update: (url, p) => queues.change(url, queueSettings(p)), remove: queues.remove },
    ),
    'AWS::SQS::QueuePolicy': policyKind('Queues', queues.setPolicy),
    'AWS::SNS::Topic': kind(
      'TopicName KmsMasterKeyId Tags',
      (p, { generatedName }) => {
        const name = p.TopicName ?? generatedName;
        return { id: topics.create(name), TopicName: name };
      },
      { remove: topics.remove },
    ),
    'AWS::SNS::TopicPolicy': policyKind('Topics', topics.setPolicy),
  };
}

/** A policy of its own for each of some resources; without it nobody else may use them. */
function policyKind(list: string, setPolicy: (id: string, policy: Statement[]) => void): ResourceKind {
  return kind(
    `${list} PolicyDocument`,
    (p, { generatedName }) => {
      for (const id of p[list]) setPolicy(id, readPolicy(p.PolicyDocument, 'resource'));
      return { id: generatedName };
    },
    {
      remove(_, p) {
        for (const id of p[list]) setPolicy(id, []);
      },
    },
  );
}

function queueSettings({
  VisibilityTimeout,
  MessageRetentionPeriod,
  KmsMasterKeyId,
}: Properties): Partial<QueueSettings> {
  return {
    kmsKeyArn: KmsMasterKeyId,
    ...(VisibilityTimeout !== undefined && { visibilityTimeoutSeconds: Number(VisibilityTimeout) }),
    ...(MessageRetentionPeriod !== undefined && { retentionSeconds: Number(MessageRetentionPeriod) }),
  };
}

const targetProperties = ['Id', 'Arn', 'DeadLetterConfig', 'InputTransformer', 'RetryPolicy'];

function ruleTarget(target: Properties) {
  const { Id, Arn, DeadLetterConfig, InputTransformer, RetryPolicy: policy } = target;
  const unknown = Object.keys(target).find((property) => !targetProperties.includes(property));
  if (unknown) throw new TemplateError(`target ${Id}: ${unknown} is not known to the region`);
  if (!isTopic(Arn) && !String(Arn).startsWith('arn:aws:lambda:'))
    throw new TemplateError(`target ${Id} is neither a Lambda function nor a topic`);
  if (!isTopic(Arn) && InputTransformer)
    throw new TemplateError(`target ${Id}: the region transforms the input of topics alone`);
  const retryPolicy = {
    ...(policy?.MaximumRetryAttempts !== undefined && {
      maximumRetryAttempts: Number(policy.MaximumRetryAttempts),
    }),
    ...(policy?.MaximumEventAgeInSeconds !== undefined && {
      maximumEventAgeSeconds: Number(policy.MaximumEventAgeInSeconds),
    }),
  };
  return {
    arn: Arn,
    retryPolicy,
    ...(InputTransformer && { transform: compileTransformer(InputTransformer) }),
    ...(DeadLetterConfig && { deadLetterQueue: queueArn(DeadLetterConfig.Arn) }),
  };
}

function systemsManagerKinds({ world }: KindsOptions): Record<string, ResourceKind> {
  const putDocument = (name: string, { DocumentType, Content }: Properties) => {
    if (DocumentType !== 'Command') throw new TemplateError('only Command documents are known to the region');
    world.commands.putDocument(name, typeof Content === 'string' ? Content : JSON.stringify(Content));
  };
  return {
    'AWS::SSM::Document': kind(
      'Name Content DocumentType DocumentFormat TargetType UpdateMethod Tags',
      (p, { generatedName }) => {
        const name = p.Name ?? generatedName;
        putDocument(name, p);
        return { id: name };
      },
      { update: putDocument, remove: world.commands.deleteDocument },
    ),
    'AWS::SSM::Parameter': kind(
      'Name Type Value',
      (p, { generatedName }) => {
        const name = p.Name ?? generatedName;
        world.parameters.put({ Name: name, Type: p.Type, Value: String(p.Value) });
        return { id: name, Type: p.Type, Value: String(p.Value) };
      },
      {
        update: (name, { Type, Value }) =>
          world.parameters.put({ Name: name, Type, Value: String(Value), Overwrite: true }),
        remove: world.parameters.delete,
      },
    ),
  };
}
