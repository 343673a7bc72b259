import { basename } from 'node:path';
import { sessionArn } from '../access.ts';
import { arn, region } from '../service.ts';
import { TemplateError } from '../template-intrinsics.ts';
import type { World } from '../world.ts';
import type { FunctionDefinition } from './function-execution.ts';
import { asyncDefaults, type Permission } from './functions.ts';
import { type KindsOptions, kind, type Properties } from './stack-kind.ts';
import type { ResourceKind } from './stacks.ts';

export function functionKinds(options: KindsOptions): Record<string, ResourceKind> {
  const { functions } = options;
  return {
    'AWS::Lambda::Function': kind(
      // Lambda decrypts the environment by a grant of its own, so the key asks nothing of the role.
      'FunctionName Description Handler Runtime MemorySize Timeout Architectures Tags Environment KmsKeyArn Role Code ReservedConcurrentExecutions',
      (p, { generatedName }) => {
        const definition = definitionOf(options, p.FunctionName ?? generatedName, p);
        functions.create(definition);
        return { id: definition.name, Arn: definition.arn };
      },
      {
        update: (name, p) => functions.change(name, definitionOf(options, name, p)),
        remove: (name) => functions.remove(name),
      },
    ),
    'AWS::Lambda::Permission': kind(
      'Action FunctionName Principal SourceArn SourceAccount',
      (p, { generatedName }) => {
        if (p.Action !== 'lambda:InvokeFunction')
          throw new TemplateError(`Action ${p.Action} is not known to the region`);
        functions.permit(permissionOf(p));
        return { id: generatedName };
      },
      { remove: (_, p) => functions.forbid(permissionOf(p)) },
    ),
    'AWS::Lambda::EventInvokeConfig': kind(
      'FunctionName Qualifier DestinationConfig MaximumRetryAttempts MaximumEventAgeInSeconds',
      (p, { generatedName }) => {
        const { OnFailure, ...others } = p.DestinationConfig ?? {};
        if (Object.keys(others).length > 0)
          throw new TemplateError('only OnFailure destinations are known to the region');
        functions.configureAsync(p.FunctionName, {
          ...asyncDefaults,
          ...(p.MaximumRetryAttempts !== undefined && {
            maximumRetryAttempts: Number(p.MaximumRetryAttempts),
          }),
          ...(p.MaximumEventAgeInSeconds !== undefined && {
            maximumEventAgeSeconds: Number(p.MaximumEventAgeInSeconds),
          }),
          ...(OnFailure && { onFailure: queueArn(OnFailure.Destination) }),
        });
        return { id: generatedName };
      },
      { remove: (_, p) => functions.configureAsync(p.FunctionName, asyncDefaults) },
    ),
  };
}

function permissionOf(p: Properties): Permission {
  return {
    functionName: p.FunctionName,
    principal: p.Principal,
    ...(p.SourceArn !== undefined && { sourceArn: p.SourceArn }),
  };
}

function definitionOf(
  { world, endpoint, unpack }: KindsOptions,
  name: string,
  p: Properties,
): FunctionDefinition {
  if (!p.Code?.S3Key) throw new TemplateError('the region takes code from a package alone (Code.S3Key)');
  const code = unpack(basename(p.Code.S3Key), name);
  return {
    name,
    arn: arn('lambda', `function:${name}`),
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
      ...credentials(world, p.Role, name),
      ...p.Environment?.Variables,
    },
    ...(p.ReservedConcurrentExecutions !== undefined && {
      reservedConcurrency: Number(p.ReservedConcurrentExecutions),
    }),
  };
}

/** Each function calls with credentials of its own, as the role's session that Lambda makes for it. */
function credentials({ ids, wire }: World, role: string, name: string): Record<string, string> {
  const accessKeyId = `ASIA${ids.hex(16).toUpperCase()}`;
  wire.identities.set(accessKeyId, sessionArn(role.split('/').at(-1)!, name));
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: ids.hex(40),
    AWS_SESSION_TOKEN: ids.hex(64),
  };
}

export function queueArn(value: string): string {
  if (value.startsWith('arn:aws:sqs:')) return value;
  throw new TemplateError(`${value} is no queue; other destinations are not known to the region`);
}
