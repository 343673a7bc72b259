import { launchHook } from './bed.ts';

/**
 * An input of the operation that succeeds, one that is refused, and AWS's code for that, as a pattern.
 * `$Member` is that member of the first good answer that had it, or an instance that the region began with.
 */
export type Call = [operation: string, good: object | 'none', refused: object | 'unsigned', code: string];

const group = { AutoScalingGroupName: 'managed' };
const coming = { AutoScalingGroupName: 'coming' };
const noGroup = { AutoScalingGroupName: 'none' };
const hook = { ...group, LifecycleHookName: 'new' };
const waiting = {
  AutoScalingGroupName: 'coming',
  LifecycleHookName: launchHook.name,
  InstanceId: '$waiting',
};
const tag = { ResourceId: 'managed', ResourceType: 'auto-scaling-group', Key: 'team', Value: 'net' };
const decrement = { ShouldDecrementDesiredCapacity: true };
const noInstance = 'i-0123456789abcdef0';
const noTarget = {
  TargetGroupArn:
    'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/none/0123456789abcdef',
};
const noBalancer = {
  LoadBalancerArn:
    'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:loadbalancer/net/none/0123456789abcdef',
};
const send = { DocumentName: 'shoal-apply', Parameters: { mode: ['check'] } };
const target = { TargetGroupArn: '$TargetGroupArn' };
const listener = {
  Protocol: 'TCP',
  Port: 3129,
  DefaultActions: [{ Type: 'forward', ...target }],
};
const queue = { QueueUrl: '$QueueUrl' };
const noQueue = { QueueUrl: 'https://sqs.ap-northeast-1.amazonaws.com/000000000000/none' };
const queueGone = 'QueueDoesNotExist|AWS.SimpleQueueService.NonExistentQueue';
const colour = [{ key: 'Colour', value: 'red' }];
const invalid = 'ValidationError';

