import type { Members } from './service.ts';

/**
 * The members that each operation accepts, with AWS's published limits: lengths of strings, counts of
 * lists, values of numbers. What a schema has and this doesn't is refused.
 */
const groupName = { min: 1, max: 255 };
const hookName = { min: 1, max: 255, pattern: /^[A-Za-z0-9\-_/]+$/ };
const token = { min: 36, max: 36 };
const instanceId = { min: 1, max: 19 };
const text = {};

const lifecycleAction: Members = {
  LifecycleHookName: hookName,
  AutoScalingGroupName: groupName,
  LifecycleActionToken: token,
  InstanceId: instanceId,
};

export const autoscalingLimits: Record<string, Members> = {
  SetDesiredCapacity: { AutoScalingGroupName: groupName, DesiredCapacity: { min: 0 } },
  TerminateInstanceInAutoScalingGroup: { InstanceId: instanceId, ShouldDecrementDesiredCapacity: {} },
  CompleteLifecycleAction: {
    ...lifecycleAction,
    LifecycleActionResult: { values: ['CONTINUE', 'ABANDON'] },
  },
  RecordLifecycleActionHeartbeat: lifecycleAction,
  DescribeAutoScalingGroups: {
    AutoScalingGroupNames: { max: 100, each: groupName },
    IncludeInstances: {},
    NextToken: text,
    MaxRecords: { min: 1, max: 100 },
    Filters: { max: 20, each: { members: { Name: text, Values: {} } } },
  },
  DescribeAutoScalingInstances: {
    InstanceIds: { max: 50, each: instanceId },
    MaxRecords: { min: 1, max: 50 },
    NextToken: text,
  },
  DescribeScalingActivities: {
    ActivityIds: { max: 100 },
    AutoScalingGroupName: groupName,
    MaxRecords: { min: 1, max: 100 },
    NextToken: text,
  },
  DescribeLifecycleHooks: {
    AutoScalingGroupName: groupName,
    LifecycleHookNames: { max: 50, each: hookName },
  },
};

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
  GetCommandInvocation: { CommandId: token, InstanceId: managedInstanceId, PluginName: { min: 4 } },
  ListCommandInvocations: {
    CommandId: token,
    InstanceId: managedInstanceId,
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

export const targetLimits: Record<string, Members> = {
  RegisterTargets: { TargetGroupArn: text, Targets: { each: target } },
  DeregisterTargets: { TargetGroupArn: text, Targets: { each: target } },
  DescribeTargetHealth: { TargetGroupArn: text, Targets: { each: target } },
  DescribeTargetGroups: { LoadBalancerArn: text, TargetGroupArns: {}, Names: {}, ...pages },
  DescribeTargetGroupAttributes: { TargetGroupArn: text },
  DescribeLoadBalancers: { LoadBalancerArns: { max: 20 }, Names: {}, ...pages },
  DescribeListeners: { LoadBalancerArn: text, ListenerArns: {}, ...pages },
  DescribeTags: { ResourceArns: { max: 20 } },
};
