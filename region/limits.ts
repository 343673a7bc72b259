import type { Members } from './service.ts';

/**
 * The members that each operation accepts, with AWS's published limits: lengths of strings, counts of
 * lists, values of numbers. What a schema has and this doesn't is refused.
 */
const token = { min: 36, max: 36 };
const text = {};

const parameterName = { min: 1, max: 2048 };
const parameterNames = { min: 1, max: 10, each: parameterName };

export const parameterLimits: Record<string, Members> = {
  PutParameter: {
    Name: parameterName,
    Description: { max: 1024 },
    Value: { min: 1 },
    Type: { values: ['String', 'StringList'] },
    Overwrite: {},
    Tier: { values: ['Standard', 'Advanced', 'Intelligent-Tiering'] },
    DataType: { values: ['text'] },
  },
  GetParameter: { Name: parameterName, WithDecryption: {} },
  GetParameters: { Names: parameterNames, WithDecryption: {} },
  GetParametersByPath: {
    Path: parameterName,
    Recursive: {},
    WithDecryption: {},
    MaxResults: { min: 1, max: 10 },
    NextToken: text,
  },
  GetParameterHistory: {
    Name: parameterName,
    WithDecryption: {},
    MaxResults: { min: 1, max: 50 },
    NextToken: text,
  },
  DeleteParameter: { Name: parameterName },
  DeleteParameters: { Names: parameterNames },
};

const managedInstanceId = { pattern: /(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)/ };
const instanceFilters = {
  each: { members: { Key: { min: 1 }, Values: { min: 1, max: 100, each: { min: 1 } } } },
};

export const commandLimits: Record<string, Members> = {
  SendCommand: {
    InstanceIds: { min: 0, max: 50, each: managedInstanceId },
    DocumentName: { pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ },
    DocumentVersion: { pattern: /([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)/ },
    DocumentHash: { max: 256 },
    DocumentHashType: { values: ['Sha256'] },
    TimeoutSeconds: { min: 30, max: 2_592_000 },
    Comment: { max: 100 },
    Parameters: {},
    MaxConcurrency: { min: 1, max: 7, pattern: /^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$/ },
    MaxErrors: { min: 1, max: 7, pattern: /^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$/ },
  },
  CancelCommand: { CommandId: token, InstanceIds: { max: 50, each: managedInstanceId } },
  GetCommandInvocation: { CommandId: token, InstanceId: managedInstanceId, PluginName: { min: 4 } },
  ListCommandInvocations: {
    CommandId: token,
    InstanceId: managedInstanceId,
    Filters: {
      min: 1,
      max: 5,
      each: {
        members: {
          key: { values: ['DocumentName', 'InvokedAfter', 'InvokedBefore'] },
          value: { min: 1, max: 128 },
        },
      },
    },
    MaxResults: { min: 1, max: 50 },
    NextToken: text,
    Details: {},
  },
  ListCommands: {
    CommandId: token,
    InstanceId: managedInstanceId,
    MaxResults: { min: 1, max: 50 },
    NextToken: text,
  },
  DescribeInstanceInformation: { Filters: instanceFilters, MaxResults: { min: 5, max: 50 }, NextToken: text },
};

const target = { members: { Id: text, Port: { min: 1, max: 65_535 }, AvailabilityZone: text } };
const pages: Members = { Marker: text, PageSize: { min: 1, max: 400 } };

const forward = {
  min: 1,
  max: 1,
  each: { members: { Type: { values: ['forward'] }, TargetGroupArn: text } },
};

export const targetLimits: Record<string, Members> = {
  RegisterTargets: { TargetGroupArn: text, Targets: { each: target } },
  DeregisterTargets: { TargetGroupArn: text, Targets: { each: target } },
  DescribeTargetHealth: { TargetGroupArn: text, Targets: { each: target } },
  DescribeTargetGroups: { LoadBalancerArn: text, TargetGroupArns: {}, Names: {}, ...pages },
  DescribeTargetGroupAttributes: { TargetGroupArn: text },
  ModifyTargetGroupAttributes: {
    TargetGroupArn: text,
    Attributes: { min: 1, each: { members: { Key: { max: 256 }, Value: text } } },
  },
  CreateListener: {
    LoadBalancerArn: text,
    Protocol: { values: ['TCP'] },
    Port: { min: 1, max: 65_535 },
    DefaultActions: forward,
  },
  ModifyListener: { ListenerArn: text, DefaultActions: forward },
  DeleteListener: { ListenerArn: text },
  DescribeLoadBalancers: { LoadBalancerArns: { max: 20 }, Names: {}, ...pages },
  DescribeListeners: { LoadBalancerArn: text, ListenerArns: {}, ...pages },
  DescribeTags: { ResourceArns: { max: 20 } },
};

const rule: Members = { Name: { min: 1, max: 64, pattern: /[.\-_A-Za-z0-9]+/ } };

export const eventLimits: Record<string, Members> = {
  PutEvents: {
    Entries: {
      min: 1,
      max: 10,
      each: {
        members: { Source: {}, DetailType: {}, Detail: {}, Time: {}, Resources: {}, EventBusName: {} },
      },
    },
  },
  EnableRule: rule,
  DisableRule: rule,
  ListRules: { NextToken: { min: 1, max: 2048 }, Limit: { min: 1, max: 100 } },
};

/** One queue's dead letters are read by hand: no FIFO, nothing to make a receive idempotent. */
export const queueLimits: Record<string, Members> = {
  ChangeMessageVisibility: {
    ...{ QueueUrl: {}, ReceiptHandle: {} },
    VisibilityTimeout: { min: 0, max: 43_200 },
  },
  GetQueueUrl: { QueueName: {} },
  ListQueues: { QueueNamePrefix: {} },
  ReceiveMessage: {
    ...{ QueueUrl: {}, AttributeNames: {}, MessageSystemAttributeNames: {}, MessageAttributeNames: {} },
    MaxNumberOfMessages: { min: 1, max: 10 },
    VisibilityTimeout: { min: 0, max: 43_200 },
    WaitTimeSeconds: { min: 0, max: 20 },
  },
};