/** By the service's name, in the order in which they run. */
export const calls: Record<string, Call[]> = {
  autoscaling: [
    ['DescribeAutoScalingGroups', {}, { Filters: [{ Name: 'colour', Values: ['red'] }] }, invalid],
    ['DescribeAutoScalingInstances', {}, { MaxRecords: 1000 }, invalid],
    ['DescribeLifecycleHooks', group, noGroup, invalid],
    ['DescribeScalingActivities', group, noGroup, invalid],
    [
      'PutLifecycleHook',
      { ...hook, LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING' },
      { ...hook, HeartbeatTimeout: 1 },
      invalid,
    ],
    ['DeleteLifecycleHook', hook, hook, invalid],
    ['RecordLifecycleActionHeartbeat', waiting, { ...waiting, InstanceId: noInstance }, invalid],
    [
      'CompleteLifecycleAction',
      { ...waiting, LifecycleActionResult: 'CONTINUE' },
      { ...waiting, LifecycleActionResult: 'CONTINUE' },
      invalid,
    ],
    ['SetDesiredCapacity', { ...group, DesiredCapacity: 3 }, { ...group, DesiredCapacity: 6 }, invalid],
    ['CreateOrUpdateTags', { Tags: [tag] }, { Tags: [{ Key: 'aws:x' }] }, invalid],
    [
      'DescribeTags',
      { Filters: [{ Name: 'key', Values: ['team'] }] },
      { Filters: [{ Name: 'team', Values: ['key'] }] },
      invalid,
    ],
    ['DeleteTags', { Tags: [tag] }, { Tags: [{ ...tag, ResourceId: 'none' }] }, invalid],
    ['SuspendProcesses', group, { ...group, ScalingProcesses: ['Sleep'] }, invalid],
    ['ResumeProcesses', group, { ...group, ScalingProcesses: ['Sleep'] }, invalid],
    [
      'EnterStandby',
      { ...group, InstanceIds: ['$one'], ...decrement },
      { ...group, InstanceIds: [noInstance], ...decrement },
      invalid,
    ],
    ['ExitStandby', { ...group, InstanceIds: ['$one'] }, { ...group, InstanceIds: ['$two'] }, invalid],
    [
      'DetachInstances',
      { ...group, InstanceIds: ['$one'], ...decrement },
      { ...group, InstanceIds: ['$one'], ...decrement },
      invalid,
    ],
    [
      'SetInstanceHealth',
      { InstanceId: '$two', HealthStatus: 'Healthy' },
      { InstanceId: noInstance, HealthStatus: 'Healthy' },
      invalid,
    ],
    [
      'TerminateInstanceInAutoScalingGroup',
      { InstanceId: '$two', ...decrement },
      { InstanceId: noInstance, ...decrement },
      invalid,
    ],
    [
      'PutWarmPool',
      { ...group, MinSize: 1, MaxGroupPreparedCapacity: 0 },
      { ...group, PoolState: 'Hibernated' },
      invalid,
    ],
    ['DescribeWarmPool', group, noGroup, invalid],
    ['DeleteWarmPool', { ...group, ForceDelete: true }, noGroup, invalid],
    ['StartInstanceRefresh', coming, { ...coming, Strategy: 'Sideways' }, invalid],
    ['DescribeInstanceRefreshes', coming, noGroup, invalid],
    ['CancelInstanceRefresh', coming, group, 'ActiveInstanceRefreshNotFound'],
  ],
  ssm: [
    [
      'PutParameter',
      { Name: '/a/b', Value: 'x', Type: 'String' },
      { Name: 'a/b', Value: 'x', Type: 'String' },
      'ValidationException',
    ],
    ['GetParameter', { Name: '/a/b' }, { Name: '/a/c' }, 'ParameterNotFound'],
    ['GetParameters', { Names: ['/a/b'] }, { Names: ['/a/b', '/a/b'] }, 'ValidationException'],
    ['GetParametersByPath', { Path: '/a' }, { Path: 'a' }, 'ValidationException'],
    ['GetParameterHistory', { Name: '/a/b' }, { Name: '/a/c' }, 'ParameterNotFound'],
    ['DeleteParameter', { Name: '/a/b' }, { Name: '/a/b' }, 'ParameterNotFound'],
    ['DeleteParameters', { Names: ['/a/b'] }, { Names: Array(11).fill('/a/b') }, 'ValidationException'],
    [
      'SendCommand',
      { ...send, InstanceIds: ['$InstanceId'] },
      { ...send, InstanceIds: [noInstance] },
      'InvalidInstanceId',
    ],
    ['ListCommands', {}, { Filters: colour }, 'ValidationException'],
    ['ListCommandInvocations', { CommandId: '$CommandId' }, { Filters: colour }, 'ValidationException'],
    [
      'GetCommandInvocation',
      { CommandId: '$CommandId', InstanceId: '$InstanceId' },
      { CommandId: '$CommandId', InstanceId: noInstance },
      'InvocationDoesNotExist',
    ],
    [
      'CancelCommand',
      { CommandId: '$CommandId' },
      { CommandId: '00000000-0000-4000-8000-000000000000' },
      'InvalidCommandId',
    ],
    [
      'DescribeInstanceInformation',
      {},
      { Filters: [{ Key: 'Colour', Values: ['red'] }] },
      'InvalidFilterKey',
    ],
  ],
  elbv2: [
    ['DescribeTargetGroups', {}, { Names: ['none'] }, 'TargetGroupNotFound'],
    ['DescribeTargetGroupAttributes', target, noTarget, 'TargetGroupNotFound'],
    [
      'ModifyTargetGroupAttributes',
      { ...target, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '20' }] },
      { ...target, Attributes: [{ Key: 'colour', Value: 'red' }] },
      'InvalidConfigurationRequest|ValidationError',
    ],
    ['DescribeLoadBalancers', {}, { Names: ['none'] }, 'LoadBalancerNotFound'],
    [
      'DescribeTags',
      { ResourceArns: ['$TargetGroupArn'] },
      { ResourceArns: [noTarget.TargetGroupArn] },
      'TargetGroupNotFound',
    ],
    [
      'RegisterTargets',
      { ...target, Targets: [{ Id: '$InstanceId' }] },
      { ...target, Targets: [{ Id: noInstance }] },
      'InvalidTarget',
    ],
    ['DescribeTargetHealth', target, noTarget, 'TargetGroupNotFound'],
    [
      'DeregisterTargets',
      { ...target, Targets: [{ Id: '$InstanceId' }] },
      { ...noTarget, Targets: [{ Id: '$InstanceId' }] },
      'TargetGroupNotFound',
    ],
    ['DescribeListeners', { LoadBalancerArn: '$LoadBalancerArn' }, noBalancer, 'LoadBalancerNotFound'],
    [
      'ModifyListener',
      { ListenerArn: '$ListenerArn', DefaultActions: [{ Type: 'forward', ...target }] },
      { ListenerArn: '$ListenerArn', DefaultActions: [{ Type: 'forward', ...noTarget }] },
      'TargetGroupNotFound',
    ],
    ['DeleteListener', { ListenerArn: '$ListenerArn' }, { ListenerArn: '$ListenerArn' }, 'ListenerNotFound'],
    [
      'CreateListener',
      { ...listener, LoadBalancerArn: '$LoadBalancerArn' },
      { ...listener, ...noBalancer },
      'LoadBalancerNotFound',
    ],
  ],
  lambda: [
    ['ListFunctions', {}, { MaxItems: 10_001 }, 'InvalidParameterValueException|ValidationException'],
    ['Invoke', { FunctionName: 'shoal-work' }, { FunctionName: 'none' }, 'ResourceNotFoundException'],
  ],
  events: [
    [
      'PutEvents',
      { Entries: [{ Source: 'me', DetailType: 'x', Detail: '{}' }] },
      { Entries: Array(11).fill({}) },
      'ValidationException',
    ],
    ['DisableRule', { Name: 'parameters' }, { Name: 'none' }, 'ResourceNotFoundException'],
    ['EnableRule', { Name: 'parameters' }, { Name: 'none' }, 'ResourceNotFoundException'],
    ['ListRules', {}, { Limit: 101 }, 'ValidationException'],
  ],
  sqs: [
    ['GetQueueUrl', { QueueName: 'dead' }, { QueueName: 'none' }, queueGone],
    ['ListQueues', {}, { MaxResults: 1 }, 'ValidationException'],
    [
      'GetQueueAttributes',
      { ...queue, AttributeNames: ['All'] },
      { ...queue, AttributeNames: ['Colour'] },
      'InvalidAttributeName',
    ],
    ['ReceiveMessage', queue, { ...queue, MaxNumberOfMessages: 11 }, 'ValidationException'],
    [
      'ChangeMessageVisibility',
      { ...queue, ReceiptHandle: '$ReceiptHandle', VisibilityTimeout: 20 },
      { ...queue, ReceiptHandle: 'x', VisibilityTimeout: 0 },
      'ReceiptHandleIsInvalid',
    ],
    [
      'DeleteMessage',
      { ...queue, ReceiptHandle: '$ReceiptHandle' },
      { ...queue, ReceiptHandle: 'x' },
      'ReceiptHandleIsInvalid',
    ],
    ['PurgeQueue', queue, noQueue, queueGone],
    // None succeeds: no queue here has messages that were moved to it from another one.
    ['StartMessageMoveTask', 'none', { SourceArn: '$QueueArn' }, 'InvalidParameterValue'],
    [
      'ListMessageMoveTasks',
      { SourceArn: '$QueueArn' },
      { SourceArn: 'arn:aws:sqs:ap-northeast-1:000000000000:none' },
      'ResourceNotFoundException',
    ],
  ],
  cloudformation: [
    ['DescribeStacks', {}, { StackName: 'none' }, invalid],
    ['DeleteStack', { StackName: 'none' }, { StackName: '' }, invalid],
  ],
  // The last one: once told to sign nothing, the CLI's process goes on like that.
  sts: [['GetCallerIdentity', {}, 'unsigned', 'MissingAuthenticationToken']],
};
