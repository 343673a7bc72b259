const noInstance = 'i-0123456789abcdef0';
const noCommand = '00000000-0000-4000-8000-000000000000';
/** Ids that nothing has. */
export const nobody = [noInstance, noCommand];

/**
 * An input of the operation that succeeds, one that is refused, and AWS's code for that, as a pattern. Where a real
 * account is not to be asked, the last one says why.
 *
 * A row says what it needs by the names that it uses: `$small` ones are what a world has made for it
 * (contract-rows.ts), `$Large` ones the member of that name in the first good answer that had it. What a row changes has the
 * world's prefix in its name, or is an instance that it made.
 */
export type Call = [
  operation: string,
  good: object | 'none',
  refused: object | 'unsigned',
  code: string,
  notOnAccount?: string,
];

const group = { AutoScalingGroupName: '$managed' };
const coming = { AutoScalingGroupName: '$coming' };
const noGroup = { AutoScalingGroupName: '$prefix-none' };
const hook = { ...group, LifecycleHookName: 'new' };
const waiting = {
  ...coming,
  LifecycleHookName: 'contract-launch',
  InstanceId: '$waiting',
};
const tag = { ResourceId: '$managed', ResourceType: 'auto-scaling-group', Key: 'team', Value: 'net' };
const decrement = { ShouldDecrementDesiredCapacity: true };
const noTarget = {
  TargetGroupArn: 'arn:aws:elasticloadbalancing:$region:$account:targetgroup/$prefix-none/0123456789abcdef',
};
const noBalancer = {
  LoadBalancerArn:
    'arn:aws:elasticloadbalancing:$region:$account:loadbalancer/net/$prefix-none/0123456789abcdef',
};
const send = { DocumentName: '$document', Parameters: { mode: ['check'] } };
const target = { TargetGroupArn: '$targetGroup' };
const listener = {
  Protocol: 'TCP',
  Port: 3129,
  DefaultActions: [{ Type: 'forward', ...target }],
};
const queue = { QueueUrl: '$QueueUrl' };
const noQueue = { QueueUrl: 'https://sqs.$region.amazonaws.com/$account/$prefix-none' };
const queueGone = 'QueueDoesNotExist|AWS.SimpleQueueService.NonExistentQueue';
const made = { StackName: '$prefix-made' };
const stack = {
  ...made,
  TemplateBody: 'Resources: { Topic: { Type: AWS::SNS::Topic } }',
  OnFailure: 'DO_NOTHING',
};
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
    ['CreateOrUpdateTags', { Tags: [tag] }, { Tags: [{ ...tag, Key: 'aws:x' }] }, invalid],
    [
      'DescribeTags',
      { Filters: [{ Name: 'key', Values: ['team'] }] },
      { Filters: [{ Name: 'team', Values: ['key'] }] },
      invalid,
    ],
    ['DeleteTags', { Tags: [tag] }, { Tags: [{ ...tag, ResourceId: '$prefix-none' }] }, invalid],
    [
      'SuspendProcesses',
      { ...group, ScalingProcesses: ['AZRebalance'] },
      { ...group, ScalingProcesses: ['Sleep'] },
      invalid,
    ],
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
      'what is detached belongs to nobody, and nothing here could end it',
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
    ['PutWarmPool', { ...group, MinSize: 1, MaxGroupPreparedCapacity: 0 }, noGroup, invalid],
    ['DescribeWarmPool', group, noGroup, invalid],
    ['DeleteWarmPool', { ...group, ForceDelete: true }, noGroup, invalid],
    ['StartInstanceRefresh', coming, { ...coming, Strategy: 'Sideways' }, invalid],
    ['DescribeInstanceRefreshes', coming, noGroup, invalid],
    ['CancelInstanceRefresh', coming, group, 'ActiveInstanceRefreshNotFound'],
  ],
  ssm: [
    [
      'PutParameter',
      { Name: '/$prefix/contract', Value: 'x', Type: 'String' },
      { Name: '$prefix/contract', Value: 'x', Type: 'String' },
      'ValidationException',
    ],
    ['GetParameter', { Name: '/$prefix/contract' }, { Name: '/$prefix/none' }, 'ParameterNotFound'],
    [
      'GetParameters',
      { Names: ['/$prefix/contract'] },
      { Names: ['/$prefix/contract', '/$prefix/contract'] },
      'ValidationException',
    ],
    ['GetParametersByPath', { Path: '/$prefix' }, { Path: '$prefix' }, 'ValidationException'],
    ['GetParameterHistory', { Name: '/$prefix/contract' }, { Name: '/$prefix/none' }, 'ParameterNotFound'],
    ['DeleteParameter', { Name: '/$prefix/contract' }, { Name: '/$prefix/contract' }, 'ParameterNotFound'],
    [
      'DeleteParameters',
      { Names: ['/$prefix/contract'] },
      { Names: Array(11).fill('/$prefix/contract') },
      'ValidationException',
    ],
    [
      'SendCommand',
      { ...send, InstanceIds: ['$instance'] },
      { ...send, InstanceIds: [noInstance] },
      'InvalidInstanceId',
    ],
    ['ListCommands', {}, { Filters: colour }, 'ValidationException'],
    ['ListCommandInvocations', { CommandId: '$CommandId' }, { Filters: colour }, 'ValidationException'],
    [
      'GetCommandInvocation',
      { CommandId: '$CommandId', InstanceId: '$instance' },
      { CommandId: '$CommandId', InstanceId: noInstance },
      'InvocationDoesNotExist',
    ],
    ['CancelCommand', { CommandId: '$CommandId' }, { CommandId: noCommand }, 'InvalidCommandId'],
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
    ['DescribeLoadBalancers', { Names: ['$loadBalancer'] }, { Names: ['none'] }, 'LoadBalancerNotFound'],
    [
      'DescribeTags',
      { ResourceArns: ['$targetGroup'] },
      { ResourceArns: [noTarget.TargetGroupArn] },
      'TargetGroupNotFound',
    ],
    [
      'RegisterTargets',
      { ...target, Targets: [{ Id: '$instance' }] },
      { ...target, Targets: [{ Id: noInstance }] },
      'InvalidTarget',
    ],
    ['DescribeTargetHealth', target, noTarget, 'TargetGroupNotFound'],
    [
      'DeregisterTargets',
      { ...target, Targets: [{ Id: '$instance' }] },
      { ...noTarget, Targets: [{ Id: '$instance' }] },
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
    ['Invoke', { FunctionName: '$function' }, { FunctionName: '$prefix-none' }, 'ResourceNotFoundException'],
  ],
  events: [
    [
      'PutEvents',
      { Entries: [{ Source: '$prefix', DetailType: 'x', Detail: '{}' }] },
      { Entries: Array(11).fill({ Source: '$prefix' }) },
      'ValidationException',
    ],
    ['DisableRule', { Name: '$rule' }, { Name: '$prefix-none' }, 'ResourceNotFoundException'],
    ['EnableRule', { Name: '$rule' }, { Name: '$prefix-none' }, 'ResourceNotFoundException'],
    ['ListRules', {}, { Limit: 101 }, 'ValidationException'],
  ],
  sqs: [
    ['GetQueueUrl', { QueueName: '$queueName' }, { QueueName: '$prefix-none' }, queueGone],
    [
      'ListQueues',
      { QueueNamePrefix: '$prefix' },
      { MaxResults: 1 },
      'ValidationException',
      'there are pages there, which this region refuses to make',
    ],
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
      { SourceArn: 'arn:aws:sqs:$region:$account:$prefix-none' },
      'ResourceNotFoundException',
    ],
  ],
  cloudformation: [
    ['CreateStack', stack, stack, 'AlreadyExistsException'],
    ['DescribeStacks', {}, { StackName: 'none' }, invalid],
    ['DeleteStack', made, { ...made, ClientRequestToken: 'x'.repeat(129) }, invalid],
  ],
  // The last one: once told to sign nothing, the CLI's process goes on like that.
  sts: [['GetCallerIdentity', {}, 'unsigned', 'MissingAuthenticationToken']],
};
